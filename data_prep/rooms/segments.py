"""Over-segmentation of a labeled mesh, as ScanNet's annotators got it.

Felzenszwalb and Huttenlocher's graph segmentation (IJCV 2004) on the angles between the normals of neighboring
vertices, kept from crossing the border of an object.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_prep.rooms.meshing import find

SCALE = 0.3
"""Felzenszwalb's k: the larger, the larger the segments."""

SMALLEST = 40
"""Vertices below which a segment joins a neighbor of the same object."""


def over_segment(
    normals: NDArray[np.float32], faces: NDArray[np.int32], objects: NDArray[np.int16]
) -> NDArray[np.int32]:
    """Return (N,) the segment of each vertex, counted from 0 in the order of their first vertices.

    Args:
        normals: (N, 3) unit normals.
        faces: (F, 3) triangles.
        objects: (N,) object of each vertex, -1 for none: no segment holds vertices of two.
    """
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[objects[edges[:, 0]] == objects[edges[:, 1]]]
    difference = 1 - np.einsum("ij,ij->i", normals[edges[:, 0]], normals[edges[:, 1]])
    # Sixteen bits sort in linear time.
    level = np.clip(difference * 32767, 0, 65535).astype(np.uint16)
    order = np.argsort(level, kind="stable")
    roots = _merge(len(normals), edges[order], difference[order].astype(np.float32), SCALE, SMALLEST)
    return _number(roots)


@njit(cache=True)
def _merge(count, edges, difference, scale, smallest):  # type: ignore[no-untyped-def]
    parent = np.arange(count)
    size = np.ones(count, np.int64)
    limit = np.full(count, scale, np.float32)
    for e in range(len(edges)):
        a, b = find(parent, edges[e, 0]), find(parent, edges[e, 1])
        if a != b and difference[e] <= limit[a] and difference[e] <= limit[b]:
            parent[b] = a
            size[a] += size[b]
            limit[a] = difference[e] + scale / size[a]
    for e in range(len(edges)):
        a, b = find(parent, edges[e, 0]), find(parent, edges[e, 1])
        if a != b and (size[a] < smallest or size[b] < smallest):
            parent[b] = a
            size[a] += size[b]
    for i in range(count):
        parent[i] = find(parent, i)
    return parent


@njit(cache=True)
def _number(roots):  # type: ignore[no-untyped-def]
    number = np.full(len(roots), -1, np.int32)
    segments = np.empty(len(roots), np.int32)
    count = 0
    for i in range(len(roots)):
        if number[roots[i]] < 0:
            number[roots[i]] = count
            count += 1
        segments[i] = number[roots[i]]
    return segments
