"""Geometry of triangle meshes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def vertex_normals(coord: NDArray[Any], faces: NDArray[Any]) -> NDArray[np.float32]:
    """Return (N, 3) float32 unit normals, the area-weighted mean of each vertex's triangles.

    A vertex without a triangle of positive area gets (0, 0, 1), so that no normal is NaN.

    Args:
        coord: (N, 3) vertices.
        faces: (F, 3) vertex indices, counter-clockwise seen from outside.
    """
    corner = coord[faces[:, 0]]
    # The cross product has twice the triangle's area as its length: summing it weights by area.
    cross = np.cross(coord[faces[:, 1]] - corner, coord[faces[:, 2]] - corner)
    flat = np.ascontiguousarray(faces.T).ravel()
    normal = np.empty((len(coord), 3), np.float32)
    for axis in range(3):
        normal[:, axis] = np.bincount(flat, np.tile(cross[:, axis], 3), minlength=len(coord))
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    flatless = length[:, 0] < 1e-20
    normal /= np.where(length < 1e-20, 1, length)
    normal[flatless] = (0, 0, 1)
    return normal
