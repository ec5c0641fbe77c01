"""What a window shows, where its camera stands, what is under its pointer, its legend, its scenes: without a window."""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointnc.errors import UserError
from pointnc.reporting.visibility import GRAZING
from pointnc.viewer.facing import mean_normals
from pointnc.viewer.labeled_scene import LabeledScene
from pointnc.viewer.legend import key_of, legend_rows, matching, ordered, short
from pointnc.viewer.window.look import Look
from pointnc.viewer.window.orbit import Orbit, fitted
from pointnc.viewer.window.picking import REACH, Picker
from pointnc.viewer.window.shelf import Shelf
from tests.viewer.rooms import room

COARSE = 0.3  # meters between points: few enough for slow references


def bare(labeled: LabeledScene) -> LabeledScene:
    """The scene as a scanner of nothing but points would leave it."""
    scene = labeled.scene.replace(semantic=None, color=None, normal=None)
    return replace(labeled, scene=scene, prediction=None, confidence=None)


# ---- what is shown


def test_points_that_are_shown_as_one_by_one() -> None:
    labeled = room(COARSE)
    look, coord, eye = Look(labeled), labeled.scene.coord, np.array([-3.0, -5.0, 4.0])
    facing = mean_normals(coord, labeled.scene.normal)
    look.hide([0, -1, int(labeled.prediction[50])])
    look.set_cut(1.4)

    def one(i: int, labels: np.ndarray) -> bool:
        towards = eye - coord[i]
        return (
            labels[i] not in look.hidden
            and coord[i, 2] <= look.floor + 1.4
            and float(towards @ facing[i]) > GRAZING * float(np.linalg.norm(towards))
        )

    for layer, labels in (("prediction", labeled.prediction), ("truth", labeled.truth), ("error", labeled.truth)):
        look.set_layer(layer)
        expected = [i for i in range(len(coord)) if one(i, labels)]
        assert look.visible(eye).tolist() == expected and 0 < len(expected) < len(coord)
    look.set_errors_alone(True)
    wrong = [i for i in expected if labeled.truth[i] >= 0 and labeled.truth[i] != labeled.prediction[i]]
    assert look.visible(eye).tolist() == wrong != []
    look.set_through(False)
    assert set(look.visible(eye)) > set(wrong)


def test_a_room_opens_without_its_ceiling_and_a_street_with_all() -> None:
    labeled = room(COARSE)
    ceiling = labeled.taxonomy.names.index("ceiling")
    above = Look(labeled).visible(np.array([0.0, 0.0, 30.0]))
    assert ceiling not in labeled.truth[above] and len(above)
    assert ceiling not in labeled.truth[Look(bare(labeled)).visible(np.array([0.0, 0.0, 30.0]))]  # without normals too
    tall = replace(labeled, scene=bare(labeled).scene.replace(coord=labeled.scene.coord * 10))
    assert len(Look(tall).visible(np.zeros(3))) == len(labeled.scene)


def test_classes_are_hidden_and_come_back() -> None:
    look = Look(room(COARSE))
    all_of_them = look.visible(np.array([0.0, 0.0, 30.0])).tolist()
    some = look.classes[2:4]
    look.isolate(some)
    assert look.hidden == set(look.classes) - set(some)
    look.isolate(some)
    assert look.hidden == set()
    look.toggle(some[0])
    look.hide_too([some[1]])
    look.invert()
    assert look.hidden == set(look.classes) - set(some)
    look.invert()
    assert look.hidden == set(some)
    for k in some:
        look.toggle(k)
    assert look.visible(np.array([0.0, 0.0, 30.0])).tolist() == all_of_them


def test_what_was_chosen_goes_on_in_the_next_scene() -> None:
    first = Look(room(COARSE))
    first.set_layer("error")
    first.hide([3])
    first.set_through(False)
    second = Look(room(COARSE, 3), like=first)
    assert (second.layer, second.hidden, second.through) == ("error", {3}, False)
    third = Look(bare(room(COARSE)), like=first)
    assert third.layer == "color" and third.layers == ["color"]
    other = replace(first.labeled.taxonomy, names=("x", *first.labeled.taxonomy.names[1:]))
    assert Look(replace(room(COARSE), taxonomy=other), like=first).hidden == set()  # other classes


def test_the_cut_stays_within_the_scene() -> None:
    look = Look(room(COARSE))
    look.set_cut(-5)
    assert look.cut == 0
    look.set_cut(99)
    assert look.cut == look.top
    assert len(look.visible(np.array([0.0, 0.0, 30.0]))) > 0


# ---- camera

ORBITS = st.builds(
    Orbit,
    st.tuples(*[st.floats(-50, 50)] * 3).map(np.array),
    st.floats(0, 360),
    st.floats(-89, 89),
    st.floats(0.5, 100),
    st.just(np.zeros(3)),
    st.floats(0.5, 50),
)


@settings(max_examples=60, deadline=None)
@given(ORBITS, st.floats(-300, 300), st.floats(-300, 300))
def test_turning_keeps_target_distance_and_horizon(orbit: Orbit, right: float, down: float) -> None:
    turned = orbit.turned(right, down)
    assert np.isclose(np.linalg.norm(turned.eye - turned.target), orbit.distance)
    np.testing.assert_array_equal(turned.target, orbit.target)
    rotation = turned.camera(2, 2).rotation
    assert abs(rotation[0][2]) < 1e-9 and turned.up[2] > 0  # level, and never upside down
    near, far = turned.near_far
    assert 0 < near < far


@settings(max_examples=60, deadline=None)
@given(ORBITS, st.floats(0.5, 2), st.floats(-1, 1), st.floats(-1, 1))
def test_zooming_keeps_what_is_under_the_pointer(orbit: Orbit, factor: float, x: float, y: float) -> None:
    width, height = 800, 600
    camera = orbit.camera(width, height)
    pixel = np.array([[width / 2 + x * height / 2, height / 2 - y * height / 2]])
    ray = np.array([(pixel[0, 0] - width / 2) / camera.focal, -(pixel[0, 1] - height / 2) / camera.focal, 1.0])
    point = (orbit.eye + orbit.distance * (ray @ camera.rotation))[None]
    np.testing.assert_allclose(camera.project(point)[0], pixel, atol=1e-3)
    zoomed = orbit.zoomed(factor, x, y)
    if np.isclose(zoomed.distance, orbit.distance * factor):  # else it came to the nearest or farthest
        np.testing.assert_allclose(zoomed.camera(width, height).project(point)[0], pixel, atol=1e-2)


@settings(max_examples=30, deadline=None)
@given(ORBITS, st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
def test_moving_takes_the_target_along_with_the_hand(orbit: Orbit, right: float, down: float) -> None:
    moved = orbit.moved(right, down)
    pixel = moved.camera(800, 600).project(orbit.target[None])[0]
    np.testing.assert_allclose(pixel, [[400 + 600 * right, 300 + 600 * down]], atol=1e-3)


@pytest.mark.parametrize("view", ["oblique", "top"])
@pytest.mark.parametrize(("width", "height"), [(900, 600), (500, 900)])
def test_a_whole_scene_fills_the_picture(view: str, width: int, height: int) -> None:
    look = Look(room(COARSE))
    orbit = fitted(look.box(), look.sample, width, height, view, free=0.8)
    pixel, depth = orbit.camera(width, height).project(look.sample(orbit.eye))
    low, high = pixel.min(axis=0), pixel.max(axis=0)
    assert (depth > 0).all() and (low >= (0, 0.1 * height)).all() and (high <= (width, 0.9 * height)).all()
    share = (high - low) / (width, 0.8 * height)
    assert share.max() > 0.85
    near, far = orbit.near_far
    assert near < depth.min() and depth.max() < far


# ---- pointer


def test_the_point_under_each_pixel_as_drawn_one_by_one() -> None:
    rng = np.random.default_rng(0)
    coord = rng.uniform(-1, 1, (60, 3))
    shown = np.sort(rng.permutation(60)[:40])
    camera = Orbit(np.zeros(3), 30.0, 40.0, 9.0, np.zeros(3), 2.0).camera(90, 70)
    size = 5.0
    picker = Picker(camera, coord, shown, size)
    pixel, depth = camera.project(coord)
    for x in range(90):
        for y in range(70):
            away = np.abs(pixel[shown] - (x + 0.5, y + 0.5))
            covering = [n for n, d in zip(shown, away) if d.max() <= size / 2]
            distance = np.hypot(*away.T)
            if covering:
                expected = min(covering, key=lambda n: depth[n])
            else:
                expected = shown[distance.argmin()] if distance.min() <= REACH else None
            assert picker.at(x, y) == expected


def test_there_is_no_point_where_none_is_shown() -> None:
    camera = Orbit(np.zeros(3), 30.0, 40.0, 9.0, np.zeros(3), 2.0).camera(90, 70)
    assert Picker(camera, np.zeros((3, 3)), np.arange(0), 3.0).at(45, 35) is None
    behind = camera.eye + camera.rotation[2] * -2
    assert Picker(camera, behind[None], np.arange(1), 3.0).at(45, 35) is None


# ---- legend


def test_rows_of_the_legend_as_counted_one_by_one() -> None:
    labeled = room(COARSE)
    rows = legend_rows(labeled)
    assert [row.points for row in rows] == sorted((row.points for row in rows), reverse=True)
    assert {row.k for row in rows} == set(labeled.truth.tolist()) | set(labeled.prediction.tolist())
    for row in rows:
        assert row.points == (labeled.truth == row.k).sum() and row.predicted == (labeled.prediction == row.k).sum()
        if row.k >= 0:
            assert (row.name, row.color) == (labeled.taxonomy.names[row.k], labeled.taxonomy.colors[row.k])
            scored = labeled.truth >= 0
            both = ((labeled.truth == row.k) & (labeled.prediction == row.k)).sum()
            either = (((labeled.truth == row.k) | (labeled.prediction == row.k)) & scored).sum()
            assert row.iou is None or row.iou == pytest.approx(100 * both / either)
    assert next(row.iou for row in rows if row.k == -1) is None


def test_order_and_search_of_the_legend() -> None:
    rows = legend_rows(room(COARSE))
    names = [row.name for row in ordered(rows, "name")]
    assert names == sorted(names)
    scores = [row.iou for row in ordered(rows, "iou")]
    known = [score for score in scores if score is not None]
    assert scores == sorted(known) + [None] * (len(scores) - len(known))
    assert ordered(rows, "points") == rows == matching(rows, "")
    assert {row.name for row in matching(rows, "CHAIR office")} == {"office chair"}
    assert matching(rows, "head") == [row for row in rows if row.group == "head"] != []
    assert matching(rows, "no such thing") == []


def test_numbers_and_keys_in_few_letters() -> None:
    assert [short(n) for n in (7, 999, 1234, 123_456, 999_499, 1_234_567)] == [
        "7", "999", "1.2k", "123k", "999k", "1.2M",
    ]  # fmt: skip
    labeled = room(COARSE)
    counts = [int(text.split()[0].replace(",", "")) for _, text in key_of(labeled, "error")]
    assert sum(counts) == len(labeled.scene)
    assert [text for _, text in key_of(labeled, "confidence")][::4] == ["unsure", "sure"]
    assert key_of(labeled, "truth") == []


# ---- scenes


def wait_for(shelf: Shelf) -> None:
    until = time.monotonic() + 60
    while not shelf.arrived():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_scenes_are_read_when_one_goes_there_and_only_once() -> None:
    read = []

    def scenes() -> Iterator[LabeledScene]:
        for seed in range(3):
            read.append(seed)
            yield room(COARSE, seed, f"scene{seed}")

    shelf = Shelf(scenes(), 500)
    assert (shelf.scene.scene.name, len(read)) == ("scene0", 1) and len(shelf.scene.scene) <= 500
    for name in ("scene1", "scene2"):
        assert not shelf.go(1) and not shelf.go(1)  # a second press while it is being read
        wait_for(shelf)
        assert shelf.scene.scene.name == name
    assert not shelf.go(1)
    wait_for(shelf)  # there is no fourth: the first again
    assert (shelf.scene.scene.name, shelf.place, shelf.complete) == ("scene0", "1 of 3", True)
    assert shelf.go(-1) and shelf.scene.scene.name == "scene2"
    assert shelf.go(1) and shelf.scene.scene.name == "scene0" and read == [0, 1, 2]


def test_a_scene_that_cannot_be_read_is_said_and_the_others_stay() -> None:
    def scenes() -> Iterator[LabeledScene]:
        yield room(COARSE)
        raise UserError("scene b is damaged")

    shelf = Shelf(scenes(), 10**6)
    shelf.go(1)
    with pytest.raises(UserError, match="scene b is damaged"):
        wait_for(shelf)
    assert shelf.go(1) and shelf.place == ""
    with pytest.raises(UserError, match="no scene"):
        Shelf([], 10)
