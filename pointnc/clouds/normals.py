"""Normals of points without faces, by the plane through their neighbors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NEIGHBORS = 16
_PIECE = 100_000


def estimate_normals(
    coord: NDArray[np.float32], rows: NDArray[np.integer[Any]] | None = None, neighbors: int = NEIGHBORS
) -> NDArray[np.float32]:
    """Return (N, 3) float32 unit normals: the direction in which the nearest points vary least.

    They point toward the middle of the cloud, as those of a room's surfaces, scanned from within, do. Memory beyond
    the result and a search tree is bounded.

    Args:
        coord: (N, 3) meters.
        rows: (M,) the points whose (M, 3) normals are wanted; all by default.
        neighbors: how many points make a plane, the point itself included.
    """
    from scipy.spatial import KDTree

    count = len(coord)
    wanted = coord if rows is None else coord[rows]
    normal = np.empty((len(wanted), 3), np.float32)
    normal[:] = (0, 0, 1)
    if count < 3 or len(wanted) == 0:
        return normal
    tree = KDTree(coord, compact_nodes=False, balanced_tree=False)
    middle = (coord.min(axis=0) + coord.max(axis=0)) / 2
    for start in range(0, len(wanted), _PIECE):
        part = wanted[start : start + _PIECE]
        _, index = tree.query(part, k=min(neighbors, count))
        offsets = coord[index].astype(np.float64)
        offsets -= offsets.mean(axis=1, keepdims=True)
        _, vectors = np.linalg.eigh(np.einsum("nki,nkj->nij", offsets, offsets))
        found = vectors[:, :, 0]  # eigenvalues ascend
        away = np.einsum("ni,ni->n", found, middle - part) < 0
        found[away] *= -1
        normal[start : start + _PIECE] = found
    return normal


def fill_normals(normal: NDArray[np.float32], coord: NDArray[np.float32]) -> NDArray[np.float32]:
    """Estimate those of (N, 3) normals that are NaN, in place, and return all.

    Args:
        normal: (N, 3) unit normals.
        coord: (N, 3) meters.
    """
    lone = np.flatnonzero(~np.isfinite(normal).all(axis=1))
    if len(lone):
        normal[lone] = estimate_normals(coord, lone)
    return normal
