"""Cameras and where they stand: poses in the free space of a room from which most surfaces are seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.raycast import RoomSurface

CLEARANCE = 0.3
"""Meters that a camera keeps from every surface."""

CELL = 0.12
"""Edge of the cells, in meters, in which seen surface is counted when poses are chosen."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; x points right, y down, z along the optical axis.

    Attributes:
        width: pixels a row.
        height: rows.
        field_of_view: horizontal, degrees.
    """

    width: int
    height: int
    field_of_view: float

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return self.width / 2 / float(np.tan(np.radians(self.field_of_view) / 2))

    @cached_property
    def rays(self) -> NDArray[np.float32]:
        """(height * width, 3) directions through the pixel centers with z = 1, row by row."""
        v, u = np.mgrid[0.5 : self.height, 0.5 : self.width]
        x, y = (u - self.width / 2) / self.focal, (v - self.height / 2) / self.focal
        return np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3).astype(np.float32)


@dataclass(frozen=True)
class Poses:
    """Where P cameras stand and look.

    Attributes:
        position: (P, 3) float64, meters in the room's frame.
        rotation: (P, 3, 3) float64, camera to room: the columns are right, down and forward.
    """

    position: NDArray[np.float64]
    rotation: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of poses P."""
        return len(self.position)

    def select(self, index: NDArray[np.int64]) -> Poses:
        """Return the poses that ``index`` picks, in its order."""
        return Poses(self.position[index], self.rotation[index])


def look(yaw: NDArray[np.float64], pitch: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (P, 3, 3) rotations of level cameras from headings and elevations in radians."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    forward = np.stack([np.cos(pitch) * cos, np.cos(pitch) * sin, np.sin(pitch)], axis=-1)
    right = np.stack([sin, -cos, np.zeros_like(yaw)], axis=-1)
    return np.stack([right, np.cross(forward, right), forward], axis=-1)


def choose_poses(
    surface: RoomSurface,
    size: tuple[float, float, float],
    camera: Camera,
    count: int,
    reach: float,
    rng: np.random.Generator,
) -> Poses:
    """Choose ``count`` hand-held poses in the free space, in the order of a walk.

    Random views are tried at low resolution; greedily the one is taken that adds most surface, where a cell of
    surface counts half with every time it has been seen before (next best view, Connolly, ICRA 1985).

    Args:
        surface: the room.
        size: extent of the room along x, y and z, meters.
        camera: the camera, of which the field of view and the proportions count.
        count: number of poses P.
        reach: farthest reading in meters.
        rng: source of chance.
    """
    candidates = _candidates(surface, size, max(8 * count, 240), rng)
    small = Camera(20, max(round(20 * camera.height / camera.width), 1), camera.field_of_view)
    cells, total = _seen_cells(surface, small, candidates, reach)
    value = np.append(np.ones(total), 0.0)  # nothing seen is worth nothing
    chosen = []
    for _ in range(count):
        best = int(value[cells].sum(axis=1).argmax())
        chosen.append(best)
        value[cells[best]] *= 0.5
    return _walk(candidates.select(np.array(chosen)))


def _candidates(surface: RoomSurface, size: tuple[float, float, float], count: int, rng: np.random.Generator) -> Poses:
    """Return ``count`` random views from where a person could hold a camera."""
    low, high = np.array([0.0, 0.0, 1.1]), np.array([size[0], size[1], min(1.8, size[2])])
    margin = np.minimum(CLEARANCE, np.array([size[0], size[1], 0]) / 3)
    tried = rng.uniform(low + margin, high - margin, (3 * count, 3))
    clearance = _clearance(surface, tried)
    # In a crowded room the freest places have to do.
    order = np.argsort(-clearance, kind="stable")
    free = order[: max(int((clearance > CLEARANCE).sum()), count // 20)]
    position = tried[rng.choice(np.sort(free), count)]
    pitch = np.clip(rng.normal(np.radians(-15), np.radians(25), count), np.radians(-65), np.radians(40))
    return Poses(position, look(rng.uniform(-np.pi, np.pi, count), pitch))


def _clearance(surface: RoomSurface, point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance in meters from each of M points to the nearest surface, negative inside an object."""
    k = np.arange(32) + 0.5  # a spiral of nearly even directions over the sphere
    z, angle = 1 - k / 16, np.pi * (1 + 5**0.5) * k
    ring = np.sqrt(1 - z * z)
    sphere = np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1).astype(np.float32)
    direction = np.tile(sphere, (len(point), 1))
    hits = surface.cast(np.repeat(point, len(sphere), axis=0).astype(np.float32), direction)
    inside = (hits.face >= 0) & (np.einsum("ij,ij->i", surface.normal[hits.face], direction) > 0)
    nearest = hits.distance.reshape(len(point), -1).min(axis=1).astype(np.float64)
    return np.where(inside.reshape(len(point), -1).any(axis=1), -nearest, nearest)


def _seen_cells(surface: RoomSurface, camera: Camera, poses: Poses, reach: float) -> tuple[NDArray[np.int64], int]:
    """Return (P, rays) numbers of the surface cells that each view sees, and how many cells there are.

    That count also stands for "nothing seen", and for a cell that the view has listed already, so that surfaces
    close to the camera do not count many times.
    """
    direction = np.einsum("pij,rj->pri", poses.rotation, camera.rays).astype(np.float32)
    origin = np.repeat(poses.position, len(camera.rays), axis=0).astype(np.float32)
    hits = surface.cast(origin, direction.reshape(-1, 3))
    point = origin + np.where(np.isfinite(hits.distance), hits.distance, 0)[:, None] * direction.reshape(-1, 3)
    normal = surface.normal[hits.face]
    # The main direction of the normal keeps the two sides of a thin panel apart.
    axis = np.abs(normal).argmax(axis=1)
    side = 2 * axis + (np.take_along_axis(normal, axis[:, None], axis=1)[:, 0] > 0)
    grid = np.floor(point / CELL).astype(np.int64) + 64
    key = ((grid[:, 0] * 4096 + grid[:, 1]) * 4096 + grid[:, 2]) * 8 + side
    cosine = np.abs(np.einsum("ij,ij->i", normal, direction.reshape(-1, 3)))
    cosine /= np.linalg.norm(direction.reshape(-1, 3), axis=1)
    seen = (hits.distance < reach) & (cosine > 0.2)
    numbers, numbered = np.unique(key[seen], return_inverse=True)
    cells = np.full(len(key), len(numbers))
    cells[seen] = numbered
    cells = np.sort(cells.reshape(len(poses), -1), axis=1)
    cells[:, 1:][cells[:, 1:] == cells[:, :-1]] = len(numbers)
    return cells, len(numbers)


def _walk(poses: Poses) -> Poses:
    """Order poses so that each is followed by the nearest one not visited yet."""
    left = list(range(1, len(poses)))
    order = [0]
    while left:
        distance = np.linalg.norm(poses.position[left] - poses.position[order[-1]], axis=1)
        order.append(left.pop(int(distance.argmin())))
    return poses.select(np.array(order))
