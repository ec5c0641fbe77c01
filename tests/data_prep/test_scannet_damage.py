"""What damaged, missing and foreign scans get: a line each, the others are done; strict stops at the first."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_prep.scannet import preparation
from data_prep.scannet.raw import mesh_path, read_scan, write_scan
from pointnc.benchmarks.scannet import LABEL_MAP_FILE
from pointnc.scenes.ply import write_ply
from pointnc.scenes.store import SceneStore
from tests.helpers.mistakes import raises
from tests.helpers.synthetic import CLASSES, write_raw_root


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_raw_root(tmp_path_factory.mktemp("scannet") / "raw", train=2, val=1, test=1)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _edit(path: Path, key: str, change: Callable[[list], list]) -> None:
    data = json.loads(path.read_text())
    data[key] = change(data[key])
    path.write_text(json.dumps(data))


def _one(folder: Path, ending: str) -> Path:
    return folder / f"{folder.name}{ending}"


SEGS, GROUPS, LABELS = "_vh_clean_2.0.010000.segs.json", ".aggregation.json", "_vh_clean_2.labels.ply"
STRANGE = [{"id": 0, "label": "bed", "segments": [99999]}]
DAMAGE = {
    "truncated ply": (lambda folder: _cut(mesh_path(folder)), "truncated"),
    "empty ply": (lambda folder: mesh_path(folder).write_bytes(b""), "truncated or no ply"),
    "missing ply": (lambda folder: mesh_path(folder).unlink(), "does not exist"),
    "mesh without colors": (
        lambda folder: write_ply(mesh_path(folder), {axis: np.zeros(3, np.float32) for axis in "xyz"}),
        "no vertex property 'red'",
    ),
    "truncated segs": (lambda folder: _cut(_one(folder, SEGS)), "truncated or no json"),
    "empty segs": (lambda folder: _one(folder, SEGS).write_text(""), "truncated or no json"),
    "missing segs": (lambda folder: _one(folder, SEGS).unlink(), "is missing"),
    "short segs": (
        lambda folder: _edit(_one(folder, SEGS), "segIndices", lambda ids: ids[:-3]),
        "segIndices, the mesh",
    ),
    "words in segs": (lambda folder: _edit(_one(folder, SEGS), "segIndices", lambda ids: ["a", *ids[1:]]), "not all"),
    "huge segs": (lambda folder: _edit(_one(folder, SEGS), "segIndices", lambda ids: [2**70, *ids[1:]]), "not all"),
    "ragged segs": (lambda folder: _edit(_one(folder, SEGS), "segIndices", lambda ids: [[1], *ids[1:]]), "not all"),
    "missing groups": (lambda folder: _one(folder, GROUPS).unlink(), "is missing"),
    "empty groups": (lambda folder: _one(folder, GROUPS).write_text("{}"), "no aggregation file"),
    "group without label": (
        lambda folder: _edit(_one(folder, GROUPS), "segGroups", lambda groups: [{"segments": []}]),
        "no aggregation file",
    ),
    "unknown segments": (
        lambda folder: _edit(_one(folder, GROUPS), "segGroups", lambda groups: groups + STRANGE),
        "names over-segment 99999",
    ),
    "truncated labels.ply": (lambda folder: _cut(_one(folder, LABELS)), "truncated"),
    "alignment": (lambda folder: _one(folder, ".txt").write_text("axisAlignment = 1 2 x"), "16 numbers"),
    "empty txt": (lambda folder: _one(folder, ".txt").write_text(""), "is empty"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_scene_is_named_and_the_others_are_done(
    raw: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, message = DAMAGE[damage]
    shutil.copytree(raw, tmp_path / "raw")
    spoil(tmp_path / "raw" / "scans" / "scene0001_00")
    with raises("not-prepared", message, "4 scenes", "scene0001_00") as caught:
        preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    assert "\n" not in str(caught.value)
    assert SceneStore(tmp_path / "store").scenes("train") == ["scene0000_00"]
    assert not [path for path in (tmp_path / "store").rglob("*") if path.name.startswith(".")]
    failed = json.loads((tmp_path / "store" / "failed.json").read_text())
    assert list(failed) == ["train"]
    assert list(failed["train"]) == ["scene0001_00"]
    assert message in failed["train"]["scene0001_00"]
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("failed: train/scene0001_00")]
    assert len(printed) == 1


def test_a_mended_scene_completes_the_store(raw: Path, tmp_path: Path) -> None:
    preparation.prepare(raw, tmp_path / "whole", workers=1)
    shutil.copytree(raw, tmp_path / "raw")
    _cut(mesh_path(tmp_path / "raw" / "scans" / "scene0001_00"))
    with raises("not-prepared", "scene0001_00_vh_clean_2.ply"):
        preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    shutil.copytree(raw, tmp_path / "raw", dirs_exist_ok=True)
    manifest = preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    assert manifest == json.loads((tmp_path / "whole" / "manifest.json").read_text())
    assert not (tmp_path / "store" / "failed.json").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_strict_stops_at_the_first_failure(raw: Path, tmp_path: Path, workers: int) -> None:
    shutil.copytree(raw, tmp_path / "raw")
    _cut(mesh_path(tmp_path / "raw" / "scans" / "scene0000_00"))
    with raises("not-prepared", "strict=true", "scene0000_00_vh_clean_2.ply"):
        preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=workers, strict=True)
    assert not (tmp_path / "store" / "failed.json").exists()
    if workers == 1:
        assert not list(tmp_path.glob("store/*/*"))


def test_missing_scenes_are_counted_and_strict_refuses_them(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(raw, tmp_path / "raw")
    shutil.rmtree(tmp_path / "raw" / "scans" / "scene0002_00")
    with raises("missing-scene", "val", "scene0002_00", "raw"):
        preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1, strict=True)
    preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    assert "1 listed scenes are missing (val 1)" in " ".join(capsys.readouterr().out.split())


def test_v1_folder_is_refused(raw: Path, tmp_path: Path) -> None:
    shutil.copytree(raw, tmp_path / "raw")
    (tmp_path / "raw" / LABEL_MAP_FILE).write_text("category\tcount\tnyu40id\nwall\t9\t1\n")
    with raises("other-version", "ScanNet v1", "scannetv2-labels.combined.tsv"):
        preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    # Scans of v1 beside the table of v2: every scene is refused by its labels.ply.
    for folder in (tmp_path / "raw" / "scans").iterdir():
        scan = read_scan(folder)
        ids = np.array([row[1] for row in CLASSES])[scan.segment_ids // 100]
        shutil.rmtree(folder)
        write_scan(replace(scan, nyu40=ids), folder)
    with raises("not-prepared", "3 scenes", "ScanNet v1", "labels.ply"):
        preparation.prepare(
            tmp_path / "raw", tmp_path / "store", splits=["train", "val"], label_map=raw / LABEL_MAP_FILE, workers=1
        )
