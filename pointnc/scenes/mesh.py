"""Geometry of triangle meshes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def vertex_normals(
    coord: NDArray[Any], faces: NDArray[Any], lone: tuple[float, float, float] = (0, 0, 1)
) -> NDArray[np.float32]:
    """Return (N, 3) float32 unit normals, the area-weighted mean of each vertex's triangles.

    A vertex without a triangle of positive area gets ``lone``: by default no normal is NaN.

    Args:
        coord: (N, 3) vertices.
        faces: (F, 3) vertex indices, counter-clockwise seen from outside.
        lone: the normal of vertices that have none.
    """
    corners = [faces[:, k].astype(np.intp) for k in range(3)]  # cast once, not in every gather
    edges = []
    for axis in range(3):  # one axis at a time: contiguous gathers, no (F, 3) temporaries
        column = np.ascontiguousarray(coord[:, axis])
        first = column[corners[0]]
        edges.append((column[corners[1]] - first, column[corners[2]] - first))
    normal = np.empty((len(coord), 3), np.float32)
    for axis in range(3):
        (u1, v1), (u2, v2) = edges[(axis + 1) % 3], edges[(axis + 2) % 3]
        # The cross product has twice the triangle's area as its length: summing it weights by area.
        cross = (u1 * v2 - u2 * v1).astype(np.float64)  # what bincount sums in
        normal[:, axis] = sum(np.bincount(corner, cross, minlength=len(coord)) for corner in corners)
    length = np.sqrt(np.einsum("ni,ni->n", normal, normal))
    flat = length < 1e-20
    length[flat] = 1
    normal /= length[:, None]
    normal[flat] = lone
    return normal
