"""SemanticKITTI scans to store: labels, instances, strength, splits, damage, and a training run on the result."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from data_prep.check.checking import check
from data_prep.semantickitti import preparation
from pointnc.benchmarks.semantickitti import taxonomy
from pointnc.data import SceneDataset
from pointnc.scenes.store import SceneStore
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake, raises

# Raw id to class, from the data set's description.
CLASSES = {
    0: None, 1: None, 10: "car", 11: "bicycle", 13: "other-vehicle", 15: "motorcycle", 16: "other-vehicle",
    18: "truck", 20: "other-vehicle", 30: "person", 31: "bicyclist", 32: "motorcyclist", 40: "road", 44: "parking",
    48: "sidewalk", 49: "other-ground", 50: "building", 51: "fence", 52: None, 60: "road", 70: "vegetation",
    71: "trunk", 72: "terrain", 80: "pole", 81: "traffic-sign", 99: None, 252: "car", 253: "bicyclist", 254: "person",
    255: "motorcyclist", 256: "other-vehicle", 257: "other-vehicle", 258: "truck", 259: "other-vehicle",
}  # fmt: skip


def scan(seed: int, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Points with remission, and labels of every id; cars and persons share object numbers."""
    rng = np.random.default_rng(seed)
    points = np.concatenate([rng.normal(0, 4, (count, 3)), rng.random((count, 1))], axis=1).astype("<f4")
    ids = rng.permutation(np.resize(list(CLASSES), count)).astype(np.uint32)
    number = np.where(np.isin(ids, (10, 30, 252, 52)), rng.integers(0, 4, count), 0).astype(np.uint32)
    return points, (number << 16 | ids).astype("<u4")


def write_sequence(root: Path, sequence: str, scans: int, labels: bool = True) -> None:
    folder = root / "dataset" / "sequences" / sequence
    for kind in ("velodyne", "labels") if labels else ("velodyne",):
        (folder / kind).mkdir(parents=True)
    for number in range(scans):
        points, marks = scan(100 * int(sequence) + number)
        points.tofile(folder / "velodyne" / f"{number:06d}.bin")
        if labels:
            marks.tofile(folder / "labels" / f"{number:06d}.label")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("kitti") / "raw"
    for sequence, scans, labels in (("00", 2, True), ("04", 1, True), ("08", 1, True), ("11", 1, False)):
        write_sequence(root, sequence, scans, labels)
    return root


@pytest.fixture(scope="module")
def store(raw: Path) -> Path:
    preparation.prepare(raw, raw.parent / "store", workers=1)
    return raw.parent / "store"


def test_scenes_and_splits(store: Path) -> None:
    reader = SceneStore(store)
    assert reader.scenes("train") == ["00_000000", "00_000001", "04_000000"]
    assert reader.scenes("val") == ["08_000000"]
    assert reader.scenes("test") == ["11_000000"]
    assert reader.load("test", "11_000000", "segment").semantic is None
    assert check(store, workers=1).sound


def test_values_are_those_of_the_files(store: Path) -> None:
    scene = SceneStore(store).load("train", "00_000001", "segment")
    points, labels = scan(1)
    np.testing.assert_array_equal(scene.coord, points[:, :3])
    np.testing.assert_array_equal(scene.strength, points[:, 3:])
    names = [CLASSES[label & 0xFFFF] for label in labels.tolist()]
    expected = [-1 if name is None else taxonomy().names.index(name) for name in names]
    np.testing.assert_array_equal(scene.semantic, expected)
    assert scene.color is None and scene.normal is None


def test_instances_are_class_and_object_number(store: Path) -> None:
    scene = SceneStore(store).load("train", "00_000001", "segment")
    _, labels = scan(1)
    number = labels >> 16
    inside = (number > 0) & (scene.semantic >= 0)
    assert inside.sum() > 20 and ((labels & 0xFFFF)[number > 0] == 52).any()
    np.testing.assert_array_equal(scene.instance >= 0, inside)
    triples = np.stack([scene.semantic, number, scene.instance])[:, inside]
    # One to one: (class, number) with instance; the numbers are 0, 1, 2...
    kinds = len(np.unique(triples[:2], axis=1).T)
    assert kinds == len(np.unique(triples, axis=1).T) == len(np.unique(triples[2])) == triples[2].max() + 1
    # A car that drives off stays the car that it was.
    car = taxonomy().names.index("car")
    assert {10, 252} <= set((labels & 0xFFFF)[(scene.semantic == car) & (number == 1)].tolist())


def test_labels_return_to_ids_of_submissions() -> None:
    ids = np.array([10, 252, 60, 99, 259])
    segment, _ = preparation.decode_labels(ids.astype(np.uint32), "here")
    np.testing.assert_array_equal(taxonomy().decode(segment), [10, 10, 40, 0, 20])


def test_strength_reaches_the_network(store: Path) -> None:
    dataset = SceneDataset(SceneStore(store), "val", taxonomy(), ("coord", "strength"), 0.05, full_resolution=True)
    sample = dataset[0]
    points, _ = scan(800)
    alone = np.flatnonzero(np.bincount(sample.inverse)[sample.inverse] == 1)
    assert len(alone) > 100
    np.testing.assert_array_equal(sample.features[sample.inverse[alone], 3], points[alone, 3])


def test_done_scans_are_not_done_again(raw: Path, store: Path, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "store")
    shutil.rmtree(tmp_path / "store" / "train" / "04_000000")
    marks = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").glob("*/*/*.npy")}
    manifest = preparation.prepare(raw / "dataset" / "sequences", tmp_path / "store", workers=2)
    assert marks == {path: path.stat().st_mtime_ns for path in marks}
    assert json.loads((store / "manifest.json").read_text()) == manifest
    for path in store.rglob("*.npy"):
        assert path.read_bytes() == (tmp_path / "store" / path.relative_to(store)).read_bytes()


def test_own_splits(raw: Path, tmp_path: Path) -> None:
    arguments = (f"raw={raw / 'dataset'}", f"out={tmp_path / 'store'}", "workers=1")
    run("data_prep.semantickitti", *arguments, "splits={train:[04],val:[0]}", folder=tmp_path)
    assert SceneStore(tmp_path / "store").scenes("val") == ["00_000000", "00_000001"]
    done = run("data_prep.semantickitti", *arguments, "splits=[val]", folder=tmp_path)
    assert "08_000000" in SceneStore(tmp_path / "store").scenes("val") and "1" in done.stdout
    done = run("data_prep.semantickitti", *arguments, folder=tmp_path, code=2)
    assert_mistake(done, "other-settings", "store", "00_000000", "val", "train", "out=STORE")


def _damage(kind: str, folder: Path) -> None:
    points, labels = folder / "velodyne" / "000000.bin", folder / "labels" / "000000.label"
    if kind == "length":
        labels.write_bytes(labels.read_bytes()[:-4])
    elif kind == "missing":
        labels.unlink()
    elif kind == "truncated":
        labels.write_bytes(labels.read_bytes()[:-2])
    elif kind == "id":
        marks = np.fromfile(labels, "<u4")
        marks[:3] = 77 | 5 << 16
        marks.tofile(labels)
    elif kind == "bin":
        points.write_bytes(points.read_bytes()[:-4])
    elif kind == "empty":
        points.write_bytes(b"")
    else:
        values = np.fromfile(points, "<f4")
        values[5] = np.nan
        values.tofile(points)


@pytest.mark.parametrize(
    "kind, code, facts",
    [
        ("length", "other-length", ["000000.label", "399 labels", "000000.bin", "400 points"]),
        ("missing", "missing-file", ["000000.label"]),
        ("truncated", "damaged-file", ["000000.label", "1598 bytes"]),
        ("id", "unknown-label", ["000000.label", 77, "3 points", 34]),
        ("bin", "damaged-file", ["000000.bin", "6396 bytes", "16 bytes"]),
        ("empty", "damaged-file", ["000000.bin", "0 bytes"]),
        ("nan", "not-finite", ["000000.bin", "NaN"]),
    ],
)
def test_damaged_scans_are_named_and_the_others_done(
    raw: Path, tmp_path: Path, kind: str, code: str, facts: list[object]
) -> None:
    shutil.copytree(raw, tmp_path / "raw")
    _damage(kind, tmp_path / "raw" / "dataset" / "sequences" / "00")
    scan = preparation.find_scans(tmp_path / "raw", tmp_path / "none", {"train": ["00"]})[0][0]
    with raises(code, *facts) as caught:
        preparation.prepare_scan(scan)
    with raises("not-prepared", "1 of 5 scenes", caught.value, "failed.json"):
        preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    failed = json.loads((tmp_path / "store" / "failed.json").read_text())
    assert failed == {"train": {"00_000000": str(caught.value)}}
    assert SceneStore(tmp_path / "store").scenes("train") == ["00_000001", "04_000000"]
    with raises("missing-scene", "sequence 01", tmp_path / "raw", "strict=true"):
        preparation.prepare(tmp_path / "raw", tmp_path / "store2", splits=["train"], workers=1, strict=True)


def test_mistakes_get_one_line(raw: Path, tmp_path: Path) -> None:
    shutil.copytree(raw, tmp_path / "bare")
    shutil.rmtree(tmp_path / "bare" / "dataset" / "sequences" / "04" / "labels")
    good, out = f"raw={raw}", f"out={tmp_path / 'store'}"
    for arguments, mistake in (
        ((good,), ("missing-setting", "raw=FOLDER", "out=STORE")),
        ((f"raw={tmp_path / 'nowhere'}", out), ("nothing-there", "nowhere", "raw=FOLDER")),
        ((f"raw={tmp_path}", out), ("nothing-there", tmp_path, "raw=FOLDER")),
        ((f"raw={tmp_path / 'bare'}", out), ("missing-file", "04/labels", "splits=")),
        ((good, out, "splits=[validation]"), ("unknown-name", "'validation'", "train, val, test")),
        ((good, out, "splits={train:[0],val:[0]}"), ("ambiguous", "sequence 00", "train", "val")),
        ((good, out, "splits={train:[../x]}"), ("bad-name", "'../x'", "train")),
        ((good, out, "splits={train:5}"), ("malformed", "splits", "train")),
        ((good, out, "strict=true"), ("missing-scene", "sequence 01", "strict=true")),
    ):
        assert_mistake(run("data_prep.semantickitti", *arguments, folder=tmp_path, code=2), *mistake)
    assert not (tmp_path / "store").exists()


def test_it_trains(store: Path, tmp_path: Path) -> None:
    quick = ("trainer.max_epochs=1", "trainer.check_val_every_n_epoch=1", "trainer.accelerator=cpu", "workers=0")
    small = ("model=minkunet_tiny", "model.planes=[8,8]", "model.layers=[1,1]", "batch_size=1", "logger=none")
    places = (f"data_root={store}", f"run_dir={tmp_path / 'run'}")
    run("pointnc.train", "dataset=semantickitti", *places, *quick, *small, "dataset.voxel_size=0.5", folder=tmp_path)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert list(metrics["per_class"]) == list(taxonomy().names)
    assert (tmp_path / "run" / "report.html").is_file()
    run("pointnc.evaluate", f"checkpoint={tmp_path / 'run'}", f"data_root={store}", folder=tmp_path)
    scan_without_labels = store / "test" / "11_000000"
    places = (f"input={scan_without_labels}", f"out={tmp_path / 'labels'}", "accelerator=cpu")
    run("pointnc.predict", f"checkpoint={tmp_path / 'run'}", *places, folder=tmp_path)
    labels = np.load(tmp_path / "labels" / "11_000000" / "label.npy")
    assert len(labels) == 400 and set(labels.tolist()) <= set(taxonomy().ids)


def test_what_a_mac_leaves_beside_the_scans_is_no_scan(raw: Path, tmp_path: Path) -> None:
    copy = tmp_path / "raw"
    shutil.copytree(raw, copy)
    for folder in copy.rglob("velodyne"):
        (folder / "._000000.bin").write_bytes(b"\0\5")
    lists = preparation.sequence_lists({"train": ["00"]})
    assert (
        len(preparation.find_scans(copy, tmp_path, lists)[0])
        == len(preparation.find_scans(raw, tmp_path, lists)[0])
        > 0
    )


def test_a_training_split_of_which_nothing_is_there_is_a_mistake(raw: Path, tmp_path: Path) -> None:
    with raises("missing-scene", "train", "(01, 02)", "splits="):
        preparation.find_scans(raw, tmp_path, {"train": ["01", "02"], "val": ["00"]})
