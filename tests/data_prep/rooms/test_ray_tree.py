"""The search tree of triangles against all triangles one by one, and against Embree."""

import numpy as np
import pytest

from data_prep.rooms import raycast
from data_prep.rooms.ray_tree import RayTree
from data_prep.rooms.raycast import RoomSurface
from tests.data_prep.rooms.small_room import small_room


def nearest(corners: np.ndarray, origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solve a + s (b - a) + t (c - a) = origin + distance direction for each ray and each triangle."""
    a, b, c = corners.astype(np.float64).swapaxes(0, 1)
    sides = np.stack(np.broadcast_arrays((b - a)[None], (c - a)[None], -direction[:, None].astype(np.float64)), axis=-1)
    s, t, distance = np.moveaxis(np.linalg.solve(sides, (origin[:, None] - a)[..., None])[..., 0], -1, 0)
    distance = np.where((s >= 0) & (t >= 0) & (s + t <= 1) & (distance >= 0), distance, np.inf)
    face = distance.argmin(axis=1)
    distance = distance[np.arange(len(origin)), face]
    return distance, np.where(np.isfinite(distance), face, -1)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 64, 300])
def test_every_ray_finds_the_triangle_that_trying_all_finds(count: int) -> None:
    rng = np.random.default_rng(count)
    place = rng.uniform(-2, 2, (count, 1, 3))
    corners = (place + rng.normal(0, 0.5, (count, 3, 3))).astype(np.float32)
    origin = rng.uniform(-3, 3, (2000, 3)).astype(np.float32)
    aim = corners.mean(axis=1)[rng.integers(count, size=2000)] + rng.normal(0, 0.5, (2000, 3))
    direction = (aim - origin).astype(np.float32)
    expected, face = nearest(corners, origin, direction)
    distance, found = RayTree(corners).first_hits(origin, direction)
    np.testing.assert_array_equal(found, face)
    np.testing.assert_allclose(distance, expected, rtol=1e-5)
    assert 0 < (found >= 0).sum() < len(found)
    assert distance.dtype == np.float32 and found.dtype == np.int32


def test_no_ray_slips_out_of_a_closed_room() -> None:
    room = small_room()
    corners = np.concatenate([item.mesh.vertices[item.mesh.faces] for item in room.objects]).astype(np.float32)
    origin = np.array([0.5, 1.2, 1.2], np.float32)
    ends = [corners, (corners + corners[:, [1, 2, 0]]) / 2, corners.mean(axis=1, keepdims=True)]
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    # At every corner, at the middle of every edge and triangle, and along the axes, in the plane of many a box.
    direction = np.concatenate([*(end.reshape(-1, 3) - origin for end in ends), axes]).astype(np.float32)
    distance, face = RayTree(corners).first_hits(np.broadcast_to(origin, direction.shape), direction)
    assert (face >= 0).all()
    assert (distance[: -len(axes)] <= 1 + 1e-5).all()  # nothing behind what was aimed at


def test_rooms_are_the_same_to_both(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("embreex")
    room, rng = small_room(), np.random.default_rng(0)
    origin = rng.uniform(0.2, 0.8, (20_000, 3)) * room.size
    direction = rng.standard_normal((20_000, 3)).astype(np.float32)
    theirs = RoomSurface(room).cast(origin.astype(np.float32), direction)
    monkeypatch.setattr(raycast, "find_spec", lambda name: None)  # as on a machine without Embree
    ours = RoomSurface(room).cast(origin.astype(np.float32), direction)
    np.testing.assert_allclose(ours.distance, theirs.distance, rtol=1e-4)
    assert (ours.face == theirs.face).mean() > 0.99  # on an edge either of two will do
