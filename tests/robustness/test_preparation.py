"""What a killed, a full or a bad preparation leaves behind: nothing that counts, and nothing lost."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep.check.checking import check
from data_prep.custom import preparation as custom
from data_prep.custom import scene as custom_scene
from data_prep.custom.scene import Settings
from data_prep.scannet.preparation import prepare
from pointnc.files import atomic
from pointnc.scenes.taxonomy import Taxonomy
from tests.files.test_leftovers import in_a_child
from tests.helpers.mistakes import raises
from tests.helpers.synthetic import write_raw_root
from tests.robustness.test_neighbors import contents


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return write_raw_root(tmp_path / "raw", train=2, val=1)


def test_half_a_scene_of_a_killed_preparation_is_neither_counted_nor_kept(raw: Path, tmp_path: Path) -> None:
    """Killed between the last file of a scene and its rename; one more of a machine of which nothing is known."""
    out = tmp_path / "store"
    prepare(raw, out, workers=1)
    before = contents(out)
    scene = out / "train" / "scene0001_00"
    half = in_a_child(scene.parent)
    strange = scene.parent / f".scene0001_00.{'0' * 8}-4711-5-0123abcd.tmp"
    shutil.rmtree(half)
    shutil.copytree(scene, half)
    shutil.copytree(scene, strange)
    shutil.rmtree(scene)
    prepare(raw, out, workers=1)
    assert not half.exists() and strange.exists()
    assert (out / "manifest.json").read_bytes() == before["manifest.json"]
    shutil.rmtree(strange)
    assert contents(out) == before
    assert check(out, workers=1).sound


def test_a_replaced_scene_comes_back_that_was_lost_between_two_renames(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "store"
    prepare(raw, out, workers=1)
    before = contents(out)
    scene = out / "train" / "scene0001_00"
    aside = in_a_child(scene.parent, "old")
    shutil.rmtree(aside)
    scene.rename(aside.with_name(aside.name.replace(".a.", ".scene0001_00.")))
    shutil.rmtree(raw / "scans" / scene.name)  # it cannot be made again
    prepare(raw, out, workers=1)
    after = contents(out)
    assert {key: after[key] for key in after if key.startswith("train/")} == {
        key: before[key] for key in before if key.startswith("train/")
    }


def test_one_bad_scene_never_ends_a_preparation(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it raises; the others are done, in the same process and in others."""
    aggregation = raw / "scans" / "scene0000_00" / "scene0000_00.aggregation.json"
    groups = json.loads(aggregation.read_text())
    groups["segGroups"][0]["segments"] = [10**30]
    aggregation.write_text(json.dumps(groups))
    for workers in (1, 2):
        out = tmp_path / f"store{workers}"
        with raises("not-prepared", "1 of 3 scenes", "scene0000_00.aggregation.json"):
            prepare(raw, out, workers=workers)
        assert len(list(out.glob("*/scene*"))) == 2
        failed = json.loads((out / "failed.json").read_text())
        assert list(failed) == ["train"] and list(failed["train"]) == ["scene0000_00"]


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("deep"), IndexError("x\ny\x1b[2J"), AssertionError()])
def test_whatever_is_raised_is_one_line(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from data_prep.scannet import scene as scannet_scene

    real = scannet_scene.read_scan

    def fails(folder: Path, labels: bool) -> Any:
        if folder.name == "scene0001_00":
            raise error
        return real(folder, labels=labels)

    monkeypatch.setattr(scannet_scene, "read_scan", fails)
    with raises("not-prepared", "scene0001_00") as said:
        prepare(raw, tmp_path / "store", workers=1)
    assert str(said.value).isprintable()


def own_files(root: Path) -> Settings:
    for split, count in (("train", 2), ("val", 1)):
        (root / split).mkdir(parents=True)
        for number in range(count):
            table = np.zeros(100, [("x", "f4"), ("y", "f4"), ("z", "f4"), ("label", "i4")])
            table["x"] = np.arange(100) + number
            np.save(root / split / f"{number}.npy", table)
    taxonomy = Taxonomy.from_dict({"name": "mine", "names": ["a"], "segment": "segment"})
    return Settings(taxonomy=taxonomy, ignore=(-1,), label="label", instance=None, unknown="error", units="m", up="z",
                    normals="none")  # fmt: skip


def test_a_full_disk_deletes_no_scene_that_is_prepared_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the old scene nothing goes before the new one is whole; the file itself is not to blame."""
    root, out = tmp_path / "mine", tmp_path / "store"
    settings = own_files(root)
    custom.prepare(root, out, settings, workers=1)
    before = contents(out)

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(out))

    monkeypatch.setattr(custom_scene, "write_prepared", full)
    _, failures = custom.prepare(root, out, settings, workers=1, overwrite=True)
    assert sorted(failures) == ["train/0.npy", "train/1.npy", "val/0.npy"]
    assert all("No space left on device" in line for line in failures.values())
    after = contents(out)
    assert after.pop("failed.json") and after == before
    monkeypatch.undo()
    (root / "train" / "0.npy").write_bytes(b"no longer an array")  # this one is to blame
    _, failures = custom.prepare(root, out, settings, workers=1)
    assert list(failures) == ["train/0.npy"] and not (out / "train" / "0").exists()


def test_a_disk_that_fills_while_a_scene_is_written_is_named(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """numpy's own words for it are numbers of items."""

    def save(path: Path, array: Any) -> None:
        raise OSError(f"{array.size} requested and 7 written")

    monkeypatch.setattr(np, "save", save)
    monkeypatch.setattr(atomic, "_full_disk", lambda folder, error: OSError(errno.ENOSPC, "No space left on device"))
    with raises("not-prepared", "No space left on device", "scene0000_00"):
        prepare(raw, tmp_path / "store", workers=1)
