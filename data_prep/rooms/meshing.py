"""A signed distance field to a triangle mesh, where the field was observed and nowhere else."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_prep.rooms.fusion import Volume

NUDGE = 0.02
"""Least magnitude of a distance, in voxels: on an exact zero marching cubes would make triangles without area."""


def extract(volume: Volume) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return (V, 3) vertices in meters and (F, 3) triangles, counter-clockwise seen from the cameras' side.

    Only cubes of which all eight corners were observed yield triangles: elsewhere the mesh has holes.

    Args:
        volume: the fused field.
    """
    from skimage.measure import marching_cubes

    distance = np.where(np.abs(volume.distance) < NUDGE, np.float32(NUDGE), volume.distance)
    crossing = _crossing_cubes(distance, volume.weight)
    if not crossing.any():
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)
    # "descent": the field falls into the solid, so the triangles face its positive side, where the cameras were.
    vertices, faces, _, _ = marching_cubes(distance, 0.0, gradient_direction="descent", mask=crossing)
    vertices = vertices * volume.voxel_size + volume.origin
    return vertices.astype(np.float32), np.ascontiguousarray(faces, np.int32)


@njit(cache=True)
def _crossing_cubes(distance, weight):  # type: ignore[no-untyped-def]
    """Mark the cubes whose corners are all observed and not all on one side, at their highest corner.

    That is where the mask of ``skimage.measure.marching_cubes`` is looked up, and it looks at no other corner.
    """
    X, Y, Z = distance.shape
    crossing = np.zeros((X, Y, Z), np.bool_)
    for x in range(1, X):
        for y in range(1, Y):
            for z in range(1, Z):
                if weight[x, y, z] <= 0:
                    continue
                inside = 0
                observed = True
                for i in range(2):
                    for j in range(2):
                        for k in range(2):
                            observed &= weight[x - i, y - j, z - k] > 0
                            inside += distance[x - i, y - j, z - k] < 0
                crossing[x, y, z] = observed and 0 < inside < 8
    return crossing


def compact(
    faces: NDArray[np.int32], keep: NDArray[np.bool_], smallest: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Drop vertices, the triangles that use them, what is left without a triangle, and small loose pieces.

    Args:
        faces: (F, 3) triangles.
        keep: (V,) the vertices that shall stay.
        smallest: least number of vertices of a connected piece.

    Returns:
        (N,) the old numbers of the vertices that are left, and the triangles in their new numbers.
    """
    faces = faces[keep[faces].all(axis=1)]
    piece = connected_pieces(len(keep), faces)
    used = np.zeros(len(keep), bool)
    used[faces] = True
    sizes = np.bincount(piece[used], minlength=len(keep))
    used &= sizes[piece] >= smallest
    number = np.cumsum(used, dtype=np.int32) - 1
    return np.flatnonzero(used), number[faces[used[faces[:, 0]]]]


@njit(cache=True)
def find(parent, i):  # type: ignore[no-untyped-def]
    """Return the root of ``i`` in a union-find forest, halving the path to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True)
def connected_pieces(count, faces):  # type: ignore[no-untyped-def]
    """Return (count,) one number for each connected piece of a mesh: that of its first vertex."""
    parent = np.arange(count)
    for f in range(len(faces)):
        a = find(parent, faces[f, 0])
        for corner in range(1, 3):
            b = find(parent, faces[f, corner])
            # The lower number stays the root.
            if a < b:
                parent[b] = a
            else:
                parent[a] = b
                a = b
    for i in range(count):
        parent[i] = find(parent, i)
    return parent
