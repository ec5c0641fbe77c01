"""Upright boxes turned about the vertical: the shapes by which objects are kept from running into each other.

A box is a row (x, y, half width, half depth, angle, lowest z, highest z): its middle, in metres, and the turn of its
width against the room's x axis, in radians. A pose is a row (x, y, z, angle): where a model's origin goes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data_prep.rooms.shapes import Mesh

Floats = NDArray[np.float64]
TOLERANCE = 0.001
"""Metres by which two boxes may overlap and still count as touching."""


def rotate(point: ArrayLike, angle: ArrayLike) -> Floats:
    """Return (..., 2) points turned by ``angle`` radians about the origin."""
    point, angle = np.asarray(point, np.float64), np.asarray(angle, np.float64)
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = point[..., 0], point[..., 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def boxes_at(bounds: Floats, poses: Floats) -> Floats:
    """Return the (..., 7) boxes that bounds in a model's frame fill at the poses given.

    Args:
        bounds: (..., 2, 3) lowest and highest coordinates in the model's frame.
        poses: (..., 4) poses; broadcast against the bounds.
    """
    middle, half = bounds.mean(axis=-2), (bounds[..., 1, :] - bounds[..., 0, :]) / 2
    xy = poses[..., :2] + rotate(middle[..., :2], poses[..., 3])
    shape = xy.shape[:-1]
    made = np.empty((*shape, 7))
    made[..., :2] = xy
    made[..., 2:4] = half[..., :2]
    made[..., 4] = poses[..., 3]
    made[..., 5:] = bounds[..., 2] + poses[..., 2, None]
    return made


def reach(boxes: Floats, angle: ArrayLike = 0.0) -> Floats:
    """Return (..., 2) half extents of boxes along x and y of a frame that is turned by ``angle``."""
    turn = boxes[..., 4] - angle
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    x, y = boxes[..., 2], boxes[..., 3]
    return np.stack([x * cos + y * sin, x * sin + y * cos], axis=-1)


def overlap(one: Floats, other: Floats, tolerance: float = TOLERANCE) -> NDArray[np.bool_]:
    """Return (K, N) whether the K boxes of ``one`` and the N of ``other`` share volume (separating axes)."""
    a, b = one[:, None], other[None]
    between = b[..., :2] - a[..., :2]
    along_a = np.abs(rotate(between, -a[..., 4])) - a[..., 2:4] - reach(b, a[..., 4])
    along_b = np.abs(rotate(between, -b[..., 4])) - b[..., 2:4] - reach(a, b[..., 4])
    apart = np.maximum(along_a, along_b).max(axis=-1)
    apart = np.maximum(apart, np.maximum(a[..., 5] - b[..., 6], b[..., 5] - a[..., 6]))
    touching: NDArray[np.bool_] = apart < -tolerance
    return touching


def inside(boxes: Floats, size: ArrayLike, tolerance: float = TOLERANCE) -> NDArray[np.bool_]:
    """Return (K,) whether the K boxes lie in a room of the (3,) size given."""
    size = np.asarray(size, np.float64)
    half = reach(boxes)
    low, high = boxes[:, :2] - half, boxes[:, :2] + half
    flat = (low > -tolerance).all(axis=1) & (high < size[:2] + tolerance).all(axis=1)
    return flat & (boxes[:, 5] > -tolerance) & (boxes[:, 6] < size[2] + tolerance)


def part_bounds(mesh: Mesh) -> Floats:
    """Return (P, 2, 3) bounds of the P parts that a mesh was joined of.

    Joining puts the vertices of each part in one run; a run ends where no face reaches across.
    """
    steps = np.zeros(len(mesh.vertices) + 1, np.int64)
    np.add.at(steps, mesh.faces.min(axis=1), 1)
    np.add.at(steps, mesh.faces.max(axis=1), -1)
    crossing = steps.cumsum()[:-1]
    starts = np.flatnonzero(np.append(0, crossing[:-1]) == 0)
    low = np.minimum.reduceat(mesh.vertices, starts)
    high = np.maximum.reduceat(mesh.vertices, starts)
    return np.stack([low, high], axis=1)
