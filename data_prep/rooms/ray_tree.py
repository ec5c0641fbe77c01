"""What rays hit first among triangles, by numba loops: for platforms that have no wheel of Embree.

A bounding volume hierarchy: a complete binary tree of boxes, each around half of its parent's triangles. Node i has the
children 2i + 1 and 2i + 2, and each leaf is one triangle, so that boxes are all there is to store.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

STACK = 64
"""Nodes that may wait to be visited; one a level of the tree is needed."""

SLACK = 1e-9
"""By how much triangles are larger than they are, in parts of their edges: no ray slips through between two."""


class RayTree:
    """A search tree over F triangles.

    Args:
        corners: (F, 3, 3) the three corners of each triangle, meters. There must be one triangle at least.
    """

    def __init__(self, corners: NDArray[np.float32]) -> None:
        self._order = _halve(corners.mean(axis=1))
        self._corners = corners[self._order].astype(np.float64)
        boxes = [np.stack([self._corners.min(axis=1), self._corners.max(axis=1)], axis=1)]  # (leaves, low and high, 3)
        while len(boxes[0]) > 1:
            pairs = boxes[0].reshape(-1, 2, 2, 3)
            boxes.insert(0, np.stack([pairs[:, :, 0].min(axis=1), pairs[:, :, 1].max(axis=1)], axis=1))
        self._boxes = np.concatenate(boxes)

    def first_hits(
        self, origin: NDArray[np.float32], direction: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Follow R rays to the first triangle, whichever side of it they meet.

        Args:
            origin: (R, 3) start of each ray, meters.
            direction: (R, 3), of any length.

        Returns:
            (R,) distances in lengths of the direction, infinite where nothing is hit, and (R,) triangles, -1 there.
        """
        distance, place = _follow(self._boxes, self._corners, origin.astype(np.float64), direction.astype(np.float64))
        return distance.astype(np.float32), np.where(place < 0, -1, self._order[place]).astype(np.int32)


def _halve(center: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the order of F triangles in the leaves: each node's lie on two sides of the median along its longest axis.

    There is a power of two of leaves: some triangles have two of them.
    """
    depth = int(np.ceil(np.log2(len(center))))
    order = np.arange(2**depth) * len(center) // 2**depth
    for level in range(depth):
        order = order.reshape(2**level, -1)
        inside = center[order]
        axis = np.ptp(inside, axis=1).argmax(axis=1)
        along = np.take_along_axis(inside, axis[:, None, None], axis=2)[:, :, 0]
        order = np.take_along_axis(order, along.argsort(axis=1, kind="stable"), axis=1)
    return order.reshape(-1)


@njit(cache=True)
def _follow(boxes, corners, origin, direction):  # type: ignore[no-untyped-def]
    """Return distance and place of the first triangle of each ray."""
    first_leaf = len(boxes) // 2
    distance = np.full(len(origin), np.inf)
    place = np.full(len(origin), -1)
    waiting, entry = np.empty(STACK, np.int64), np.empty(STACK)
    inverse = np.empty(3)
    for ray in range(len(origin)):
        for axis in range(3):
            along = direction[ray, axis]
            inverse[axis] = 1 / along if along != 0 else 1e300  # not infinite: 0 times it must be a number
        waiting[0], entry[0], count = 0, 0.0, 1
        while count > 0:
            count -= 1
            node = waiting[count]
            if entry[count] > distance[ray]:
                continue
            if node >= first_leaf:
                met = _meet(corners[node - first_leaf], origin[ray], direction[ray])
                if met < distance[ray]:
                    distance[ray], place[ray] = met, node - first_leaf
                continue
            left = _enter(boxes[2 * node + 1], origin[ray], inverse)
            right = _enter(boxes[2 * node + 2], origin[ray], inverse)
            for child, start in ((2, right), (1, left)) if left < right else ((1, left), (2, right)):
                if start < np.inf:  # the nearer child last: it is taken first
                    waiting[count], entry[count] = 2 * node + child, start
                    count += 1
    return distance, place


@njit(cache=True)
def _enter(box, origin, inverse):  # type: ignore[no-untyped-def]
    """Return where a ray enters a box, infinity where it misses it."""
    start, end = 0.0, np.inf
    for axis in range(3):
        one, other = (box[0, axis] - origin[axis]) * inverse[axis], (box[1, axis] - origin[axis]) * inverse[axis]
        start, end = max(start, min(one, other)), min(end, max(one, other))
    return start if start <= end * (1 + SLACK) else np.inf


@njit(cache=True)
def _meet(corner, origin, direction):  # type: ignore[no-untyped-def]
    """Return where a ray meets a triangle, infinity where it does not (Moeller and Trumbore, 1997)."""
    ax, ay, az = corner[1, 0] - corner[0, 0], corner[1, 1] - corner[0, 1], corner[1, 2] - corner[0, 2]
    bx, by, bz = corner[2, 0] - corner[0, 0], corner[2, 1] - corner[0, 1], corner[2, 2] - corner[0, 2]
    dx, dy, dz = direction
    px, py, pz = dy * bz - dz * by, dz * bx - dx * bz, dx * by - dy * bx
    volume = ax * px + ay * py + az * pz
    if volume == 0:  # the ray runs in the plane, or the triangle is a line
        return np.inf
    sx, sy, sz = origin[0] - corner[0, 0], origin[1] - corner[0, 1], origin[2] - corner[0, 2]
    u = (sx * px + sy * py + sz * pz) / volume
    if u < -SLACK or u > 1 + SLACK:
        return np.inf
    qx, qy, qz = sy * az - sz * ay, sz * ax - sx * az, sx * ay - sy * ax
    v = (dx * qx + dy * qy + dz * qz) / volume
    if v < -SLACK or u + v > 1 + SLACK:
        return np.inf
    distance = (bx * qx + by * qy + bz * qz) / volume
    return distance if distance >= 0 else np.inf
