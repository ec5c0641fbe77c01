import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointnc.reporting.camera import Camera
from pointnc.reporting.render import OVERSAMPLING, flatten, rasterize, render_points
from tests.helpers.synthetic_room import rectangle, synthetic_room

RED, GREEN = (220, 20, 20), (20, 200, 20)


def camera_above(width, height, distance=5.0, focal=100.0):
    """Five meters above the origin, looking straight down; the picture's up is the world's y."""
    rotation = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, -1]])
    return Camera(np.array([0, 0, distance]), rotation, focal, (width / 2, height / 2))


def look_at_matrix(eye, target):
    """The textbook 4 x 4 view matrix (right, up, back), as an independent projection."""
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross([0, 0, 1], back)
    right /= np.linalg.norm(right)
    view = np.eye(4)
    view[:3, :3] = [right, np.cross(back, right), back]
    view[:3, 3] = -view[:3, :3] @ eye
    return view


@settings(max_examples=50, deadline=None)
@given(st.floats(-180, 180), st.floats(5, 80), st.floats(2, 20), st.tuples(*[st.floats(-1, 1)] * 3), st.floats(50, 900))
def test_projection_equals_a_view_matrix(azimuth, elevation, distance, point, focal):
    target = np.array([1.0, -2.0, 0.5])
    camera = Camera.looking_at(target, azimuth, elevation, distance)
    camera = Camera(camera.eye, camera.rotation, focal, (320.0, 240.0))
    x, y, z, _ = look_at_matrix(camera.eye, target) @ [*point, 1.0]
    pixel, depth = camera.project(np.array([point]))
    assert depth[0] == pytest.approx(-z, abs=1e-9)
    if -z > 0.1:
        assert pixel[0] == pytest.approx((320 + focal * x / -z, 240 - focal * y / -z), rel=1e-6, abs=1e-6)
    else:
        assert -z > 1e-9 or np.isnan(pixel).all()


def test_looking_at_stands_where_it_is_told():
    camera = Camera.looking_at(np.zeros(3), azimuth=90, elevation=30, distance=2)
    assert camera.eye == pytest.approx((0, np.sqrt(3), 1))
    assert camera.rotation @ camera.rotation.T == pytest.approx(np.eye(3))
    assert np.linalg.det(camera.rotation) == pytest.approx(-1)  # right, up, forward: left-handed, as pictures are


def test_a_known_point_lands_on_its_pixel():
    # 0.5 m right and 0.25 m up at 5 m depth, focal length 100: 10 pixels right, 5 up from the middle.
    raster = rasterize(np.array([[0.5, 0.25, 0.0]]), width=64, height=48, point_size=1e-4, camera=camera_above(64, 48))
    y, x = np.nonzero(raster.index >= 0)
    assert (y.tolist(), x.tolist()) == ([OVERSAMPLING * (24 - 5)], [OVERSAMPLING * (32 + 10)])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_equals_a_loop_over_points_and_pixels(seed):
    """The slow obvious z-buffer: each point tried at each pixel of its disc."""
    rng = np.random.default_rng(seed)
    coord = rng.uniform(-0.4, 0.4, (12, 3)) * (1, 1, 1.5)
    width, height, size = 24, 20, 0.12
    camera = camera_above(width, height, distance=3.0, focal=60.0)
    raster = rasterize(coord, width=width, height=height, point_size=size, camera=camera, ceiling_cut=0)
    expected = np.full(raster.index.shape, -1)
    best = np.full(raster.index.shape, np.inf)
    pixel, depth = raster.camera.project(coord)
    radius = np.rint(raster.camera.focal * size / 2 / depth).astype(int)
    mean_depth = {r: depth[radius == r].mean() for r in set(radius)}
    for i in range(len(coord)):
        r, (u, v) = radius[i], pixel[i].astype(int)
        rim = (r + 0.5) * mean_depth[r] / raster.camera.focal
        for y in range(max(v - r, 0), min(v + r + 1, expected.shape[0])):
            for x in range(max(u - r, 0), min(u + r + 1, expected.shape[1])):
                square = (x - u) ** 2 + (y - v) ** 2
                bulge = depth[i] + rim * square / (r + 0.5) ** 2
                if square <= (r + 0.5) ** 2 and bulge < best[y, x]:
                    expected[y, x], best[y, x] = i, bulge
    # Pinholes are closed afterwards: only what the loop left empty or far behind may differ.
    different = raster.index != expected
    filled = np.append(depth, np.inf)[raster.index] < np.append(depth, np.inf)[expected] - 0.05
    assert not (different & ~filled).any()
    assert different.mean() < 0.1


def test_the_nearer_point_wins_whatever_the_order():
    coord = np.array([[0, 0, 0.0], [0, 0, 1.0]])
    color = np.array([RED, GREEN], np.uint8)
    for order in ([0, 1], [1, 0]):
        raster = rasterize(coord[order], width=40, height=40, point_size=0.3, camera=camera_above(40, 40))
        picture = flatten(raster.paint(color[order], shading=0))
        assert tuple(picture[20, 20]) == GREEN


def test_what_turns_its_back_is_left_out():
    rng = np.random.default_rng(0)
    upper, up = rectangle(rng, (-1, -1, 1), (2, 0, 0), (0, 2, 0), 0.02)
    lower, _ = rectangle(rng, (-1, -1, 0), (2, 0, 0), (0, 2, 0), 0.02)
    coord = np.concatenate([lower, upper]).astype(np.float32)
    color = np.repeat(np.array([RED, GREEN], np.uint8), [len(lower), len(upper)], axis=0)
    for facing, seen in ((1, GREEN), (-1, RED)):
        normal = np.concatenate([up[: len(lower)], facing * up]).astype(np.float32)
        picture = render_points(coord, color, normal=normal, width=80, height=60, view="top", shading=0)
        assert tuple(picture[30, 40]) == seen


def test_a_surface_has_no_holes_and_fills_the_frame():
    rng = np.random.default_rng(0)
    coord, normal = rectangle(rng, (0, 0, 0), (4, 0, 0), (0, 3, 0), 0.025)
    raster = rasterize(coord.astype(np.float32), normal.astype(np.float32), 160, 120, "top")
    covered = raster.index >= 0
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    inside = covered[rows[0] + 6 : rows[-1] - 6, columns[0] + 6 : columns[-1] - 6]
    assert inside.all()
    assert max(len(rows) / covered.shape[0], len(columns) / covered.shape[1]) > 0.9


def test_two_calls_give_the_same_picture_and_inputs_stay():
    scene, _ = synthetic_room(spacing=0.06)
    before = {key: value.copy() for key, value in scene.arrays().items()}
    first, second = (
        render_points(scene.coord, scene.color, normal=scene.normal, width=160, height=120) for _ in range(2)
    )
    assert first.shape == (120, 160, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    for key, value in scene.arrays().items():
        assert np.array_equal(value, before[key])


@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize("with_normal", [True, False])
def test_next_to_nothing_is_drawn_as_next_to_nothing(count, with_normal):
    coord = np.eye(3, dtype=np.float32)[:count]
    normal = np.broadcast_to(np.float32([0, 0, 1]), coord.shape) if with_normal else None
    color = np.zeros((count, 3), np.uint8)
    picture = render_points(coord, color, normal=normal, width=32, height=24, background=(255, 250, 240))
    assert picture.shape == (24, 32, 3)
    assert (picture == (255, 250, 240)).all() == (count == 0)


def test_points_behind_the_camera_are_not_seen():
    raster = rasterize(np.array([[0, 0, 6.0], [0, 0, 5.0]]), width=20, height=20, camera=camera_above(20, 20))
    assert (raster.index == -1).all()


def test_an_unknown_view_is_named():
    with pytest.raises(ValueError, match="unknown view 'sideways'"):
        render_points(np.zeros((1, 3)), np.zeros((1, 3)), view="sideways")


def test_matplotlib_is_left_as_it_was():
    backend, parameters = matplotlib.get_backend(), dict(matplotlib.rcParams)
    scene, _ = synthetic_room(spacing=0.2)
    render_points(scene.coord, scene.color, width=32, height=24)
    assert (matplotlib.get_backend(), dict(matplotlib.rcParams)) == (backend, parameters)
