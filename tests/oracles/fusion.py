"""Depth fusion by the definition: every voxel of the grid into every frame, in float64, no blocks, no culling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def fuse_slowly(
    frames: Any, shape: tuple[int, ...], origin: NDArray[np.float64], voxel_size: float, front: float, behind: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return distance (voxels) and weight of every voxel, and which voxels lie too near a pixel's edge to compare."""
    center = origin + voxel_size * np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    numerator, weight = np.zeros(shape), np.zeros(shape)
    doubtful = np.zeros(shape, bool)
    height, width = frames.depth.shape[1:]
    focal = frames.camera.focal
    for p in range(len(frames.depth)):
        x, y, w = np.moveaxis((center - frames.poses.position[p]) @ frames.poses.rotation[p], -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            u, v = focal * x / w + width / 2, focal * y / w + height / 2
        ahead = w >= 0.05
        doubtful |= ahead & ((np.abs(u - np.round(u)) < 1e-3) | (np.abs(v - np.round(v)) < 1e-3))
        inside = ahead & (u >= 0) & (v >= 0) & (u < width) & (v < height)
        column, row = np.where(inside, u, 0).astype(int), np.where(inside, v, 0).astype(int)
        depth = frames.depth[p][row, column].astype(float)
        cosine = frames.cosine[p][row, column].astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            along = (depth - w) * np.sqrt(1 + (x / w) ** 2 + (y / w) ** 2) / voxel_size
            gain = (cosine / depth) ** 2 * np.interp(along, [-behind, -0.5], [0, 1])
        gain = np.where(inside & (depth > 0) & (along > -behind), gain, 0)
        numerator += np.where(gain > 0, gain * np.minimum(along * cosine, front), 0)
        weight += gain
    return np.where(weight > 0, numerator / np.maximum(weight, 1e-30), front), weight, doubtful
