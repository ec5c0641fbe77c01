"""Views: their inverses, their normals, their reach and the presets."""

from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from pointnc.inference.views import View, make_views
from tests.helpers.mistakes import raises
from tests.helpers.scenes import random_scene

VIEWS = st.builds(View, st.floats(-720, 720), st.booleans(), st.floats(0.5, 2))
PRESETS = Path(__file__).parents[2] / "conf" / "tools" / "tta"


@settings(max_examples=30, deadline=None)
@given(VIEWS)
def test_the_inverse_leads_back_and_normals_turn_along(view: View) -> None:
    scene = random_scene(60)
    seen = view(scene)
    back = seen.coord.astype(np.float64) @ view.matrix / view.scale
    np.testing.assert_allclose(back, scene.coord, atol=1e-5)
    # What a point's offset from another makes with a normal is the same from every side.
    before = np.einsum("nc,mc->nm", scene.coord - scene.coord[0], scene.normal)
    after = np.einsum("nc,mc->nm", seen.coord - seen.coord[0], seen.normal)
    np.testing.assert_allclose(after, before * view.scale, atol=1e-4)
    assert seen.color is scene.color
    np.testing.assert_allclose(seen.coord[:, 2], scene.coord[:, 2] * view.scale, rtol=1e-6)


def test_the_plain_view_is_the_scene_itself() -> None:
    scene = random_scene()
    assert View()(scene) is scene
    assert View(degrees=360)(scene) is scene


def test_quarter_turns_and_flips_lose_no_bit() -> None:
    scene = random_scene()
    x, y, z = scene.coord.T
    for view, expected in (
        (View(90), (-y, x, z)),
        (View(180), (-x, -y, z)),
        (View(270), (y, -x, z)),
        (View(0, flip=True), (-x, y, z)),
        (View(180, flip=True), (x, -y, z)),
    ):
        assert np.array_equal(view(scene).coord, np.stack(expected, 1)), view


@settings(max_examples=30, deadline=None)
@given(VIEWS)
def test_reach_is_the_box_around_what_a_view_s_box_covers(view: View) -> None:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * 0.7
    in_scene = corners @ view.matrix / view.scale
    np.testing.assert_allclose(view.reach(0.7), np.abs(in_scene).max(axis=0), rtol=1e-6)


@pytest.mark.parametrize(("name", "passes"), [("none", 1), ("fast", 4), ("full", 10)])
def test_presets(name: str, passes: int) -> None:
    views = instantiate(OmegaConf.load(PRESETS / f"{name}.yaml"))
    assert len(set(views)) == passes
    assert views[0] == View()
    # Every quarter turn that is there is there for both hands, or for one only.
    matrices = {tuple(view.matrix.ravel()) for view in views}
    assert len(matrices) == min(passes, 8)


def test_mistakes_are_named() -> None:
    with raises("option", "tta", "scale 0"):
        View(scale=0)
    with raises("option", "tta", "nan"):
        View(degrees=float("nan"))
    with raises("option", "tta", "degrees"):
        make_views(degrees=[])
    with raises("ambiguous", "degrees=0.0"):
        make_views(degrees=[0, 90], extra_scales=[1.0])
