"""Raw ScanNet layout to store: values, labels, resuming, and what damaged scans get."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from data_prep.scannet import preparation
from data_prep.scannet.labels import annotate
from data_prep.scannet.raw import RawObject, mesh_path, read_scan, write_scan
from pointnc.benchmarks.scannet import LABEL_MAP_FILE, LabelMap, taxonomy
from pointnc.scenes.mesh import vertex_normals
from pointnc.scenes.store import SceneStore
from tests.helpers.mistakes import raises
from tests.helpers.synthetic import CLASSES, raw_scan, write_label_map, write_raw_root


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
    labels = annotate(last, names).arrays
    inside = scan.segment_ids == shared
    assert (labels["instance"][inside] == len(scan.objects)).all()
    assert (labels["segment200"][inside] == taxonomy("scannet200").names.index("bed")).all()


def test_unknown_names_are_counted_not_mislabeled(names: LabelMap) -> None:
    scan = raw_scan("scene0000_00", seed=0)
    odd = replace(scan, objects=(RawObject("flux [/red] capacitor", scan.objects[0].segments), *scan.objects[1:]))
    found = annotate(odd, names)
    count = int(np.isin(scan.segment_ids, scan.objects[0].segments).sum())
    assert found.unknown == {"flux [/red] capacitor": count}
    assert (found.arrays["segment200"] == -1).sum() == count


@pytest.mark.parametrize("text, order", [(True, "="), (False, "<"), (False, ">")])
def test_meshes_of_every_encoding_give_the_same_store(
    raw: Path, store: Path, tmp_path: Path, text: bool, order: str
) -> None:
    """Properties in another order and of another width, further ones, and a property of the faces."""
    shutil.copytree(raw, tmp_path / "raw")
    folder = tmp_path / "raw" / "scans" / "scene0000_00"
    for path in (mesh_path(folder), folder / f"{folder.name}_vh_clean_2.labels.ply"):
        data = PlyData.read(str(path))
        vertex = data["vertex"].data
        names = [name for name in ("label", "alpha", "blue", "green", "red") if name in vertex.dtype.names]
        kinds = [("quality", "f4"), *((name, vertex.dtype[name]) for name in names), *((axis, "f8") for axis in "zyx")]
        other = np.zeros(len(vertex), kinds)
        for name in (*names, *"xyz"):
            other[name] = vertex[name]
        face = np.empty(len(data["face"].data), [("flags", "u1"), ("vertex_indices", "i4", (3,))])
        face["flags"], face["vertex_indices"] = 7, np.stack(data["face"].data["vertex_indices"])
        elements = [PlyElement.describe(other, "vertex"), PlyElement.describe(face, "face")]
        PlyData(elements, text=text, byte_order=order).write(str(path))
    preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1, splits={"train": ["scene0000_00"]})
    for path in (store / "train" / "scene0000_00").glob("*.npy"):
        other = np.load(tmp_path / "store" / "train" / "scene0000_00" / path.name)
        np.testing.assert_array_equal(other, np.load(path))


def test_alignment_is_stored_and_its_absence_is_the_identity(raw: Path, tmp_path: Path) -> None:
    shutil.copytree(raw, tmp_path / "raw")
    (tmp_path / "raw" / "scans" / "scene0001_00" / "scene0001_00.txt").write_text(
        "sceneType = Office\nnumDepthFrames = 1\n"
    )
    manifest = preparation.prepare(tmp_path / "raw", tmp_path / "store", splits=["train"], workers=1)
    scenes = manifest["splits"]["train"]["scenes"]
    scan = read_scan(raw / "scans" / "scene0000_00")
    np.testing.assert_array_equal(np.reshape(scenes["scene0000_00"]["axis_alignment"], (4, 4)), scan.axis_alignment)
    assert scenes["scene0001_00"]["axis_alignment"] == np.eye(4).ravel().tolist()
    moved = np.load(tmp_path / "store" / "train" / "scene0001_00" / "coord.npy")
    np.testing.assert_array_equal(moved, read_scan(raw / "scans" / "scene0001_00").coord)
    assert manifest["totals"]["unaligned"] == 1


def test_oddities_of_the_annotation_reach_record_manifest_and_table(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(raw, tmp_path / "raw")
    folder = tmp_path / "raw" / "scans" / "scene0001_00"
    scan = read_scan(folder)
    odd = RawObject("flux [/red] capacitor", scan.objects[0].segments[:1])
    nyu40 = scan.nyu40.copy()
    nyu40[np.flatnonzero(nyu40 == 2)[:5]] = 39
    shutil.rmtree(folder)
    write_scan(replace(scan, objects=(*scan.objects, odd), nyu40=nyu40), folder)
    manifest = preparation.prepare(tmp_path / "raw", tmp_path / "store", splits=["train"], workers=1)
    claimed = int((scan.segment_ids == odd.segments[0]).sum())
    kind = CLASSES[odd.segments[0] // 100][2]
    record = manifest["splits"]["train"]["scenes"]["scene0001_00"]
    assert record["unknown_names"] == {"flux [/red] capacitor": claimed}
    assert record["shared_segments"] == 1
    # What the unknown object took has no class here, and its old one in labels.ply.
    differ = 5 + claimed - (5 if kind == 2 else 0)
    assert record["labels_ply"]["differ"] == differ
    assert manifest["totals"] == {
        "unknown_names": {"flux [/red] capacitor": claimed},
        "shared_segments": 1,
        "unaligned": 0,
        "labels_ply": {
            "scenes": 2,
            "vertices": manifest["splits"]["train"]["points"],
            "differ": differ,
            "worst": {"train/scene0001_00": differ},
        },
    }
    printed = " ".join(capsys.readouterr().out.split())
    assert f"1 names are not in the label map: flux [/red] capacitor ({claimed:,} points)" in printed
    assert "1 over-segments are claimed by several objects" in printed
    assert "most in train/scene0001_00" in printed


def test_test_scenes_need_no_label_map(raw: Path, tmp_path: Path) -> None:
    shutil.copytree(raw, tmp_path / "raw")
    (tmp_path / "raw" / LABEL_MAP_FILE).unlink()
    preparation.prepare(tmp_path / "raw", tmp_path / "store", splits=["test"], workers=1)
    folder = tmp_path / "store" / "test" / "scene0003_00"
    assert sorted(path.name for path in folder.iterdir()) == ["color.npy", "coord.npy", "normal.npy", "scene.json"]
    with raises("missing-file", LABEL_MAP_FILE, "label_map="):
        preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)


def test_a_scene_is_in_one_split_of_a_store_and_the_labels_are_ours(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "store"
    scene = next(iter((raw / "scans").iterdir())).name
    preparation.prepare(raw, out, splits={"train": [scene]}, workers=1)
    with raises("other-settings", scene, "train", "val", "out=STORE"):
        preparation.prepare(raw, out, splits={"val": [scene]}, workers=1)
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["taxonomies"] = {"segment": {**manifest["taxonomies"]["segment20"], "segment": "segment"}}
    (out / "manifest.json").write_text(json.dumps(manifest))
    with raises("other-taxonomy", "segment200", "segment"):
        preparation.prepare(raw, out, splits={"train": [scene]}, workers=1)
    assert json.loads((out / "manifest.json").read_text()) == manifest


def test_out_is_a_folder_of_its_own(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (raw, tmp_path / "file"):
        with raises("overwrites-input", f"out={out}"):
            preparation.prepare(raw, out, workers=1)


def test_the_older_label_map_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old.tsv").write_text("raw_category\tnyu40id\nwall\t1\n")
    with raises("other-version", "'id'", "old.tsv"):
        LabelMap.from_tsv(tmp_path / "old.tsv")
    (tmp_path / "older.tsv").write_text("id\traw_category\tnyu40id\n21\twall\t1\n")
    with raises("other-version", "older.tsv", "'wall'", 21, 1):
        LabelMap.from_tsv(tmp_path / "older.tsv")


def test_empty_raw_root_names_what_to_do(tmp_path: Path) -> None:
    with raises("nothing-there", tmp_path / "scans", "raw=FOLDER"):
        preparation.prepare(tmp_path, tmp_path / "store")
    with raises("nothing-there", "raw=FOLDER", tmp_path / "nowhere"):
        preparation.prepare(tmp_path / "nowhere", tmp_path / "store")


@pytest.mark.parametrize("workers", [0, -2, "two", True])
def test_number_of_processes_is_checked(raw: Path, tmp_path: Path, workers: object) -> None:
    with raises("option", f"workers={workers}"):
        preparation.prepare(raw, tmp_path / "store", workers=workers)


def test_scene_lists_cannot_leave_the_folder(raw: Path, tmp_path: Path) -> None:
    with raises("bad-name", "train", "'../../etc'"):
        preparation.prepare(raw, tmp_path / "store", splits={"train": ["../../etc"]})
