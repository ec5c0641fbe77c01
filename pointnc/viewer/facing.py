"""Which way surfaces face: by it a page and a window leave out walls that are seen from behind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CELL = 0.1
"""Meters: wide enough to even out the noise of a wall, narrow enough for a table's leg."""


def mean_normals(coord: NDArray[Any], normal: NDArray[Any]) -> NDArray[np.float32]:
    """Return (N, 3) the mean normal of the points in each point's cell of ``CELL`` meters, its length up to 1.

    Where the normals of a cell cancel out, as on the two sides of a board, a point keeps its own.
    """
    low, extent = coord.min(axis=0), float(np.ptp(coord, axis=0).max())
    edge = max(CELL, extent / 2**20)  # three cell numbers must fit an int64
    cell = ((coord - low) / edge).astype(np.int64)
    number = (cell[:, 0] << 42) | (cell[:, 1] << 21) | cell[:, 2]
    _, index, count = np.unique(number, return_inverse=True, return_counts=True)
    mean = np.stack([np.bincount(index, normal[:, axis]) / count for axis in range(3)], axis=1)[index]
    certain = (mean * mean).sum(axis=1, keepdims=True) > 0.25
    return np.where(certain, mean, normal).astype(np.float32)
