"""Raw ScanNet layout to store: values, labels, resuming, and what damaged scans get."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_prep import scannet as preparation
from data_prep.raw_scannet import RawObject, mesh_path, read_scan, write_scan
from pointnc.benchmarks.scannet import LABEL_MAP_FILE, LabelMap, taxonomy
from pointnc.errors import UserError
from pointnc.scenes.mesh import vertex_normals
from pointnc.scenes.store import SceneStore
from tests.synthetic import CLASSES, raw_scan, write_label_map, write_raw_root


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_raw_root(tmp_path_factory.mktemp("scannet") / "raw", train=2, val=1, test=1)


@pytest.fixture(scope="module")
def store(raw: Path) -> Path:
    preparation.prepare(raw, raw.parent / "store", workers=1)
    return raw.parent / "store"


@pytest.fixture
def names(tmp_path: Path) -> LabelMap:
    write_label_map(tmp_path / LABEL_MAP_FILE)
    return LabelMap.from_tsv(tmp_path / LABEL_MAP_FILE)


def test_raw_scan_survives_the_disk(tmp_path: Path) -> None:
    scan = raw_scan("scene0007_00", seed=7)
    write_scan(scan, tmp_path / scan.name, {"sceneType": "Living room"})
    back = read_scan(tmp_path / scan.name)
    for name in ("coord", "color", "faces", "segment_ids", "nyu40"):
        np.testing.assert_array_equal(getattr(back, name), getattr(scan, name))
    np.testing.assert_allclose(back.axis_alignment, scan.axis_alignment, atol=1e-6)
    assert back.objects == scan.objects


def test_labels_are_those_of_the_objects(raw: Path, store: Path) -> None:
    scan = read_scan(raw / "scans" / "scene0000_00")
    scene = SceneStore(store).load("train", "scene0000_00", "segment200")
    kind = scan.segment_ids // 100
    expected = taxonomy("scannet200").encode(np.array([row[1] for row in CLASSES]))[kind]
    np.testing.assert_array_equal(scene.semantic, expected)
    coarse = SceneStore(store).load("train", "scene0000_00", "segment20").semantic
    np.testing.assert_array_equal(coarse, taxonomy("scannet20").encode(scan.nyu40))
    assert (coarse == -1).sum() == (kind == 5).sum() > 0
    # Equal instance if and only if equal object.
    pairs = np.unique(np.stack([kind, scene.instance]), axis=1)
    assert pairs.shape[1] == len(np.unique(kind)) == len(np.unique(scene.instance))


def test_coordinates_are_axis_aligned_and_normals_unit(raw: Path, store: Path) -> None:
    scan = read_scan(raw / "scans" / "scene0000_00")
    scene = SceneStore(store).load("train", "scene0000_00", "segment200")
    aligned = scan.coord @ scan.axis_alignment[:3, :3].T + scan.axis_alignment[:3, 3]
    np.testing.assert_allclose(scene.coord, aligned, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(scene.normal, axis=1), 1, atol=1e-5)
    floor = scene.semantic == taxonomy("scannet200").names.index("floor")
    assert (scene.normal[floor, 2] > 0.8).mean() > 0.95


def test_area_weighted_normals_equal_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    coord, faces = rng.normal(size=(40, 3)), rng.integers(0, 38, (60, 3))
    slow = np.zeros((40, 3))
    for a, b, c in faces:
        cross = np.cross(coord[b] - coord[a], coord[c] - coord[a])
        for corner in (a, b, c):
            slow[corner] += cross
    length = np.linalg.norm(slow, axis=1, keepdims=True)
    slow = np.where(length > 1e-12, slow / np.maximum(length, 1e-12), [0, 0, 1])
    np.testing.assert_allclose(vertex_normals(coord, faces), slow, atol=1e-5)


def test_test_scenes_have_no_labels(store: Path) -> None:
    scene = SceneStore(store).load("test", "scene0003_00", "segment200")
    assert scene.semantic is None
    assert scene.normal is not None


def test_manifest_counts(store: Path) -> None:
    manifest = json.loads((store / "manifest.json").read_text())
    train = manifest["splits"]["train"]
    labels = [SceneStore(store).load("train", name, "segment200").semantic for name in train["scenes"]]
    counts = np.bincount(np.concatenate(labels), minlength=200)
    np.testing.assert_array_equal(train["histogram"]["segment200"], counts)
    assert train["points"] == sum(map(len, labels))
    np.testing.assert_array_equal(SceneStore(store).histogram("train", taxonomy("scannet200")), counts)


def test_done_scenes_are_not_done_again(raw: Path, store: Path) -> None:
    marks = {path: path.stat().st_mtime_ns for path in store.rglob("*.npy")}
    preparation.prepare(raw, store, workers=1)
    assert marks == {path: path.stat().st_mtime_ns for path in store.rglob("*.npy")}
    preparation.prepare(raw, store, workers=1, overwrite=True)
    assert all(path.stat().st_mtime_ns > mark for path, mark in marks.items())


def test_two_processes_write_what_one_writes(raw: Path, store: Path, tmp_path: Path) -> None:
    preparation.prepare(raw, tmp_path / "store", workers=2)
    for path in store.rglob("*.npy"):
        assert path.read_bytes() == (tmp_path / "store" / path.relative_to(store)).read_bytes()


def test_later_object_owns_a_shared_segment(names: LabelMap) -> None:
    scan = raw_scan("scene0000_00", seed=0)
    shared = scan.objects[1].segments[0]
    last = replace(scan, objects=(*scan.objects, RawObject("bed", (shared,))))
    labels, _ = preparation.label_vertices(last, names)
    inside = scan.segment_ids == shared
    assert (labels["instance"][inside] == len(scan.objects)).all()
    assert (labels["segment200"][inside] == taxonomy("scannet200").names.index("bed")).all()


def test_unknown_names_are_counted_not_mislabelled(names: LabelMap) -> None:
    scan = raw_scan("scene0000_00", seed=0)
    odd = replace(scan, objects=(RawObject("flux capacitor", scan.objects[0].segments), *scan.objects[1:]))
    labels, unknown = preparation.label_vertices(odd, names)
    count = int(np.isin(scan.segment_ids, scan.objects[0].segments).sum())
    assert unknown == {"flux capacitor": count}
    assert (labels["segment200"] == -1).sum() == count


DAMAGE = {
    "truncated ply": (lambda folder: _cut(mesh_path(folder)), "truncated"),
    "empty ply": (lambda folder: mesh_path(folder).write_bytes(b""), "truncated or no ply"),
    "truncated json": (lambda folder: _cut(next(folder.glob("*.segs.json"))), "truncated or no json"),
    "missing groups": (lambda folder: next(folder.glob("*.aggregation.json")).unlink(), "is missing"),
    "alignment": (lambda folder: next(folder.glob("*.txt")).write_text("axisAlignment = 1 2 x"), "16 numbers"),
}


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_scene_is_named_and_the_others_are_done(raw: Path, tmp_path: Path, damage: str) -> None:
    spoil, message = DAMAGE[damage]
    shutil.copytree(raw, tmp_path / "raw")
    spoil(tmp_path / "raw" / "scans" / "scene0001_00")
    with pytest.raises(UserError, match=f"1 of 4 scenes.*scene0001_00.*{message}"):
        preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    assert SceneStore(tmp_path / "store").scenes("train") == ["scene0000_00"]
    assert not [path for path in (tmp_path / "store").rglob("*") if path.name.startswith(".")]


def test_segments_that_no_vertex_has_are_refused(names: LabelMap) -> None:
    scan = raw_scan("scene0000_00", seed=0)
    with pytest.raises(UserError, match="names over-segment 99999"):
        preparation.label_vertices(replace(scan, objects=(RawObject("bed", (99999,)),)), names)


def test_the_older_label_map_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old.tsv").write_text("raw_category\tnyu40id\nwall\t1\n")
    with pytest.raises(UserError, match="no column 'id'"):
        LabelMap.from_tsv(tmp_path / "old.tsv")
    (tmp_path / "older.tsv").write_text("id\traw_category\tnyu40id\n21\twall\t1\n")
    with pytest.raises(UserError, match="older table"):
        LabelMap.from_tsv(tmp_path / "older.tsv")


def test_empty_raw_root_names_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give raw=FOLDER"):
        preparation.prepare(tmp_path, tmp_path / "store")
    with pytest.raises(UserError, match="no raw scans at"):
        preparation.prepare(tmp_path / "nowhere", tmp_path / "store")


def test_scene_lists_cannot_leave_the_folder(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no scene name"):
        preparation.prepare(raw, tmp_path / "store", splits={"train": ["../../etc"]})
