"""Voxelization as it is defined: whole rows compared with one another, the points of a voxel listed."""

import numpy as np


def voxel_lists(coord, voxel_size):
    """Return {(x, y, z): its points in order} in the order in which the points meet the voxels, from 0."""
    cells = np.floor(np.asarray(coord, np.float32) / np.float32(voxel_size)).astype(np.int64)
    lowest = cells.min(axis=0)
    voxels = {}
    for point, cell in enumerate(cells - lowest):
        voxels.setdefault(tuple(int(value) for value in cell), []).append(point)
    return voxels


def unique_rows(coord, voxel_size):
    """Return (V, 3) distinct integer coordinates, each voxel's first point and each point's voxel, sorted."""
    cells = np.floor(np.asarray(coord, np.float32) / np.float32(voxel_size)).astype(np.int64)
    grid, index, inverse = np.unique(cells - cells.min(axis=0), axis=0, return_index=True, return_inverse=True)
    return grid, index, inverse.reshape(-1)
