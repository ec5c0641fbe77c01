"""Whole batches: the device's against the collated samples of the data set."""

import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from pointnc.data import ResumableBatchSampler, SceneDataset, collate, make_loader
from pointnc.data import transforms as T
from pointnc.data.device import DevicePipeline
from pointnc.data.device import voxels as device_voxels
from pointnc.data.device.voxels import voxelize_points
from pointnc.data.transforms import Layout, PointBatch
from pointnc.data.voxels import MAX_EXTENT, voxelize
from tests.helpers.augmentations import NAMES, augmentation_of
from tests.helpers.mistakes import raises

FEATURES = ("color", "normal")


def assert_equal(batch, expected):
    """Voxels to the bit, features to rounding."""
    assert batch.names == expected.names
    for key in ("coord", "segment", "offsets"):
        assert getattr(batch, key).dtype == getattr(expected, key).dtype, key
        assert torch.equal(getattr(batch, key), getattr(expected, key)), key
    torch.testing.assert_close(batch.features, expected.features, rtol=1e-5, atol=1e-6)
    assert batch.inverse is batch.point_offsets is batch.point_segment is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("representative", ["first", "random"])
def test_recipes_make_the_hosts_batches(name, representative, make_store, taxonomy):
    augmentation = augmentation_of(name, 320)
    dataset = SceneDataset(
        make_store(6),
        "train",
        taxonomy,
        (*FEATURES, "coord", "strength"),
        0.3,
        instantiate(augmentation.transforms),
        augmentation.mix_probability,
        representative,
        seed=5,
    )
    pipeline = DevicePipeline(dataset)
    mixed = 0
    for epoch in range(3):
        keys = [(epoch, index) for index in (4, 0, 3)]
        expected = collate([dataset[key] for key in keys])
        batch = pipeline.prepare(pipeline.collate([pipeline[key] for key in keys]).to("cpu"))
        assert_equal(batch, expected)
        mixed += sum("+" in scene for scene in batch.names)
    assert (mixed > 0) == (augmentation.mix_probability > 0)


@pytest.mark.parametrize("features", [("color_unit",), ("coord", "color_half"), ("normal",)])
def test_features_in_the_order_of_their_names(features, make_store, taxonomy):
    dataset = SceneDataset(make_store(3), "train", taxonomy, features, 0.2, T.ChromaticTranslation())
    pipeline = DevicePipeline(dataset)
    raw = pipeline.collate([pipeline[0], pipeline[1]])
    assert (raw.points.color is None) == ("normal" in features)  # what is not seen is not moved
    assert_equal(pipeline.prepare(raw), collate([dataset[0], dataset[1]]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16])
def test_colors_and_labels_of_other_types(dtype, make_store, taxonomy):
    rng = np.random.default_rng(0)
    color, segment = rng.integers(0, 256, (300, 3)).astype(dtype), rng.integers(-1, 4, 300).astype(np.int16)
    dataset = SceneDataset(make_store(2, color=color, segment4=segment), "train", taxonomy, FEATURES, 0.2)
    pipeline = DevicePipeline(dataset)
    batch = pipeline.prepare(pipeline.collate([pipeline[0], pipeline[1]]))
    assert_equal(batch, collate([dataset[0], dataset[1]]))
    assert batch.segment.min() == -1


@pytest.mark.parametrize("workers", [0, 2])
def test_loader_makes_the_same_batches_with_any_number_of_workers(workers, make_store, taxonomy):
    transforms = T.Compose([T.CenterShift(), T.RandomJitter(), T.ElasticDistortion(), T.ChromaticJitter()])
    dataset = SceneDataset(make_store(5), "train", taxonomy, FEATURES, 0.2, transforms, 0.5, "random")
    pipeline = DevicePipeline(dataset)
    plain = make_loader(dataset, ResumableBatchSampler(len(dataset), 2, seed=3))
    raw = make_loader(pipeline, ResumableBatchSampler(len(pipeline), 2, seed=3), workers, pipeline.collate)
    batches = list(raw)
    assert len(batches) == len(plain) == 3
    for batch, expected in zip(batches, plain):
        assert_equal(pipeline.prepare(batch), expected)


def test_mistakes_in_the_store_are_told_as_they_are(make_store, taxonomy):
    store = make_store(2, segment4=np.full(300, 9))
    pipeline = DevicePipeline(SceneDataset(store, "train", taxonomy, FEATURES, 0.2))
    loader = make_loader(pipeline, ResumableBatchSampler(2, 2), 1, pipeline.collate)
    with raises("unknown-label", "label 9", "scene0"):
        next(iter(loader))


def points_of(coords):
    layout = Layout.of(tuple(map(len, coords)))
    return PointBatch(layout, torch.from_numpy(np.concatenate(coords)), torch.zeros(len(layout), dtype=torch.int32))


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_voxels_of_a_batch_equal_those_of_each_scene(seed, wide, monkeypatch):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 400, 5)
    coords = [(rng.normal(scale=rng.uniform(0.01, 2), size=(n, 3)) + 50 * number).astype(np.float32)
              for number, n in enumerate(sizes)]  # fmt: skip
    if wide:
        monkeypatch.setattr(device_voxels, "MAX_KEY", 10)
    points = points_of(coords)
    uniform = torch.from_numpy(np.concatenate([np.random.default_rng(n).random(n) for n in sizes]))
    for representative in ("first", "random"):
        voxels = voxelize_points(points, ["?"] * 5, 0.1, representative, uniform)
        for number, coord in enumerate(coords):
            expected = voxelize(coord, 0.1, representative, np.random.default_rng(len(coord)))
            start, end = voxels.offsets[number].item(), voxels.offsets[number + 1].item()
            before = points.layout.offsets[number].item()
            assert (voxels.coord[start:end, 0] == number).all()
            np.testing.assert_array_equal(voxels.coord[start:end, 1:], expected.grid)
            np.testing.assert_array_equal(voxels.index[start:end] - before, expected.index)


def test_the_widest_scenes_that_can_be_numbered():
    corners = np.array([[0, 0, 0], [MAX_EXTENT - 1] * 3, [0, 0, 0]], np.float32)
    voxels = voxelize_points(points_of([corners] * 4), list("abcd"), 1.0)
    assert voxels.coord.tolist() == [[b, *xyz] for b in range(4) for xyz in ([0] * 3, [MAX_EXTENT - 1] * 3)]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e9])
def test_what_cannot_be_numbered_is_refused_by_name(value):
    coord = np.zeros((3, 3), np.float32)
    bad = coord.copy()
    bad[1, 2] = value
    code = "too-far" if np.isfinite(value) else "not-finite"
    with raises(code) as mistake:
        voxelize_points(points_of([coord, bad]), ["good", "bad"], 0.01)
    with raises(code) as expected:
        voxelize(bad, 0.01)
    assert str(mistake.value) == f"scene bad: {expected.value}"


def test_full_resolution_stays_on_the_host(make_store, taxonomy):
    with pytest.raises(ValueError, match="host"):
        DevicePipeline(SceneDataset(make_store(2), "train", taxonomy, FEATURES, 0.2, full_resolution=True))
