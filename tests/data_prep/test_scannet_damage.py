"""What damaged, missing and foreign scans get: a line each, the others are done; strict stops at the first."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_prep.scannet import preparation
from data_prep.scannet.lists import find_jobs
from data_prep.scannet.raw import mesh_path, read_scan, write_scan
from data_prep.scannet.scene import prepare_scene
from pointnc.benchmarks.scannet import LABEL_MAP_FILE, LabelMap
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
MESH, SEGMENTS = "_vh_clean_2.ply", [SEGS, "segIndices"]
STRANGE = [{"id": 0, "label": "bed", "segments": [99999]}]
DAMAGE = {
    "truncated ply": (lambda folder: _cut(mesh_path(folder)), "damaged-file", [MESH]),
    "empty ply": (lambda folder: mesh_path(folder).write_bytes(b""), "damaged-file", [MESH]),
    "missing ply": (lambda folder: mesh_path(folder).unlink(), "missing-file", [MESH]),
    "mesh without colors": (
        lambda folder: write_ply(mesh_path(folder), {axis: np.zeros(3, np.float32) for axis in "xyz"}),
        "missing-column",
        [MESH, "'red'"],
    ),
    "truncated segs": (lambda folder: _cut(_one(folder, SEGS)), "damaged-file", [SEGS]),
    "empty segs": (lambda folder: _one(folder, SEGS).write_text(""), "damaged-file", [SEGS]),
    "missing segs": (lambda folder: _one(folder, SEGS).unlink(), "missing-file", [SEGS]),
    "short segs": (
        lambda folder: _edit(_one(folder, SEGS), "segIndices", lambda ids: ids[:-3]),
        "other-length",
        [SEGS, "segIndices", "vertices"],
    ),
    "words in segs": (
        lambda folder: _edit(_one(folder, SEGS), "segIndices", lambda ids: ["a", *ids[1:]]),
        "damaged-file",
        SEGMENTS,
    ),
    "huge segs": (
        lambda folder: _edit(_one(folder, SEGS), "segIndices", lambda ids: [2**70, *ids[1:]]),
        "damaged-file",
        SEGMENTS,
    ),
    "ragged segs": (
        lambda folder: _edit(_one(folder, SEGS), "segIndices", lambda ids: [[1], *ids[1:]]),
        "damaged-file",
        SEGMENTS,
    ),
    "missing groups": (lambda folder: _one(folder, GROUPS).unlink(), "missing-file", [GROUPS]),
    "empty groups": (lambda folder: _one(folder, GROUPS).write_text("{}"), "malformed", [GROUPS, "segGroups"]),
    "group without label": (
        lambda folder: _edit(_one(folder, GROUPS), "segGroups", lambda groups: [{"segments": []}]),
        "malformed",
        [GROUPS, "object 0"],
    ),
    "unknown segments": (
        lambda folder: _edit(_one(folder, GROUPS), "segGroups", lambda groups: groups + STRANGE),
        "other-length",
        ["object 6", 99999],
    ),
    "truncated labels.ply": (lambda folder: _cut(_one(folder, LABELS)), "damaged-file", [LABELS]),
    "alignment": (
        lambda folder: _one(folder, ".txt").write_text("axisAlignment = 1 2 x"),
        "damaged-file",
        [".txt", "axisAlignment", 16],
    ),
    "empty txt": (lambda folder: _one(folder, ".txt").write_text(""), "empty-file", [".txt"]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_scene_is_named_and_the_others_are_done(
    raw: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, code, facts = DAMAGE[damage]
    shutil.copytree(raw, tmp_path / "raw")
    spoil(tmp_path / "raw" / "scans" / "scene0001_00")
    job = find_jobs(tmp_path / "raw", tmp_path / "none", {"train": ["scene0001_00"]})[0][0]
    with raises(code, "scene0001_00", *facts) as caught:
        prepare_scene(job, LabelMap.from_tsv(tmp_path / "raw" / LABEL_MAP_FILE))
    reason = str(caught.value)
    with raises("not-prepared", "1 of 4 scenes", reason, "failed.json"):
        preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    assert SceneStore(tmp_path / "store").scenes("train") == ["scene0000_00"]
    assert not [path for path in (tmp_path / "store").rglob("*") if path.name.startswith(".")]
    failed = json.loads((tmp_path / "store" / "failed.json").read_text())
    assert failed == {"train": {"scene0001_00": reason}}
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("failed: train/scene0001_00")]
    assert len(printed) == 1


def test_a_fixed_scene_completes_the_store(raw: Path, tmp_path: Path) -> None:
    preparation.prepare(raw, tmp_path / "whole", workers=1)
    shutil.copytree(raw, tmp_path / "raw")
    _cut(mesh_path(tmp_path / "raw" / "scans" / "scene0001_00"))
    with raises("not-prepared", "1 of 4 scenes", "scene0001_00_vh_clean_2.ply"):
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
    with raises("missing-scene", "val", "scene0002_00", tmp_path / "raw", "strict=true"):
        preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1, strict=True)
    preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    assert "1 listed scenes are missing (val 1)" in " ".join(capsys.readouterr().out.split())


def test_v1_folder_is_refused(raw: Path, tmp_path: Path) -> None:
    shutil.copytree(raw, tmp_path / "raw")
    (tmp_path / "raw" / LABEL_MAP_FILE).write_text("category\tcount\tnyu40id\nwall\t9\t1\n")
    with raises("other-version", "ScanNet v1", LABEL_MAP_FILE):
        preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    # Scans of v1 beside the table of v2: every scene is refused by its labels.ply.
    for folder in (tmp_path / "raw" / "scans").iterdir():
        scan = read_scan(folder)
        ids = np.array([row[1] for row in CLASSES])[scan.segment_ids // 100]
        shutil.rmtree(folder)
        write_scan(replace(scan, nyu40=ids), folder)
    with raises("not-prepared", "3 of 3 scenes", "ScanNet v1", "labels.ply"):
        preparation.prepare(
            tmp_path / "raw", tmp_path / "store", splits=["train", "val"], label_map=raw / LABEL_MAP_FILE, workers=1
        )
