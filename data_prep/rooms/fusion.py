"""Depth frames to a truncated signed distance field (TSDF).

Curless and Levoy (SIGGRAPH 1996), with what later systems added: only blocks of voxels near a reading are worked on
(Niessner et al., SIGGRAPH Asia 2013), and the weight falls off behind the surface, so that thin panels keep both
sides (Bylow et al., RSS 2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_prep.rooms.scanner import Frames

BLOCK = 8
"""Voxels along the edge of a block."""

FRONT, BEHIND = 3.0, 2.0
"""Truncation distances before and behind a surface, in voxels."""


@dataclass(frozen=True)
class Volume:
    """A signed distance field on a grid.

    Attributes:
        distance: (X, Y, Z) float32 in voxels, positive before a surface, at most :data:`FRONT` in magnitude.
        weight: (X, Y, Z) float32, 0 where nothing was observed.
        origin: (3,) float64 position of voxel (0, 0, 0) in meters.
        voxel_size: edge of a voxel in meters.
    """

    distance: NDArray[np.float32]
    weight: NDArray[np.float32]
    origin: NDArray[np.float64]
    voxel_size: float


def fuse(frames: Frames, voxel_size: float) -> Volume:
    """Fuse depth frames.

    Every voxel of a block near a reading is projected into every frame that can see it. Its distance from the
    surface is measured perpendicular to the surface, ``(depth - z) * ray length * cosine``; readings weigh
    ``(cosine / depth)**2``, and from half a voxel behind the surface linearly less down to 0 at :data:`BEHIND`.

    Args:
        frames: the frames.
        voxel_size: edge of a voxel in meters.

    Raises:
        ValueError: no frame has a reading.
    """
    views, rays = frames.views(), frames.camera.rays
    low, high = _bounds(views, rays)
    if not (low <= high).all():
        raise ValueError("no frame has a reading")
    margin = (FRONT + 1) * voxel_size
    # Voxel centers at odd multiples of half a voxel: a floor at height 0 runs midway between two layers.
    origin = (np.floor((low.astype(np.float64) - margin) / voxel_size) + 0.5) * voxel_size
    blocks = np.ceil((high + margin - origin) / (BLOCK * voxel_size)).astype(np.int64)
    active = np.zeros(tuple(blocks), np.bool_)
    corner, scale = origin.astype(np.float32), np.float32(1 / (BLOCK * voxel_size))
    _mark_blocks(active, views, rays, corner, scale, np.float32(margin / (BLOCK * voxel_size)))
    distance = np.full(tuple(blocks * BLOCK), FRONT, np.float32)
    weight = np.zeros(distance.shape, np.float32)
    _integrate(distance, weight, np.argwhere(active), views, corner, np.float32(voxel_size))
    return Volume(distance, weight, origin, voxel_size)


@njit(cache=True)
def _bounds(views, rays):  # type: ignore[no-untyped-def]
    """Return the lowest and the highest coordinates of all readings."""
    depth, position, rotation = views.depth, views.position, views.rotation
    low = np.full(3, np.inf, np.float32)
    high = np.full(3, -np.inf, np.float32)
    for p in range(len(depth)):
        flat = depth[p].ravel()
        for i in range(len(flat)):
            if flat[i] > 0:
                for a in range(3):
                    r = rotation[p, a, 0] * rays[i, 0] + rotation[p, a, 1] * rays[i, 1] + rotation[p, a, 2]
                    x = position[p, a] + flat[i] * r
                    low[a] = min(low[a], x)
                    high[a] = max(high[a], x)
    return low, high


@njit(cache=True)
def _mark_blocks(active, views, rays, origin, scale, margin):  # type: ignore[no-untyped-def]
    """Mark the blocks that a cube of half-edge ``margin`` blocks around a reading touches."""
    depth, position, rotation = views.depth, views.position, views.rotation
    x = np.empty(3, np.float32)
    for p in range(len(depth)):
        flat = depth[p].ravel()
        for i in range(len(flat)):
            if flat[i] <= 0:
                continue
            for a in range(3):
                r = rotation[p, a, 0] * rays[i, 0] + rotation[p, a, 1] * rays[i, 1] + rotation[p, a, 2]
                x[a] = (position[p, a] + flat[i] * r - origin[a]) * scale
            for bx in range(max(int(x[0] - margin), 0), min(int(x[0] + margin) + 1, active.shape[0])):
                for by in range(max(int(x[1] - margin), 0), min(int(x[1] + margin) + 1, active.shape[1])):
                    for bz in range(max(int(x[2] - margin), 0), min(int(x[2] + margin) + 1, active.shape[2])):
                        active[bx, by, bz] = True


@njit(cache=True)
def _integrate(distance, weight, blocks, views, origin, voxel):  # type: ignore[no-untyped-def]
    """Average the observations of every voxel of the blocks, block by block, frame by frame."""
    depth, cosine, position, rotation, focal = views.depth, views.cosine, views.position, views.rotation, views.focal
    front, behind = np.float32(FRONT), np.float32(BEHIND)
    frames, height, width = depth.shape
    half_width, half_height = np.float32(width / 2), np.float32(height / 2)
    slope_x, slope_y = half_width / focal, half_height / focal
    wide_x, wide_y = np.sqrt(1 + slope_x * slope_x), np.sqrt(1 + slope_y * slope_y)
    radius = np.float32(0.5 * (BLOCK - 1) * np.sqrt(3)) * voxel
    farthest = np.empty(frames, np.float32)
    for p in range(frames):
        farthest[p] = depth[p].max() + behind * voxel
    one = np.float32(1)
    ramp = one / (behind - np.float32(0.5))
    for b in range(len(blocks)):
        x0, y0, z0 = blocks[b, 0] * BLOCK, blocks[b, 1] * BLOCK, blocks[b, 2] * BLOCK
        for p in range(frames):
            R = rotation[p]
            # The block's first voxel and its center in the camera's frame.
            dx = origin[0] + np.float32(x0) * voxel - position[p, 0]
            dy = origin[1] + np.float32(y0) * voxel - position[p, 1]
            dz = origin[2] + np.float32(z0) * voxel - position[p, 2]
            u0 = R[0, 0] * dx + R[1, 0] * dy + R[2, 0] * dz
            v0 = R[0, 1] * dx + R[1, 1] * dy + R[2, 1] * dz
            w0 = R[0, 2] * dx + R[1, 2] * dy + R[2, 2] * dz
            half = np.float32(0.5 * (BLOCK - 1)) * voxel
            cu = u0 + half * (R[0, 0] + R[1, 0] + R[2, 0])
            cv = v0 + half * (R[0, 1] + R[1, 1] + R[2, 1])
            cw = w0 + half * (R[0, 2] + R[1, 2] + R[2, 2])
            if cw < -radius or cw - radius > farthest[p]:
                continue
            if abs(cu) > slope_x * cw + radius * wide_x or abs(cv) > slope_y * cw + radius * wide_y:
                continue
            for i in range(BLOCK):
                for j in range(BLOCK):
                    s, t = np.float32(i) * voxel, np.float32(j) * voxel
                    u1 = u0 + s * R[0, 0] + t * R[1, 0]
                    v1 = v0 + s * R[0, 1] + t * R[1, 1]
                    w1 = w0 + s * R[0, 2] + t * R[1, 2]
                    for k in range(BLOCK):
                        r = np.float32(k) * voxel
                        w = w1 + r * R[2, 2]
                        if w < np.float32(0.05):
                            continue
                        x, y = (u1 + r * R[2, 0]) / w, (v1 + r * R[2, 1]) / w
                        column, row = focal * x + half_width, focal * y + half_height
                        if column < 0 or row < 0 or column >= width or row >= height:
                            continue
                        d = depth[p, int(row), int(column)]
                        if d <= 0:
                            continue
                        along = (d - w) * np.sqrt(one + x * x + y * y) / voxel
                        if along <= -behind:
                            continue
                        c = cosine[p, int(row), int(column)]
                        gain = (c / d) * (c / d)
                        if along < np.float32(-0.5):
                            gain *= (along + behind) * ramp
                        value = min(along * c, front)
                        total = weight[x0 + i, y0 + j, z0 + k] + gain
                        if total > 0:
                            old = distance[x0 + i, y0 + j, z0 + k]
                            distance[x0 + i, y0 + j, z0 + k] = old + (value - old) * gain / total
                            weight[x0 + i, y0 + j, z0 + k] = total
