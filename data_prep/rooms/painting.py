"""What the frames say of each vertex of the mesh: its color, the object it belongs to, whether it is real."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_prep.rooms.scanner import Frames

TOLERANCE = 1.5
"""Distance in voxels between a vertex and a reading up to which the reading is one of the vertex."""

STEEPEST = 0.7
"""Least cosine with which a gap along the ray is taken for one across the surface: what a grazing ray hits beyond
its pixel is not known."""

FACING = 0.1
"""Least cosine between a vertex's normal and the direction to a camera that sees it."""

CANDIDATES = 12
"""Objects that are counted for one vertex; more do not meet in a point."""


@dataclass(frozen=True)
class Paint:
    """What was read at V vertices.

    Attributes:
        color: (V, 3) uint8 mean RGB.
        object: (V,) int16 the object with most of the weight; -1 where none has half of it.
        views: (V,) int32 number of frames that see the vertex from its front; 0 marks a phantom.
    """

    color: NDArray[np.uint8]
    object: NDArray[np.int16]
    views: NDArray[np.int32]


def paint(vertices: NDArray[np.float32], normals: NDArray[np.float32], frames: Frames, voxel_size: float) -> Paint:
    """Project every vertex into every frame and collect the readings that lie on its surface.

    A reading weighs ``(cosine / depth)**2 / (1 + (distance / voxel_size)**2)``, the distance being that of the
    vertex from the reading's surface.

    Args:
        vertices: (V, 3) meters.
        normals: (V, 3) unit normals.
        frames: the frames.
        voxel_size: the scale of the tolerance, meters.
    """
    vertices = np.ascontiguousarray(vertices, np.float32)
    return Paint(*_paint(vertices, normals, frames.views(), np.float32(voxel_size)))


@njit(cache=True)
def _paint(vertices, normals, views, voxel):  # type: ignore[no-untyped-def]
    depth, cosine, color, object_seen, position, rotation, focal = views
    tolerance, facing, steepest = np.float32(TOLERANCE), np.float32(FACING), np.float32(STEEPEST)
    frames, height, width = depth.shape
    half_width, half_height = np.float32(width / 2), np.float32(height / 2)
    painted = np.zeros((len(vertices), 3), np.uint8)
    objects = np.full(len(vertices), -1, np.int16)
    sighted = np.zeros(len(vertices), np.int32)
    candidates = np.empty(CANDIDATES, np.int16)
    votes = np.empty(CANDIDATES, np.float32)
    for n in range(len(vertices)):
        red = green = blue = whole = np.float32(0)
        count = 0
        for p in range(frames):
            R = rotation[p]
            dx = vertices[n, 0] - position[p, 0]
            dy = vertices[n, 1] - position[p, 1]
            dz = vertices[n, 2] - position[p, 2]
            w = R[0, 2] * dx + R[1, 2] * dy + R[2, 2] * dz
            if w < np.float32(0.05):
                continue
            x = (R[0, 0] * dx + R[1, 0] * dy + R[2, 0] * dz) / w
            y = (R[0, 1] * dx + R[1, 1] * dy + R[2, 1] * dz) / w
            u, v = focal * x + half_width, focal * y + half_height
            if u < 0 or v < 0 or u >= width or v >= height:
                continue
            row, column = int(v), int(u)
            d = depth[p, row, column]
            if d <= 0:
                continue
            length = np.sqrt(1 + x * x + y * y)
            c = cosine[p, row, column]
            gap = abs(d - w) * length * max(c, steepest) / voxel
            if gap > tolerance:
                continue
            towards = -(normals[n, 0] * dx + normals[n, 1] * dy + normals[n, 2] * dz)
            if towards < facing * w * length:
                continue
            sighted[n] += 1
            gain = (c / d) * (c / d) / (1 + gap * gap)
            whole += gain
            red += gain * np.float32(color[p, row, column, 0])
            green += gain * np.float32(color[p, row, column, 1])
            blue += gain * np.float32(color[p, row, column, 2])
            seen = object_seen[p, row, column]
            slot = 0
            while slot < count and candidates[slot] != seen:
                slot += 1
            if slot == count and count < CANDIDATES:
                candidates[slot] = seen
                votes[slot] = 0
                count += 1
            if slot < count:
                votes[slot] += gain
        if sighted[n] == 0:
            continue
        painted[n, 0] = np.uint8(red / whole + np.float32(0.5))
        painted[n, 1] = np.uint8(green / whole + np.float32(0.5))
        painted[n, 2] = np.uint8(blue / whole + np.float32(0.5))
        best = 0
        for slot in range(1, count):
            if votes[slot] > votes[best]:
                best = slot
        if 2 * votes[best] >= whole:
            objects[n] = candidates[best]
    return painted, objects, sighted
