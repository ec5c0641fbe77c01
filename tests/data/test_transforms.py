from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointnc.checks import OptionError
from pointnc.data import transforms as T
from pointnc.data.transforms import crop, elastic, geometry
from pointnc.data.transforms.instances import (
    InstanceColorDrop,
    InstanceDropout,
    InstanceFlip,
    InstanceRotate,
    InstanceScale,
    InstanceShift,
)
from pointnc.data.transforms.share_crop import ShareCrop
from tests.oracles.elastic import blurred, looked_up

# Each transform, made to happen always, with the attributes that it may change.
CASES = {
    "center": (T.CenterShift(), {"coord"}),
    "center_xy": (T.CenterShift(z=False), {"coord"}),
    "dropout": (T.RandomDropout(p=1), set()),
    "crop": (T.SphereCrop(200), set()),
    "crop_by_class": (T.SphereCrop(200, class_balanced=1.0), set()),
    "rotate": (T.RandomRotate(p=1), {"coord", "normal"}),
    "scale": (T.RandomScale(), {"coord"}),
    "flip": (T.RandomFlip(p=1), {"coord", "normal"}),
    "jitter": (T.RandomJitter(), {"coord"}),
    "elastic": (T.ElasticDistortion(), {"coord"}),
    "contrast": (T.ChromaticAutoContrast(p=1), {"color"}),
    "translation": (T.ChromaticTranslation(p=1), {"color"}),
    "color_jitter": (T.ChromaticJitter(p=1), {"color"}),
}
every = pytest.mark.parametrize(("transform", "changed"), CASES.values(), ids=list(CASES))


def rng(seed=0):
    return np.random.default_rng(seed)


@every
def test_labels_travel_with_their_points(transform, changed, make_scene):
    for seed in range(5):
        scene = make_scene(seed=seed)
        result = transform(scene, rng(seed))
        result.validate()
        points = result.semantic  # the fixture numbers the points by their labels
        assert (np.diff(points) > 0).all()
        for key, value in result.arrays().items():
            if key in changed:
                assert value.dtype == np.float32
            else:
                np.testing.assert_array_equal(value, getattr(scene, key)[points])
        assert result.coord.dtype == result.normal.dtype == np.float32


@every
def test_deterministic_and_leaves_its_input_alone(transform, changed, make_scene):
    scene = make_scene()
    before = {key: value.copy() for key, value in scene.arrays().items()}
    first, second = transform(scene, rng(3)), transform(scene, rng(3))
    for key, value in first.arrays().items():
        np.testing.assert_array_equal(value, second.arrays()[key])
    for key, value in scene.arrays().items():
        np.testing.assert_array_equal(value, before[key])


@every
def test_changes_what_it_claims_and_varies_with_the_seed(transform, changed, make_scene):
    scene = make_scene()
    results = [transform(scene, rng(seed)) for seed in (1, 2)]
    for key in changed:
        assert not np.array_equal(getattr(results[0], key), getattr(scene, key))
    if not isinstance(transform, (T.CenterShift, T.RandomFlip)):  # these two draw nothing or, at p = 1, always yes
        one, other = (np.concatenate([r.coord.ravel(), r.color.ravel()]) for r in results)
        assert one.shape != other.shape or not np.array_equal(one, other)


@every
def test_a_scene_of_bare_coordinates_and_one_point(transform, changed, make_scene):
    scene = make_scene(1).replace(color=None, normal=None, semantic=None, instance=None)
    result = transform(scene, rng())
    assert len(result) == 1
    assert set(result.arrays()) == {"coord"}


@pytest.mark.parametrize(
    "transform",
    [
        T.RandomDropout(p=0),
        T.SphereCrop(500),
        T.RandomRotate(p=0),
        T.RandomFlip(p=0),
        T.ElasticDistortion(p=0),
        T.ChromaticAutoContrast(p=0),
        T.ChromaticTranslation(p=0),
        T.ChromaticJitter(p=0),
    ],
)
def test_at_probability_zero_no_array_is_copied(transform, make_scene):
    scene = make_scene()
    result = transform(scene, rng())
    assert all(value is scene.arrays()[key] for key, value in result.arrays().items())


def distances(coord):
    return np.linalg.norm(coord[:, None].astype(np.float64) - coord[None], axis=2)


@pytest.mark.parametrize("transform", [T.RandomRotate(p=1), T.RandomFlip(p=1), T.RandomRotate((30, 60, 180), 1)])
def test_rigid_motions_keep_distances_and_the_normals_relation_to_the_surface(transform, make_scene):
    scene = make_scene(150)
    result = transform(scene, rng(4))
    np.testing.assert_allclose(distances(result.coord), distances(scene.coord), atol=2e-5)
    np.testing.assert_allclose(np.linalg.norm(result.normal, axis=1), 1, atol=1e-6)
    # n·(p − q) stays: normals turn with the surface that they belong to.
    for before, after in zip(scene.normal, result.normal):
        np.testing.assert_allclose(
            (result.coord - result.coord[0]) @ after, (scene.coord - scene.coord[0]) @ before, atol=1e-5
        )


def test_rotation_keeps_handedness_and_its_bounds(make_scene):
    scene = make_scene(3)
    for seed in range(30):
        result = T.RandomRotate((0, 0, 10), p=1)(scene, rng(seed))
        np.testing.assert_allclose(result.coord[:, 2], scene.coord[:, 2], atol=1e-6)
        before, after = (np.arctan2(s.coord[:, 1], s.coord[:, 0]) for s in (scene, result))
        turn = (np.degrees(after - before) + 180) % 360 - 180
        np.testing.assert_allclose(turn, turn[0], atol=1e-3)
        assert abs(turn[0]) <= 10.001
    for axis, (second, third) in enumerate(((1, 2), (2, 0), (0, 1))):
        unit = np.eye(3)
        np.testing.assert_allclose(geometry.rotation(axis, np.pi / 2) @ unit[second], unit[third], atol=1e-12)


def test_probability_is_that_of_each_axis(make_scene):
    scene = make_scene(2)
    turned = [not np.array_equal(T.RandomRotate((0, 0, 180))(scene, rng(s)).coord, scene.coord) for s in range(400)]
    assert 150 < sum(turned) < 250
    flips = np.array([(T.RandomFlip()(scene, rng(s)).coord[0] != scene.coord[0]) for s in range(400)])
    assert ((flips.sum(axis=0)[:2] > 150) & (flips.sum(axis=0)[:2] < 250)).all()
    assert not flips[:, 2].any()
    assert 60 < (flips[:, 0] & flips[:, 1]).sum() < 140


def test_flip_mirrors_x_and_y(make_scene):
    scene = make_scene()
    result = T.RandomFlip(p=1)(scene, rng())
    np.testing.assert_array_equal(result.coord, scene.coord * (-1, -1, 1))
    np.testing.assert_array_equal(result.normal, scene.normal * (-1, -1, 1))


def test_scale_is_one_factor_within_its_bounds(make_scene):
    scene = make_scene()
    factors = []
    for seed in range(50):
        ratio = T.RandomScale(0.5, 2)(scene, rng(seed)).coord / scene.coord
        np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-5)
        factors.append(ratio[0, 0])
    assert 0.5 <= min(factors) < 0.7 and 1.6 < max(factors) <= 2


def test_jitter_is_bounded_and_of_its_width(make_scene):
    scene = make_scene(20_000)
    shift = T.RandomJitter(0.005, 0.02)(scene, rng()).coord - scene.coord
    assert np.abs(shift).max() <= 0.02 + 1e-6
    assert 0.0048 < shift.std() < 0.0052
    assert np.abs(T.RandomJitter(0.1, 0.01)(scene, rng()).coord - scene.coord).max() <= 0.01 + 1e-6


def test_center_shift_keeps_world_coordinates(make_scene):
    scene = make_scene()
    result = T.CenterShift()(scene, rng())
    np.testing.assert_allclose(result.coord[:, :2].min(0), -result.coord[:, :2].max(0), atol=1e-6)
    assert result.coord[:, 2].min() == 0
    np.testing.assert_allclose(result.coord + result.origin, scene.coord + scene.origin, atol=1e-6)
    flat = T.CenterShift(z=False)(scene, rng())
    np.testing.assert_array_equal(flat.coord[:, 2], scene.coord[:, 2])


def test_dropout_keeps_about_its_share(make_scene):
    scene = make_scene(20_000)
    assert 15_700 < len(T.RandomDropout(0.2, 1)(scene, rng())) < 16_300
    thinned = sum(len(T.RandomDropout(0.2, 0.2)(scene, rng(s))) < len(scene) for s in range(300))
    assert 35 < thinned < 90
    assert len(T.RandomDropout(1.0, 1)(scene, rng())) == 1


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 80), st.integers(0, 2**32), st.booleans(), st.data())
def test_crop_gives_the_nearest(N, seed, lattice, data):
    count = data.draw(st.integers(1, N))
    # On a lattice many distances are equal.
    values = np.random.default_rng(seed).normal(size=(N, 3))
    coord = (np.round(values) if lattice else values).astype(np.float32)
    center = coord[data.draw(st.integers(0, N - 1))]
    index = crop.nearest(coord, center, count)
    distance = ((coord - center) ** 2).sum(axis=1)
    assert len(index) == count and (np.diff(index) > 0).all()
    expected = np.sort(np.argsort(distance, kind="stable")[:count])
    np.testing.assert_allclose(np.sort(distance[index]), np.sort(distance[expected]), rtol=1e-6)
    if lattice:
        np.testing.assert_array_equal(index, expected)


def test_crop_surrounds_one_of_the_points(make_scene):
    scene = make_scene(2000)
    result = T.SphereCrop(50)(scene, rng(8))
    assert len(result) == 50
    # Around the right center the farthest point kept is nearer than the nearest one left out.
    outside = np.setdiff1d(scene.semantic, result.semantic)
    kept = np.linalg.norm(scene.coord[result.semantic][:, None] - result.coord, axis=2).max(axis=1)
    left = np.linalg.norm(scene.coord[outside][None] - result.coord[:, None], axis=2).min(axis=1)
    assert (kept <= left).any()


def test_class_balanced_crop_has_every_class_in_the_middle_as_often(make_scene):
    scene = make_scene(4000)
    semantic = np.full(4000, 5)
    semantic[[7, 8, 9]], semantic[30:80], semantic[1000:1200] = 0, 2, -1
    scene = scene.replace(semantic=semantic)

    def middle(crop, seeds):
        return np.array([crop(scene, rng(seed)).semantic[0] for seed in range(seeds)])

    classes = middle(T.SphereCrop(1, class_balanced=1.0), 600)
    shares = {label: np.mean(classes == label) for label in (-1, 0, 2, 5)}
    assert shares[-1] == 0 and all(abs(shares[label] - 1 / 3) < 0.07 for label in (0, 2, 5))
    assert abs(np.mean(middle(T.SphereCrop(1, class_balanced=0.5), 600) == 5) - 0.64) < 0.07
    for semantic in (None, np.full(4000, -1)):
        assert len(T.SphereCrop(9, class_balanced=1)(scene.replace(semantic=semantic), rng(0))) == 9


@pytest.mark.parametrize(
    ("transform", "options"),
    [
        (T.CenterShift, {"z": 1}),
        (T.RandomRotate, {"degrees": 90}),
        (T.RandomRotate, {"degrees": [1, 2, "far"]}),
        (T.RandomRotate, {"p": 2}),
        (T.RandomScale, {"low": 0}),
        (T.RandomScale, {"high": 0.5}),
        (T.RandomFlip, {"p": -0.1}),
        (T.RandomJitter, {"sigma": "wide"}),
        (T.RandomJitter, {"clip": -1}),
        (T.RandomDropout, {"ratio": 1.5}),
        (T.RandomDropout, {"p": None}),
        (T.SphereCrop, {"max_points": 0}),
        (T.SphereCrop, {"class_balanced": 1.5}),
        (ShareCrop, {"share": 0}),
        (T.ElasticDistortion, {"levels": [0.2]}),
        (T.ElasticDistortion, {"levels": 0.2}),
        (T.ElasticDistortion, {"levels": [[0, 0.4]]}),
        (T.ElasticDistortion, {"p": 2}),
        (T.ChromaticAutoContrast, {"blend": 2}),
        (T.ChromaticTranslation, {"ratio": -1}),
        (T.ChromaticJitter, {"sigma": float("nan")}),
        (InstanceShift, {"distance": "far"}),
        (InstanceRotate, {"degrees": -5}),
        (InstanceFlip, {"p": 2}),
        (InstanceScale, {"low": "big"}),
        (InstanceDropout, {"share": 2}),
        (InstanceColorDrop, {"share": "some"}),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(transform: Any, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=f"^{next(iter(options))}"):
        transform(**options)


def test_blur_equals_loops():
    field = rng(5).standard_normal((5, 3, 6, 3), np.float32)
    np.testing.assert_allclose(elastic.blur(field), blurred(field, elastic.BLURS), atol=1e-6)


def test_displacement_equals_loops():
    generator = rng(6)
    field = generator.standard_normal((6, 4, 5, 3), np.float32)
    start = np.array([-1, 2, 0.5], np.float32)
    coord = (start + generator.random((200, 3)) * 0.25 * (5, 3, 4)).astype(np.float32)
    coord[0], coord[1] = start, start + np.float32(0.25) * np.array([5, 3, 4], np.float32)  # the outermost nodes
    moved = elastic.displace(coord, field, start, 0.25)
    assert moved.dtype == np.float32
    expected = [point + looked_up(point, field, start, 0.25) for point in coord]
    np.testing.assert_allclose(moved, expected, atol=2e-6)


def test_vectors_are_multiplied_in_single_precision_in_one_order(make_scene):
    vectors, matrix = make_scene(3000).coord, geometry.rotation(1, 0.7) @ geometry.rotation(2, -2.0)
    x, y, z = vectors.T
    rows = matrix.astype(np.float32)
    expected = np.stack([row[0] * x + row[1] * y + row[2] * z for row in rows], axis=1)
    np.testing.assert_array_equal(geometry.multiply(vectors, matrix), expected)


def test_elastic_field_is_bounded_and_smooth(make_scene):
    scene = make_scene(800)
    granularity, magnitude = 0.5, 0.4
    shift = T.ElasticDistortion([(granularity, magnitude)])(scene, rng(9)).coord - scene.coord
    # The largest of a few hundred unit normals stays under 5, and a mean of them under the largest.
    assert 0.01 < np.abs(shift).max() < 5 * magnitude
    # Between neighboring nodes a blurred field changes by at most two thirds of the noise's range.
    steepest = 2 / 3 * 10 * magnitude / granularity * np.sqrt(3)
    apart = distances(scene.coord) + np.eye(len(scene))
    assert (distances(shift) / apart).max() < steepest
    # Near points move alike, far points do not.
    near, far = (apart < 0.1) & (apart > 0), apart > 2
    assert distances(shift)[near].mean() < 0.5 * distances(shift)[far].mean()


def test_elastic_without_magnitude_is_the_identity(make_scene):
    scene = make_scene()
    np.testing.assert_array_equal(T.ElasticDistortion([(0.2, 0.0)])(scene, rng()).coord, scene.coord)


COLORS = [T.ChromaticAutoContrast(1), T.ChromaticTranslation(1, 0.5), T.ChromaticJitter(1, 0.5)]


@pytest.mark.parametrize("transform", COLORS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_colors_stay_in_range(transform, dtype, make_scene):
    for seed in range(10):
        color = rng(seed).integers(0, 256, (500, 3)).astype(dtype)
        result = transform(make_scene().replace(color=color), rng(seed)).color
        assert result.dtype == np.float32 and result.min() >= 0 and result.max() <= 255


def test_full_contrast_stretches_each_channel(make_scene):
    scene = make_scene()
    result = T.ChromaticAutoContrast(1, blend=1.0)(scene, rng()).color
    np.testing.assert_allclose(result.min(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(result.max(axis=0), 255, atol=1e-3)
    np.testing.assert_array_equal(T.ChromaticAutoContrast(1, blend=0.0)(scene, rng()).color, scene.color)
    # Half way between is the mean of both.
    half = T.ChromaticAutoContrast(1, blend=0.5)(scene, rng()).color
    np.testing.assert_allclose(half, (result + scene.color) / 2, atol=1e-3)


def test_contrast_of_a_single_color_changes_nothing(make_scene):
    color = np.full((500, 3), 77, np.uint8)
    result = T.ChromaticAutoContrast(1)(make_scene().replace(color=color), rng()).color
    np.testing.assert_allclose(result, color, rtol=1e-6)


def test_translation_is_one_tint_and_jitter_is_noise(make_scene):
    scene = make_scene()
    tint = T.ChromaticTranslation(1, 0.05)(scene, rng()).color - scene.color
    np.testing.assert_allclose(tint, np.tile(tint[0], (500, 1)), atol=1e-4)
    assert np.abs(tint).max() <= 0.05 * 255
    noise = T.ChromaticJitter(1, 0.01)(scene, rng()).color - scene.color
    assert 0.9 * 2.55 < noise.std() < 1.1 * 2.55


def test_mix_keeps_both_scenes_and_their_instances_apart(make_scene):
    first, second = make_scene(40, 1, "a"), make_scene(60, 2, "b")
    instance = np.where(np.arange(60) < 10, -1, np.arange(60) // 7)
    result = T.mix(first, second.replace(instance=instance))
    assert result.name == "a+b" and len(result) == 100
    for key in ("coord", "color", "normal", "semantic"):
        np.testing.assert_array_equal(getattr(result, key), np.concatenate([getattr(first, key), getattr(second, key)]))
    np.testing.assert_array_equal(result.instance[:40], first.instance)
    theirs = result.instance[40:]
    assert (theirs[:10] == -1).all()
    assert not set(theirs[10:]) & set(first.instance)
    assert len(set(theirs[10:])) == len(set(instance[10:]))
    assert T.mix(first.replace(normal=None), second).normal is None
    without = T.mix(first.replace(instance=np.full(40, -1)), second)
    np.testing.assert_array_equal(without.instance[40:], second.instance)


def test_compose_applies_in_order_and_leaves_out_none(make_scene):
    scene = make_scene()
    steps = {"jitter": T.RandomJitter(), "none": None, "flip": T.RandomFlip(p=1)}
    generator = rng(1)
    expected = T.RandomFlip(p=1)(T.RandomJitter()(scene, generator), generator)
    for form in (steps, list(steps.values())):
        np.testing.assert_array_equal(T.Compose(form)(scene, rng(1)).coord, expected.coord)
    assert T.Compose([])(scene, rng()) is scene
