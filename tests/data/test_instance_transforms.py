"""Changes of instances: what moves, what stays, and what of each instance is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pointnc.checks import OptionError
from pointnc.data.transforms import Compose, Outline, RandomDropout, SceneFunction, device_steps
from pointnc.data.transforms.instances import (
    InstanceColorDrop,
    InstanceDropout,
    InstanceFlip,
    InstanceRotate,
    InstanceScale,
    InstanceShift,
    InstanceTransform,
    SwapInstances,
)
from pointnc.data.transforms.share_crop import ShareCrop
from pointnc.scenes import Scene
from tests.data.test_device_versions import assert_equal, on_device
from tests.helpers.mistakes import raises

MOVES = {
    "shift": InstanceShift(p=1),
    "rotate": InstanceRotate(p=1),
    "flip": InstanceFlip(p=1),
    "scale": InstanceScale(p=1),
    "swap": SwapInstances(p=1),
}
OTHERS = {"dropout": InstanceDropout(p=1), "color": InstanceColorDrop(p=1)}
IDS = (3, 5, 700, 701)
"""Of the instances; beside them there are points of none."""


def room(seed: int = 0) -> Scene:
    rng = np.random.default_rng(seed)
    instance = rng.choice([-1, *IDS], 300).astype(np.int32)
    coord = (rng.random((300, 3)) + instance[:, None] % 11).astype(np.float32)
    normal = rng.standard_normal((300, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    color = rng.integers(1, 256, (300, 3)).astype(np.uint8)
    return Scene(
        "room", coord, color=color, normal=normal.astype(np.float32), semantic=np.arange(300), instance=instance
    )


def parts(scene: Scene, key: str = "coord") -> dict[int, NDArray[Any]]:
    return {number: getattr(scene, key)[scene.instance == number] for number in (-1, *IDS)}


def distances(coord: NDArray[Any]) -> NDArray[Any]:
    return np.linalg.norm(coord[:, None].astype(np.float64) - coord[None], axis=2)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", MOVES)
def test_shapes_are_kept_and_what_is_no_instance_stays(name: str) -> None:
    before, after = room(), MOVES[name](room(), rng())
    after.validate()
    assert after.coord.dtype == np.float32 and np.array_equal(after.semantic, before.semantic)
    assert np.array_equal(parts(before)[-1], parts(after)[-1])
    moved = [number for number in IDS if not np.array_equal(parts(before)[number], parts(after)[number])]
    assert 0 < len(moved) <= 4 and (name == "flip" or len(moved) == (2 if name == "swap" else 4))
    factors = []
    for number in IDS:
        one, other = distances(parts(before)[number]), distances(parts(after)[number])
        factors.append(float((other[one > 0] / one[one > 0]).mean()))
        np.testing.assert_allclose(other, one * factors[-1], atol=1e-4)
    if name == "scale":
        assert all(0.9 <= factor <= 1.1 for factor in factors) and len(set(factors)) == 4
    else:
        assert factors == pytest.approx([1] * 4, abs=1e-4)


@pytest.mark.parametrize("name", ["rotate", "flip", "scale"])
def test_middles_stay(name: str) -> None:
    before, after = parts(room()), parts(MOVES[name](room(), rng()))
    for number in IDS:
        np.testing.assert_allclose(before[number].mean(0), after[number].mean(0), atol=1e-4)


def test_a_shift_is_one_for_all_points_and_small() -> None:
    before, after = parts(room()), parts(MOVES["shift"](room(), rng()))
    for number in IDS:
        shift = after[number] - before[number]
        assert np.abs(shift).max() <= 0.1 + 1e-5 and np.ptp(shift, axis=0).max() < 1e-5


@pytest.mark.parametrize("name", ["rotate", "flip"])
def test_normals_go_with_the_shape(name: str) -> None:
    """Angles between normals and the ways between points are those of before; the vertical stays."""
    before, after = room(), MOVES[name](room(), rng())
    for number in IDS:
        (one, other), (normal, turned) = (
            (parts(s, key)[number] for s in (before, after)) for key in ("coord", "normal")
        )
        np.testing.assert_allclose(one[:, 2], other[:, 2], atol=1e-5)
        np.testing.assert_allclose(normal @ (one - one[0]).T, turned @ (other - other[0]).T, atol=1e-3)


def test_rotations_stay_below_their_limit() -> None:
    turns = InstanceRotate(45.0).numbers(rng())
    assert turns[:, 0].min() >= np.cos(np.pi / 4) - 1e-6 and np.ptp(turns[:, 1]) > 1


def test_two_instances_change_places() -> None:
    before, after = parts(room()), parts(MOVES["swap"](room(), rng()))
    first, second = (n for n in IDS if not np.array_equal(before[n], after[n]))
    for one, other in ((first, second), (second, first)):
        low, high = after[one].min(0), after[one].max(0)
        there_low, there_high = before[other].min(0), before[other].max(0)
        np.testing.assert_allclose((low + high)[:2] / 2, (there_low + there_high)[:2] / 2, atol=1e-4)
        assert low[2] == pytest.approx(there_low[2], abs=1e-4)
    alone = room().select(np.flatnonzero(room().instance == 3))
    assert np.array_equal(MOVES["swap"](alone, rng()).coord, alone.coord)


def test_half_of_the_instances_are_left_out_whole() -> None:
    before, after = room(), OTHERS["dropout"](room(), rng())
    left = set(after.instance.tolist())
    assert -1 in left and len(left) == 3
    kept = np.isin(before.instance, list(left))
    for key, value in after.arrays().items():
        assert np.array_equal(value, getattr(before, key)[kept]), key
    alone = room().select(np.flatnonzero(room().instance == 3))
    assert len(InstanceDropout(1.0, p=1)(alone, rng())) == 1


def test_colors_of_some_instances_become_black() -> None:
    before = room()
    for seed in range(5):
        after = OTHERS["color"](before, rng(seed))
        for number, values in parts(after, "color").items():
            same = np.array_equal(values, parts(before, "color")[number])
            assert same if number == -1 else same or not values.any()
        assert np.array_equal(after.coord, before.coord)
    assert InstanceColorDrop(p=1)(before.replace(color=None), rng()).color is None


@pytest.mark.parametrize("transform", [*MOVES.values(), *OTHERS.values()], ids=[*MOVES, *OTHERS])
def test_deterministic_leaves_its_input_alone_and_needs_instances(transform: InstanceTransform) -> None:
    scene = room()
    before = {key: value.copy() for key, value in scene.arrays().items()}
    first, second = transform(scene, rng(3)), transform(scene, rng(3))
    assert all(np.array_equal(value, second.arrays()[key]) for key, value in first.arrays().items())
    assert all(np.array_equal(value, before[key]) for key, value in scene.arrays().items())
    for bare in (scene.replace(instance=None), scene.replace(instance=np.full(300, -1))):
        assert all(
            np.array_equal(value, before[key])
            for key, value in transform(bare, rng()).arrays().items()
            if key != "instance"
        )
    assert device_steps(transform) == (transform,)
    with pytest.raises(OptionError, match="p=2"):
        type(transform)(p=2)


def crowd(length: int, seed: int) -> Scene:
    """A scene of some instances, of one, of very many, or of none."""
    generator = rng(seed)
    numbers = ((-1, 7, 1300, 300_000), (4,), range(-1, 1200), (-1, -5))[seed % 4]
    scene = room(seed).replace(normal=room(seed).normal, semantic=np.arange(300))
    chosen = generator.choice(300, length)
    instance = generator.choice(np.array(numbers), length).astype((np.int32, np.int64)[seed % 2])
    return scene.select(chosen).replace(semantic=np.arange(length), instance=instance)


ALL = {**MOVES, **OTHERS}
MANY = {
    **ALL,
    **{f"{name}_now_and_then": type(one)(p=0.5) for name, one in ALL.items()},
    "all_of_them": Compose([RandomDropout(0.3, p=0.5), *(type(one)(p=0.5) for one in ALL.values()), ShareCrop(0.6)]),
}


@pytest.mark.parametrize("transform", MANY.values(), ids=list(MANY))
def test_the_device_version_equals_the_host_transform(transform: SceneFunction) -> None:
    for start in range(4):
        scenes = [crowd(length, 10 * start + number) for number, length in enumerate((300, 1, 80, 201, 300, 17))]
        seeds = [start * 100 + number for number in range(len(scenes))]
        expected = [transform(scene, rng(seed)) for scene, seed in zip(scenes, seeds)]
        points, generators = on_device(transform, scenes, seeds)
        assert_equal(points, expected)
        for generator, seed, scene in zip(generators, seeds, scenes):
            host = rng(seed)
            transform(scene, host)
            assert generator.random() == host.random()


@pytest.mark.parametrize("transform", ALL.values(), ids=list(ALL))
def test_scenes_without_instances_stay_on_the_device_too(transform: InstanceTransform) -> None:
    scenes = [room(seed).replace(instance=None) for seed in range(3)]
    assert_equal(on_device(transform, scenes, range(3))[0], scenes)


def test_instances_that_the_device_alone_knows_cannot_be_left_out() -> None:
    with raises("unsupported", "InstanceDropout", "device_transforms=false"):
        on_device(Compose([ShareCrop(0.5), OTHERS["dropout"]]), [room()], [0])
    moved = Compose([ShareCrop(0.5), MOVES["rotate"]])
    assert_equal(on_device(moved, [room()], [0])[0], [moved(room(), rng(0))])


def test_a_scene_is_changed_as_often_as_asked() -> None:
    transform, generator = InstanceShift(p=0.2), rng()
    drawn = [transform.draw(Outline(10, True), generator).chosen for _ in range(2000)]
    assert np.mean(drawn) == pytest.approx(0.2, abs=0.03)


def test_a_share_of_the_points_is_kept_around_one_of_them() -> None:
    scene, crop = room(), ShareCrop(0.6, max_points=150)
    assert len(crop(scene, rng())) == 150 and len(ShareCrop(0.2)(scene, rng())) == 60
    assert len(ShareCrop(1.0)(scene, rng())) == 300
    kept = ShareCrop(0.2)(scene, rng()).semantic
    middle = scene.coord[int(rng().integers(300))]
    nearest = np.sort(np.linalg.norm(scene.coord - middle, axis=1).argsort()[:60])
    assert np.array_equal(kept, nearest)
    assert device_steps(crop) == (crop,)
    with pytest.raises(OptionError, match="share=0"):
        ShareCrop(0)
