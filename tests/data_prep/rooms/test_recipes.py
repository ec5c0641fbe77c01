"""Every recipe: sound meshes of a plausible size under names of the benchmark."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from data_prep.rooms.frequency import PLANS, class_weights
from data_prep.rooms.recipes import RECIPES, Model, nyu40
from data_prep.rooms.room import KINDS
from pointnc.benchmarks.scannet import taxonomy

SEEDS = 3
PLACES = {
    "floor": ("wall", "corner", "free", "middle", "around", "before", "beside", "close"),
    "wall": ("random", "above", "beside"),
    "ceiling": ("middle", "random"),
}


@cache
def make(name: str, seed: int) -> Model:
    recipe = RECIPES[name]
    rng = np.random.default_rng(seed)
    if not recipe.fits:
        return recipe.make(rng)
    low, high = RECIPES[recipe.fits[seed % len(recipe.fits)]].make(rng).mesh.bounds
    return recipe.make(rng, high - low)


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_makes_sound_meshes(name: str) -> None:
    recipe = RECIPES[name]
    for seed in range(SEEDS):
        mesh = make(name, seed).mesh
        assert np.isfinite(mesh.vertices).all()
        assert mesh.faces.min() >= 0
        assert mesh.faces.max() < len(mesh.vertices)
        assert mesh.color.shape == (len(mesh.faces), 3)
        assert len(mesh.faces) < 6000
        a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
        assert area.min() > 1e-10
        assert mesh.volume > 0
        extent = mesh.bounds[1] - mesh.bounds[0]
        assert extent.max() > 0.02
        # A room is at least 1.6 m wide and 2.4 m high; what stands along a wall may be longer.
        assert (np.sort(extent) < (1.7, 3.3, 3.3)).all(), extent
        if not recipe.fits:
            np.testing.assert_allclose(mesh.bounds[0, 1:], 0, atol=1e-9)
            assert mesh.bounds[0, 0] == pytest.approx(-mesh.bounds[1, 0])
            assert extent[2] < 2.6


def test_equal_seeds_make_equal_things_and_others_do_not() -> None:
    for name in RECIPES:
        one, again = make(name, 0), make.__wrapped__(name, 0)
        np.testing.assert_array_equal(one.mesh.vertices, again.mesh.vertices)
        np.testing.assert_array_equal(one.mesh.color, again.mesh.color)
        others = [make(name, seed).mesh for seed in range(1, SEEDS)]
        # Some things, such as a power outlet, have a norm's size: then the colors differ.
        assert all(
            one.mesh.vertices.shape != other.vertices.shape
            or (one.mesh.vertices != other.vertices).any()
            or (one.mesh.color != other.color).any()
            for other in others
        ), name


@pytest.mark.parametrize("name", RECIPES)
def test_surfaces_lie_within_and_above_the_model(name: str) -> None:
    for seed in range(SEEDS):
        model = make(name, seed)
        low, high = model.mesh.bounds
        for surface in model.surfaces:
            assert surface.x[0] < surface.x[1]
            assert surface.y[0] < surface.y[1]
            assert surface.clear > 0
            assert low[0] - 0.01 < surface.x[0] and surface.x[1] < high[0] + 0.01
            assert low[1] - 0.01 < surface.y[0] and surface.y[1] < high[1] + 0.01
            assert low[2] < surface.z < high[2] + 0.001


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_speaks_the_vocabulary(name: str) -> None:
    recipe = RECIPES[name]
    assert set(recipe.rooms) <= set(KINDS)
    assert 1 <= recipe.nyu40 <= 40
    assert recipe.most >= 1
    assert set(recipe.near) <= set(RECIPES)
    if recipe.fits:
        assert set(recipe.fits) <= set(RECIPES)
    elif recipe.on[0] in PLACES:
        assert recipe.on[1:] == ()
        assert recipe.where in PLACES[recipe.on[0]]
        assert 0 <= recipe.height[0] <= recipe.height[1] < 2.4
    else:
        assert set(recipe.on) <= set(RECIPES)
        assert recipe.where in ("top", "back", "front", "beside")
        # At least one of its carriers has a surface.
        assert any(make(carrier, seed).surfaces for carrier in recipe.on for seed in range(SEEDS))


def test_names_are_the_benchmarks_and_cover_all_groups() -> None:
    names = taxonomy("scannet200").names
    groups = dict(zip(names, taxonomy("scannet200").groups))
    assert set(RECIPES) <= set(names)
    assert not {"wall", "floor", "ceiling"} & set(RECIPES)
    count = Counter(groups[name] for name in RECIPES)
    assert len(RECIPES) >= 60
    assert min(count["head"], count["common"], count["tail"]) >= 15, count


def test_label_table_names_the_shell_and_every_recipe() -> None:
    ids = nyu40()
    assert set(ids) == {"wall", "floor", "ceiling"} | set(RECIPES)
    assert (ids["wall"], ids["floor"], ids["ceiling"], ids["chair"], ids["bed"]) == (1, 2, 22, 5, 4)


def test_plans_name_recipes_that_belong() -> None:
    assert tuple(PLANS) == KINDS
    for kind, plan in PLANS.items():
        for names, low, high in plan.essentials:
            for name in names.split(" / "):
                assert 0 <= low <= high <= RECIPES[name].most
                assert RECIPES[name].fits or RECIPES[name].rooms.get(kind, 0) > 0, (kind, name)


def test_every_recipe_is_drawn_somewhere_or_planned() -> None:
    drawn = {name for kind in KINDS for name in class_weights(kind)[0]}
    planned = {name for plan in PLANS.values() for names, _, _ in plan.essentials for name in names.split(" / ")}
    assert drawn | planned == set(RECIPES)
