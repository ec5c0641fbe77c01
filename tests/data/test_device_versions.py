"""Every device version against its transform: the same scenes, the same seeds, the same numbers."""

import numpy as np
import pytest
import torch

from pointnc.data import transforms as T
from pointnc.data.transforms import Draws, Layout, Outline, PointBatch, device_steps, elastic
from tests.helpers.mistakes import raises
from tests.oracles.transforms import ORACLES

CASES = {
    "center": T.CenterShift(),
    "center_xy": T.CenterShift(z=False),
    "dropout": T.RandomDropout(0.3, p=0.5),
    "dropout_of_all": T.RandomDropout(1.0, p=1),
    "crop": T.SphereCrop(200),
    "crop_to_one": T.SphereCrop(1),
    "crop_by_class": T.SphereCrop(120, class_balanced=0.7),
    "rotate": T.RandomRotate(p=0.5),
    "rotate_always": T.RandomRotate((90, 90, 180), p=1),
    "scale": T.RandomScale(),
    "flip": T.RandomFlip(),
    "jitter": T.RandomJitter(),
    "jitter_clipped": T.RandomJitter(0.1, 0.02),
    "elastic": T.ElasticDistortion(p=0.5),
    "elastic_always": T.ElasticDistortion([(0.5, 0.7)]),
    "contrast": T.ChromaticAutoContrast(p=0.5),
    "contrast_fixed": T.ChromaticAutoContrast(p=1, blend=1.0),
    "translation": T.ChromaticTranslation(p=0.5, ratio=0.5),
    "color_jitter": T.ChromaticJitter(p=0.5, sigma=0.5),
    "never": T.Compose([T.RandomDropout(p=0), T.RandomRotate(p=0), T.RandomFlip(p=0), T.ElasticDistortion(p=0)]),
    "recipe": T.Compose(
        [
            T.CenterShift(),
            T.RandomDropout(),
            T.SphereCrop(300),
            T.Compose([T.RandomRotate(), T.RandomScale(), T.RandomFlip(), T.RandomJitter()]),
            T.ElasticDistortion(),
            T.ChromaticAutoContrast(),
            T.ChromaticTranslation(),
            T.ChromaticJitter(),
            T.CenterShift(z=False),
        ]
    ),
}
SIZES = (500, 1, 150, 333, 200, 201)


def on_device(transform, scenes, seeds, points=None):
    """Return the transformed batch, and the generators after it."""
    steps = device_steps(transform)
    generators = [np.random.default_rng(seed) for seed in seeds]
    outlines = [Outline(len(scene), scene.color is not None, scene.instance) for scene in scenes]
    points = points or batch_of(scenes)
    for step in steps:
        drawn = [step.draw(outline, rng) for outline, rng in zip(outlines, generators)]
        outlines = [outline.after(draw) for draw, outline in zip(drawn, outlines)]
        points = applied(step, points, Draws.of(drawn))
    return points, generators


def applied(step, points, draws):
    return draws.only_chosen(points, step.apply_batch(points, draws)) if any(draws.chosen) else points


def batch_of(scenes):
    def join(key):
        arrays = [getattr(scene, key) for scene in scenes]
        return None if arrays[0] is None else torch.from_numpy(np.concatenate(arrays))

    layout = Layout.of(tuple(len(scene) for scene in scenes))
    return PointBatch(layout, join("coord"), join("semantic"), join("color"), join("normal"), instance=join("instance"))


def assert_equal(points, scenes):
    assert points.layout.lengths == tuple(len(scene) for scene in scenes)
    assert points.layout.offsets.tolist() == [0, *np.cumsum(points.layout.lengths)]
    for key in ("coord", "normal", "color", "semantic"):
        values = getattr(points, key)
        if values is None:
            assert scenes[0].arrays().get(key) is None
            continue
        expected = np.concatenate([getattr(scene, key) for scene in scenes])
        tolerance = 0 if key == "semantic" else 1e-6 * max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(values.numpy().astype(np.float64), expected, rtol=0, atol=tolerance, err_msg=key)


@pytest.mark.parametrize("transform", CASES.values(), ids=list(CASES))
def test_equals_the_host_transform(transform, make_scene):
    changed = set()
    for seed in range(4):
        scenes = [make_scene(N, seed=seed + N) for N in SIZES]
        seeds = [seed * 100 + number for number in range(len(scenes))]
        hosts = [np.random.default_rng(s) for s in seeds]
        expected = [transform(scene, rng) for scene, rng in zip(scenes, hosts)]
        points, generators = on_device(transform, scenes, seeds)
        assert_equal(points, expected)
        # The generators stand where the host's stand: whatever comes next is equal too.
        for rng, host in zip(generators, hosts):
            assert rng.random() == host.random()
        changed |= {
            not all(np.array_equal(value, getattr(scene, key)) for key, value in result.arrays().items())
            for scene, result in zip(scenes, expected)
            if len(scene) > 1
        }
    if getattr(transform, "p", 1) == 0.5:
        assert changed == {True, False}  # batches held both kinds


@pytest.mark.parametrize("transform", CASES.values(), ids=list(CASES))
def test_leaves_its_input_alone(transform, make_scene):
    scenes = [make_scene(N, seed=N) for N in SIZES]
    points = batch_of(scenes)
    before = {key: getattr(points, key).clone() for key in ("coord", "color", "normal", "semantic")}
    for step in device_steps(transform):
        draws = [step.draw(Outline(len(s), True), np.random.default_rng(n)) for n, s in enumerate(scenes)]
        applied(step, points, Draws.of(draws))
    for key, value in before.items():
        assert torch.equal(getattr(points, key), value), key


@pytest.mark.parametrize("transform", CASES.values(), ids=list(CASES))
def test_bare_coordinates_draw_what_the_host_draws(transform, make_scene):
    scenes = [make_scene(N, seed=N).replace(color=None, normal=None, instance=None) for N in SIZES]
    expected = [transform(scene, np.random.default_rng(n)) for n, scene in enumerate(scenes)]
    assert_equal(on_device(transform, scenes, range(len(scenes)))[0], expected)


def test_colors_that_the_network_does_not_see_are_drawn_for_all_the_same(make_scene):
    scenes = [make_scene(N, seed=N) for N in SIZES]
    transform = CASES["recipe"]
    points = batch_of(scenes).replace(color=None)
    expected = [transform(scene, np.random.default_rng(n)).replace(color=None) for n, scene in enumerate(scenes)]
    assert_equal(on_device(transform, scenes, range(len(scenes)), points)[0], expected)


def test_crop_of_a_lattice_breaks_ties_as_the_host_does(make_scene):
    scenes = []
    for number, N in enumerate(SIZES):
        scene = make_scene(N, seed=number)
        scenes.append(scene.replace(coord=np.round(scene.coord)))  # many points at the same place
    transform = T.SphereCrop(77)
    for seed in range(10):
        seeds = [seed + 50 * number for number in range(len(scenes))]
        expected = [transform(scene, np.random.default_rng(s)) for scene, s in zip(scenes, seeds)]
        assert_equal(on_device(transform, scenes, seeds)[0], expected)


def test_crop_by_class_passes_over_points_without_one(make_scene):
    scenes = []
    for number, N in enumerate(SIZES):
        semantic = np.random.default_rng(number).integers(-1, 3 if number % 2 else 0, N)
        scenes.append(make_scene(N, seed=number).replace(semantic=semantic))
    transform = T.SphereCrop(77, class_balanced=1)
    for seed in range(10):
        seeds = [seed + 50 * number for number in range(len(scenes))]
        expected = [transform(scene, np.random.default_rng(s)) for scene, s in zip(scenes, seeds)]
        assert_equal(on_device(transform, scenes, seeds)[0], expected)


def test_blur_of_padded_grids_equals_each_alone():
    rng = np.random.default_rng(3)
    shapes = [(4, 7, 3), (9, 3, 5), (3, 3, 3)]
    fields = [rng.standard_normal((*shape, 3), np.float32) for shape in shapes]
    padded = torch.zeros(3, 9, 7, 5, 3)
    for rows, field, (x, y, z) in zip(padded, fields, shapes):
        rows[:x, :y, :z] = torch.from_numpy(field)
    blurred = elastic.blur_batch(padded, torch.tensor(shapes)).numpy()
    for rows, field, (x, y, z) in zip(blurred, fields, shapes):
        np.testing.assert_array_equal(rows[:x, :y, :z], elastic.blur(field))
        assert np.count_nonzero(rows) == np.count_nonzero(rows[:x, :y, :z])  # padding stays empty


class Lift(T.Transform):
    """A transform of a user: raises every scene by a random height, or leaves it."""

    def draw(self, scene, rng):
        return T.Draw(scene.length, bool(rng.random() < 0.7), np.array([0, 0, rng.random()], np.float32))

    def apply(self, scene, draw):
        return scene.replace(coord=scene.coord + draw.values)


class LiftOnDevice(Lift):
    def apply_batch(self, points, draws):
        return points.replace(coord=points.coord + points.spread(draws.values))


def test_a_transform_of_ones_own_brings_its_device_version(make_scene):
    scenes = [make_scene(N, seed=N) for N in SIZES]
    transform = T.Compose([T.CenterShift(), LiftOnDevice(), T.RandomScale()])
    expected = [transform(scene, np.random.default_rng(n)) for n, scene in enumerate(scenes)]
    assert_equal(on_device(transform, scenes, range(len(scenes)))[0], expected)


class Derived(T.RandomScale):
    """Does something else than its base class."""

    def apply(self, scene, draw):
        return scene


class AsItsBase(T.RandomScale):
    """Draws other numbers, and does the same with them."""

    def draw(self, scene, rng):
        return T.Draw(scene.length, values=np.full(1, 3, np.float32))


@pytest.mark.parametrize("transform", [Lift(), Derived(), lambda scene, rng: scene])
def test_a_transform_without_a_device_version_is_refused_by_name(transform):
    with raises("unsupported", type(transform).__name__, "apply_batch", "device_transforms=false"):
        device_steps(T.Compose([T.CenterShift(), T.Compose([transform])]))


def test_a_device_version_serves_classes_that_apply_as_their_base_does(make_scene):
    transform = AsItsBase()
    expected = [transform(make_scene(50), np.random.default_rng(0))]
    assert_equal(on_device(transform, [make_scene(50)], [0])[0], expected)


ALONE = {name: case for name, case in CASES.items() if not isinstance(case, T.Compose)}


def test_every_transform_has_an_oracle():
    own = {name for name, value in vars(T).items() if isinstance(value, type) and issubclass(value, T.Transform)}
    assert own - {"Transform"} == set(ORACLES) == {type(case).__name__ for case in ALONE.values()}


@pytest.mark.parametrize("colored", [True, False])
@pytest.mark.parametrize("transform", ALONE.values(), ids=list(ALONE))
def test_the_numbers_of_a_seed_and_what_comes_of_them_are_those_of_the_oracle(transform, colored, make_scene):
    for seed in range(12):
        scene = make_scene(SIZES[seed % len(SIZES)], seed)
        scene = scene if colored else scene.replace(color=None, normal=None)
        rng, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
        result, expected = transform(scene, rng), ORACLES[type(transform).__name__](transform, scene, theirs)
        assert result.arrays().keys() == expected.arrays().keys()
        for key, value in result.arrays().items():
            np.testing.assert_array_equal(value, expected.arrays()[key], err_msg=key)
        np.testing.assert_array_equal(result.origin, expected.origin)
        assert rng.bit_generator.state == theirs.bit_generator.state
