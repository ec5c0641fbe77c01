"""Upright boxes turned about the vertical: the shapes by which objects are kept from running into each other.

A box is a row (x, y, half width, half depth, angle, lowest z, highest z): its middle, in meters, and the turn of its
width against the room's x axis, in radians. A pose is a row (x, y, z, angle): where a model's origin goes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data_prep.rooms.shapes import Mesh

Floats = NDArray[np.float64]
TOLERANCE = 0.001
"""Meters by which two boxes may overlap and still count as touching."""


def rotate(point: ArrayLike, angle: ArrayLike) -> Floats:
    """Return (..., 2) points turned by ``angle`` radians about the origin."""
    point = np.asarray(point, np.float64)
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = point[..., 0], point[..., 1]
    first = cos * x - sin * y
    turned = np.empty((*first.shape, 2))
    turned[..., 0] = first
    turned[..., 1] = sin * x + cos * y
    return turned


def boxes_at(bounds: Floats, poses: Floats) -> Floats:
    """Return the (..., 7) boxes that bounds in a model's frame fill at the poses given.

    Args:
        bounds: (..., 2, 3) lowest and highest coordinates in the model's frame.
        poses: (..., 4) poses; broadcast against the bounds.
    """
    low, high = bounds[..., 0, :], bounds[..., 1, :]
    turned = rotate((low + high)[..., :2] / 2, poses[..., 3])
    made = np.empty((*turned.shape[:-1], 7))
    made[..., :2] = turned + poses[..., :2]
    made[..., 2:4] = (high - low)[..., :2] / 2
    made[..., 4] = poses[..., 3]
    made[..., 5:] = bounds[..., 2] + poses[..., 2, None]
    return made


def overlap(one: Floats, other: Floats, tolerance: float = TOLERANCE) -> NDArray[np.bool_]:
    """Return (K, N) whether the K boxes of ``one`` and the N of ``other`` share volume (separating axes)."""
    ax, ay, aw, ad, a_turn, a_low, a_high = one.T[:, :, None]
    bx, by, bw, bd, b_turn, b_low, b_high = other.T[:, None, :]
    dx, dy, turn = bx - ax, by - ay, b_turn - a_turn
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    # Gaps along the width and the depth of one box, then of the other, then upwards.
    gap = np.abs(np.cos(a_turn) * dx + np.sin(a_turn) * dy) - aw - (bw * cos + bd * sin)
    gap = np.maximum(gap, np.abs(np.cos(a_turn) * dy - np.sin(a_turn) * dx) - ad - (bw * sin + bd * cos))
    gap = np.maximum(gap, np.abs(np.cos(b_turn) * dx + np.sin(b_turn) * dy) - bw - (aw * cos + ad * sin))
    gap = np.maximum(gap, np.abs(np.cos(b_turn) * dy - np.sin(b_turn) * dx) - bd - (aw * sin + ad * cos))
    gap = np.maximum(gap, np.maximum(a_low - b_high, b_low - a_high))
    touching: NDArray[np.bool_] = gap < -tolerance
    return touching


def inside(boxes: Floats, size: ArrayLike, tolerance: float = TOLERANCE) -> NDArray[np.bool_]:
    """Return (K,) whether the K boxes lie in a room of the (3,) size given."""
    size = np.asarray(size, np.float64)
    cos, sin = np.abs(np.cos(boxes[:, 4])), np.abs(np.sin(boxes[:, 4]))
    width, depth = boxes[:, 2], boxes[:, 3]
    half = np.stack([width * cos + depth * sin, width * sin + depth * cos], axis=1)
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
