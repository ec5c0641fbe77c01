import numpy as np
import pytest
import torch

from pointnc.data.batch import collate, make_sample
from pointnc.data.features import feature_channels
from tests.helpers.mistakes import raises
from tests.oracles.voxels import voxel_lists

FEATURES = ("color", "normal")


@pytest.fixture
def scenes(make_scene):
    return [make_scene(N, N, f"s{N}").replace(semantic=np.arange(N) % 7 - 1) for N in (120, 1, 300)]


def test_collate_and_inverse_come_round(scenes):
    samples = [make_sample(scene, FEATURES, 0.5, full_resolution=True) for scene in scenes]
    batch = collate(samples)
    assert batch.batch_size == 3 and batch.names == ["s120", "s1", "s300"]
    assert len(batch) == len(batch.coord) == batch.offsets[-1]
    assert batch.point_offsets.tolist() == [0, 120, 121, 421]
    dtypes = [t.dtype for t in (batch.coord, batch.features, batch.segment, batch.offsets, batch.inverse)]
    assert dtypes == [torch.int32, torch.float32, torch.int64, torch.int64, torch.int64]
    for number, (scene, sample) in enumerate(zip(scenes, samples)):
        voxels = slice(batch.offsets[number], batch.offsets[number + 1])
        points = slice(batch.point_offsets[number], batch.point_offsets[number + 1])
        assert (batch.coord[voxels, 0] == number).all()
        np.testing.assert_array_equal(batch.features[voxels], sample.features)
        np.testing.assert_array_equal(batch.segment[voxels], sample.segment)
        np.testing.assert_array_equal(batch.point_segment[points], scene.semantic)
        # Each point finds the voxel that it lies in.
        cells = np.floor(scene.coord / np.float32(0.5)).astype(int)
        np.testing.assert_array_equal(batch.coord[batch.inverse[points], 1:], cells - cells.min(axis=0))


def test_training_batch_has_no_points(scenes):
    batch = collate([make_sample(scene, FEATURES, 0.5) for scene in scenes])
    assert batch.inverse is batch.point_offsets is batch.point_segment is None
    unlabeled = collate([make_sample(s.replace(semantic=None), FEATURES, 0.5, full_resolution=True) for s in scenes])
    assert unlabeled.segment is unlabeled.point_segment is None
    assert len(unlabeled.inverse) == 421


def test_to_moves_every_tensor(scenes):
    batch = collate([make_sample(scene, FEATURES, 0.5, full_resolution=True) for scene in scenes])
    moved = batch.to("meta")
    tensors = {key: value for key, value in vars(moved).items() if isinstance(value, torch.Tensor)}
    assert len(tensors) == 7 and all(value.is_meta for value in tensors.values())
    assert moved.names == batch.names and not batch.coord.is_meta


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_pinned_batch_reaches_the_device(scenes):
    batch = collate([make_sample(scene, FEATURES, 0.5) for scene in scenes])
    pinned = batch.pin_memory()
    assert pinned.coord.is_pinned() and pinned.features.is_pinned()
    np.testing.assert_array_equal(pinned.to("cuda", non_blocking=True).features.cpu(), batch.features)


def test_mixed_labels_are_refused(scenes):
    samples = [make_sample(s, FEATURES, 0.5) for s in (scenes[0], scenes[1].replace(semantic=None))]
    with raises("missing-array", "s1", "segment"):
        collate(samples)


def test_features_are_scaled_and_in_the_order_of_their_names(scenes):
    scene = scenes[0]
    sample = make_sample(scene, ("normal", "coord", "color"), 0.5)
    firsts = [points[0] for points in voxel_lists(scene.coord, 0.5).values()]
    np.testing.assert_array_equal(sample.features[:, :3], scene.normal[firsts])
    np.testing.assert_array_equal(sample.features[:, 3:6], scene.coord[firsts])
    np.testing.assert_allclose(sample.features[:, 6:], scene.color[firsts] / 127.5 - 1, atol=1e-6)
    extremes = scene.replace(color=np.tile(np.array([[0], [255]], np.uint8), (60, 3)))
    assert set(np.unique(make_sample(extremes, ("color",), 0.01).features)) == {-1.0, 1.0}


def test_random_representative_gives_feature_and_label_of_one_point(scenes):
    scene = scenes[2].replace(semantic=np.arange(300))
    sample = make_sample(scene, ("coord",), 0.8, "random", np.random.default_rng(0))
    np.testing.assert_array_equal(sample.features, scene.coord[sample.segment])
    assert not np.array_equal(sample.segment, make_sample(scene, ("coord",), 0.8).segment)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
def test_every_negative_label_is_ignored(dtype, scenes):
    semantic = np.array([-1, -100, 3] * 40, dtype)
    sample = make_sample(scenes[0].replace(semantic=semantic), FEATURES, 0.001, full_resolution=True)
    assert sample.segment.dtype == sample.point_segment.dtype == np.int64
    assert set(sample.point_segment) == {-1, 3}


def test_mistakes_name_scene_and_override(scenes):
    bare = scenes[0].replace(normal=None)
    with raises("missing-array", "s120", "normal", "dataset.features=[color]"):
        make_sample(bare, FEATURES, 0.5)
    with raises("missing-array", "dataset.features=[coord]"):
        make_sample(bare, ("normal",), 0.5)
    with raises("too-far", "s120"):
        make_sample(scenes[0], FEATURES, 1e-9)
    assert feature_channels(("color", "normal", "coord")) == 9 and feature_channels(["color"]) == 3
    for wrong, code in (((), "option"), (("color", "color"), "option"), (("rgb",), "unknown-name")):
        with raises(code, "dataset.features", *wrong):
            feature_channels(wrong)
