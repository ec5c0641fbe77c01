"""Rooms as a store: completed where interrupted, left alone when complete, refused when of other settings."""

import shutil
from pathlib import Path

import pytest

from data_prep.rooms import store as rooms
from data_prep.rooms.generate import generate
from data_prep.rooms.scanner import Scanner
from pointnc.scenes.store import SceneStore
from tests.helpers.mistakes import raises


def test_store_is_made_completed_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    coarse = Scanner(poses=4, width=40, height=30, voxel_size=0.12)
    monkeypatch.setattr(rooms, "generate", lambda *args, **keys: generate(*args, **keys, scanner=coarse))
    assert rooms.make_store(tmp_path, train=2, val=1, seed=3, workers=1).keys() == {"generate", "prepare"}
    store = SceneStore(tmp_path / "store")
    assert [len(store.scenes(split)) for split in ("train", "val")] == [2, 1]
    files = {path: path.stat().st_mtime_ns for path in store.root.rglob("*.npy")}
    assert rooms.make_store(tmp_path, train=2, val=1, seed=3, workers=1) == {}
    with raises("other-settings", "raw", "seed=3", 4):
        rooms.make_store(tmp_path, train=2, val=1, seed=4, workers=1)
    # Interrupted before the manifest: the scenes that are done stay.
    (store.root / "manifest.json").unlink()
    shutil.rmtree(store.root / "val")
    assert rooms.make_store(tmp_path, train=2, val=1, seed=3, workers=1) != {}
    assert len(SceneStore(tmp_path / "store").scenes("val")) == 1
    for path, stamp in files.items():
        assert path.parent.parent.name == "val" or path.stat().st_mtime_ns == stamp
    shutil.rmtree(tmp_path / "raw")
    assert rooms.make_store(tmp_path, train=2, val=1, seed=3, workers=1) == {}
    assert not (tmp_path / "raw").exists()
