"""The store: what is written is what is read, and what damaged or foreign stores get."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointnc.benchmarks.scannet import taxonomy
from pointnc.scenes.scene import Scene
from pointnc.scenes.store import SceneStore, class_counts
from pointnc.scenes.writing import write_manifest, write_scene
from tests.helpers.mistakes import raises

FINE = taxonomy("scannet200")


def arrays(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "coord": rng.normal(size=(count, 3)).astype(np.float32),
        "color": rng.integers(0, 256, (count, 3)).astype(np.uint8),
        "normal": rng.normal(size=(count, 3)).astype(np.float32),
        "strength": rng.random((count, 1)).astype(np.float32),
        "segment200": rng.integers(-1, 200, count).astype(np.int16),
        "instance": rng.integers(-1, 9, count).astype(np.int32),
    }


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 300), st.integers(0, 9))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, count: int, seed: int) -> None:
    root = tmp_path_factory.mktemp("store")
    data = arrays(count, seed)
    write_scene(root / "train" / "a", data)
    scene = SceneStore(root).load("train", "a", "segment200")
    for key, value in scene.arrays().items():
        expected = data["segment200" if key == "semantic" else key]
        np.testing.assert_array_equal(value, expected)
        assert value.dtype == expected.dtype
        assert isinstance(value, np.memmap)
    assert SceneStore(root).scenes("train") == ["a"]


def test_store_without_manifest_is_counted(tmp_path: Path) -> None:
    data = [arrays(50, seed) for seed in range(3)]
    for number, item in enumerate(data):
        # As Pointcept writes it: int32 labels, no scene.json.
        folder = tmp_path / "train" / f"s{number}"
        folder.mkdir(parents=True)
        for key, value in item.items():
            np.save(folder / f"{key}.npy", value.astype(np.int32) if key == "segment200" else value)
    labels = [item["segment200"] for item in data]
    expected = [np.bincount(label[label >= 0], minlength=200) for label in labels]
    store = SceneStore(tmp_path)
    assert store.manifest is None
    np.testing.assert_array_equal(store.histogram("train", FINE), np.sum(expected, axis=0))
    np.testing.assert_array_equal(store.scene_counts("train", FINE), (np.array(expected) > 0).sum(axis=0))
    store.check_taxonomy(FINE)


def test_manifest_of_a_store_and_its_taxonomy(tmp_path: Path) -> None:
    data = arrays(40)
    counts = np.bincount(data["segment200"][data["segment200"] >= 0], minlength=200)
    write_scene(tmp_path / "train" / "a", data, {"points": 40, "histogram": {"segment200": counts.tolist()}})
    write_manifest(tmp_path, [FINE], source="test")
    store = SceneStore(tmp_path)
    np.testing.assert_array_equal(store.histogram("train", FINE), counts)
    store.check_taxonomy(FINE)
    with raises("other-taxonomy", tmp_path, "segment200", "segment20", "dataset="):
        store.check_taxonomy(taxonomy("scannet20"))


def test_joined_splits_are_read_as_one(tmp_path: Path) -> None:
    for number, (split, name) in enumerate([("train", "b"), ("val", "a"), ("test", "c")]):
        data = arrays(40, number)
        counts = np.bincount(data["segment200"][data["segment200"] >= 0], minlength=200)
        record = {"points": 40, "histogram": {"segment200": counts.tolist()}, "origin": [number, 0, 0]}
        write_scene(tmp_path / split / name, data, record)
    write_manifest(tmp_path, [FINE], source="test")
    store = SceneStore(tmp_path)
    assert store.scenes("train+val") == ["a", "b"] == store.scenes("val+train+val")
    assert [scene.name for scene in store["train+val"]] == ["a", "b"]
    for split, name in (("train", "b"), ("val", "a")):
        joined, alone = store.load("train+val", name, "segment200"), store.load(split, name, "segment200")
        for key, value in alone.arrays().items():
            np.testing.assert_array_equal(joined.arrays()[key], value)
        np.testing.assert_array_equal(joined.origin, alone.origin)
    counted = store.scene_histograms("train+val", FINE)
    np.testing.assert_array_equal(
        counted, np.r_[store.scene_histograms("val", FINE), store.scene_histograms("train", FINE)]
    )
    with raises("nothing-there", tmp_path / "more"):
        store.scenes("train+more")
    write_scene(tmp_path / "test" / "a", arrays(9))
    with raises("ambiguous", "a of", "val+test"):
        store.scenes("val+test")
    write_scene(tmp_path / "train+val" / "z", arrays(9))  # a split of this very name is meant by it
    assert store.scenes("train+val") == ["z"] and len(store.load("train+val", "z")) == 9


def test_missing_store_split_and_file(tmp_path: Path) -> None:
    with raises("not-a-store", tmp_path / "nowhere", "make it so"):
        SceneStore(tmp_path / "nowhere", hint="make it so")
    with raises("nothing-there", tmp_path / "train", "make it so"):
        SceneStore(tmp_path, hint="make it so").scenes("train")
    (tmp_path / "train").mkdir()
    with raises("nothing-there", tmp_path / "train", "empty"):
        SceneStore(tmp_path).scenes("train")
    with raises("missing-file", tmp_path / "train" / "a" / "coord.npy"):
        SceneStore(tmp_path).load("train", "a")


def test_pickled_arrays_are_not_executed(tmp_path: Path) -> None:
    write_scene(tmp_path / "train" / "a", arrays(5))
    np.save(tmp_path / "train" / "a" / "color.npy", np.array([print], object), allow_pickle=True)
    with raises("damaged-file", "color.npy"):
        SceneStore(tmp_path).load("train", "a")


def test_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    bad = {**arrays(5), "color": np.array(["a"])}
    with pytest.raises(ValueError, match="invalid literal"):
        write_scene(tmp_path / "train" / "a", bad)
    assert not list((tmp_path / "train").iterdir())


def test_scenes_that_cannot_be_used() -> None:
    coord = np.zeros((3, 3), np.float32)
    with raises("no-points", "scene a"):
        Scene("a", coord[:0]).validate()
    with raises("not-finite", "scene a", "coord", "NaN", "1 of 3"):
        Scene("a", np.array([[0, 0, 0], [0, np.nan, 0], [0, 0, 1]], np.float32)).validate()
    with raises("other-length", "scene a", "color", "2 rows", 3):
        Scene("a", coord, color=np.zeros((2, 3), np.uint8)).validate()
    with raises("unknown-label", "scene a", "label 200", "200 classes", "scannet200"):
        class_counts(Scene("a", coord, semantic=np.array([0, 1, 200])), FINE)
    with raises("unknown-label", "scene a", "label -7", "segment200.npy"):
        class_counts(Scene("a", coord, semantic=np.array([0, -7, -1])), FINE)


def test_select_keeps_points_together() -> None:
    scene = Scene("a", np.arange(12, dtype=np.float32).reshape(4, 3), semantic=np.arange(4))
    picked = scene.select(np.array([3, 1]))
    assert picked.semantic.tolist() == [3, 1]
    assert picked.coord[:, 0].tolist() == [9, 3]
    assert len(scene) == 4
