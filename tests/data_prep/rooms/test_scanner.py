from dataclasses import replace

import numpy as np
import pytest

from data_prep.rooms.cameras import Camera, choose_poses, look
from data_prep.rooms.raycast import RoomSurface
from data_prep.rooms.scanner import Frames, Scanner, record
from tests.helpers.mistakes import raises

from .small_room import SIZE, empty_room, small_room

EXACT = Scanner(
    poses=30, width=64, height=48, depth_noise=0, dropout=0, position_jitter=0, rotation_jitter=0,
    color_noise=0, exposure_shift=0,
)  # fmt: skip


def points(frames: Frames) -> np.ndarray:
    """Readings as points in the room, NaN where there is none; (P, H * W, 3)."""
    depth = frames.depth.reshape(len(frames.depth), -1, 1)
    direction = np.einsum("pij,rj->pri", frames.poses.rotation, frames.camera.rays)
    return np.where(depth > 0, frames.poses.position[:, None] + depth * direction, np.nan)


def test_rays_of_a_camera_go_through_its_pixels():
    camera = Camera(8, 6, 90.0)
    rays = camera.rays.reshape(6, 8, 3)
    assert camera.focal == pytest.approx(4)
    np.testing.assert_allclose(rays[0, 0], [-3.5 / 4, -2.5 / 4, 1])
    np.testing.assert_allclose(rays[5, 7], [3.5 / 4, 2.5 / 4, 1])


def test_look_gives_level_right_handed_cameras():
    yaw, pitch = np.random.default_rng(0).uniform(-1.4, 1.4, (2, 20))
    rotation = look(yaw, pitch)
    np.testing.assert_allclose(rotation.transpose(0, 2, 1) @ rotation, np.tile(np.eye(3), (20, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    np.testing.assert_allclose(rotation[:, 2, 0], 0, atol=1e-12)  # right is level
    assert (rotation[:, 2, 1] < 0).all()  # down points down
    np.testing.assert_allclose(rotation[:, 2, 2], np.sin(pitch))


def test_readings_of_an_exact_scanner_lie_on_the_surfaces_and_name_them():
    frames = record(empty_room(), EXACT, np.random.default_rng(0))
    point = points(frames).reshape(-1, 3)
    seen = np.isfinite(point[:, 0])
    assert seen.mean() > 0.8
    x, y, z = point[seen].T
    # In the order of small_room.structure.
    gap = np.abs([z, SIZE[2] - z, x, SIZE[0] - x, y, SIZE[1] - y])
    assert gap.min(axis=0).max() < 1e-5
    owner = frames.object.ravel()
    assert (owner[~seen] == -1).all()
    assert gap[owner[seen], np.arange(seen.sum())].max() < 1e-5


def test_cosine_is_that_of_the_ray_and_the_wall():
    frames = record(empty_room(), EXACT, np.random.default_rng(0))
    direction = np.einsum("pij,rj->pri", frames.poses.rotation, frames.camera.rays)
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    owner = frames.object.reshape(len(direction), -1)
    axis = np.array([2, 2, 0, 0, 1, 1])[owner]
    expected = np.abs(np.take_along_axis(direction, axis[..., None], axis=2)[..., 0])
    seen = owner >= 0
    np.testing.assert_allclose(frames.cosine.reshape(owner.shape)[seen], expected[seen], atol=1e-5)


def test_poses_stand_in_free_space_and_see_most_surfaces():
    room = small_room()
    surface = RoomSurface(room)
    poses = choose_poses(surface, SIZE, Camera(64, 48, 70.0), 30, 5.0, np.random.default_rng(1))
    assert len(poses) == 30
    assert (poses.position > 0.25).all() and (poses.position < np.array(SIZE) - 0.25).all()
    boxed = (poses.position > [0.9, 0.8, 0]) & (poses.position < [2.1, 1.7, 1.0])
    assert not boxed.all(axis=1).any()
    frames = record(room, EXACT, np.random.default_rng(1))
    seen = np.unique(frames.object[frames.object >= 0])
    np.testing.assert_array_equal(seen, np.arange(len(room.objects)))
    # Of the cells of the floor that are not under the table nearly all are seen.
    point = points(frames).reshape(-1, 3)[frames.object.ravel() == 0]
    cells = np.unique(np.floor(point[:, :2] / 0.2).astype(int), axis=0)
    assert len(cells) > 0.9 * 15 * 12


def test_a_position_inside_an_object_is_not_free():
    from data_prep.rooms.cameras import _clearance

    surface = RoomSurface(small_room())
    clearance = _clearance(surface, np.array([[1.45, 1.25, 0.8], [0.5, 1.2, 1.2], [0.1, 1.2, 1.2]]))
    assert clearance[0] < 0  # in the box on the table
    assert 0.49 < clearance[1] < 0.6
    assert 0.09 < clearance[2] < 0.15


def test_depth_noise_grows_with_the_squared_distance():
    noisy = replace(EXACT, depth_noise=0.01)
    clean = record(empty_room(), EXACT, np.random.default_rng(2)).depth
    error = (record(empty_room(), noisy, np.random.default_rng(2)).depth - clean)[clean > 0]
    depth = clean[clean > 0]
    for low, high in ((0.5, 1.0), (1.0, 1.5), (1.5, 2.5)):
        band = (depth >= low) & (depth < high)
        assert (error[band] / depth[band] ** 2).std() == pytest.approx(0.01, rel=0.05)
        assert abs((error[band] / depth[band] ** 2).mean()) < 0.001


def test_readings_drop_out_at_grazing_angles():
    frames = record(empty_room(), replace(EXACT, dropout=0.05), np.random.default_rng(3))
    near = frames.depth > 0
    assert near[frames.cosine > 0.3].mean() == pytest.approx(0.95, abs=0.01)
    grazing = frames.cosine < 0.2
    assert grazing.sum() > 100
    assert near[grazing].mean() == pytest.approx(0.95 * frames.cosine[grazing].mean() / 0.25, abs=0.1)


def test_jitter_moves_the_poses_by_what_is_asked():
    scanner = replace(EXACT, position_jitter=0.01, rotation_jitter=1.0, poses=60, width=16, height=12)
    true = record(empty_room(), replace(scanner, position_jitter=0, rotation_jitter=0), np.random.default_rng(4))
    believed = record(empty_room(), scanner, np.random.default_rng(4))
    offset = believed.poses.position - true.poses.position
    assert offset.std() == pytest.approx(0.01, rel=0.2)
    turn = true.poses.rotation.transpose(0, 2, 1) @ believed.poses.rotation
    np.testing.assert_allclose(turn.transpose(0, 2, 1) @ turn, np.tile(np.eye(3), (60, 1, 1)), atol=1e-10)
    angle = np.degrees(np.arccos(np.clip((np.trace(turn, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert np.sqrt((angle**2).mean() / 3) == pytest.approx(1.0, rel=0.2)


def test_exposure_differs_from_frame_to_frame_and_colors_keep_their_hue():
    still = record(small_room(), EXACT, np.random.default_rng(5))
    drifting = record(small_room(), replace(EXACT, exposure_shift=0.2), np.random.default_rng(5))
    wall = (still.object >= 2) & (still.object < 6)
    ratio = [drifting.color[p][wall[p]].mean() / still.color[p][wall[p]].mean() for p in range(30) if wall[p].any()]
    assert 0.08 < np.std(np.log(ratio)) < 0.4
    picture = still.color[still.object == 8].astype(float)
    assert (picture[:, 0] > 3 * picture[:, 1]).all()


@pytest.mark.parametrize(
    "bad",
    [
        {"poses": 0},
        {"width": 64.5},
        {"reach": "far"},
        {"voxel_size": -0.1},
        {"depth_noise": -1},
        {"field_of_view": 180},
        {"dropout": 1},
    ],
)
def test_settings_out_of_range_are_refused(bad):
    (key, value), *_ = bad.items()
    with raises("option", f"scanner.{key}={value}"):
        Scanner(**bad)
