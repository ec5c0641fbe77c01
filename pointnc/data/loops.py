"""The numba loops. Importing this module costs numba's import; a loop is compiled when it is first called."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

REGION = 64
"""Slots of the hash table that belong to one block of 4×4×4 voxels."""


@njit(cache=True, nogil=True)
def bounds(coord: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32]) -> None:
    """Write each axis' least and greatest coordinate; both are NaN where any coordinate is not finite."""
    x0 = x1 = coord[0, 0]
    y0 = y1 = coord[0, 1]
    z0 = z1 = coord[0, 2]
    nothing = np.float32(0)  # becomes NaN, and stays so, with the first coordinate that is not finite
    for i in range(len(coord)):
        x, y, z = coord[i, 0], coord[i, 1], coord[i, 2]
        nothing += (x - x) + (y - y) + (z - z)
        x0, x1 = min(x0, x), max(x1, x)
        y0, y1 = min(y0, y), max(y1, y)
        z0, z1 = min(z0, z), max(z1, z)
    low[0], low[1], low[2] = x0 + nothing, y0 + nothing, z0 + nothing
    high[0], high[1], high[2] = x1 + nothing, y1 + nothing, z1 + nothing


@njit(cache=True, nogil=True)
def hash_voxels(
    coord: NDArray[np.float32],
    size: np.float32,
    low: NDArray[np.int64],
    table: NDArray[np.uint32],
    grid: NDArray[np.int32],
    index: NDArray[np.int64],
    inverse: NDArray[np.int64],
) -> int:
    """Number the voxels in the order in which the points meet them; return their number V.

    An open hash table of voxel numbers plus one (0: free). A block of 4×4×4 voxels shares a region of
    neighboring slots, so that points that are close in space are close in memory; inside its region each block
    has another order, so that voxels that are alone in their blocks spread as evenly as in a common table.

    Args:
        coord: (N, 3).
        size: edge of a voxel.
        low: (3,) integer coordinates that become 0.
        table: zeros; the length is a multiple of ``REGION`` and greater than N.
        grid: (N, 3), of which V rows are written.
        index: (N,), of which V are written: each voxel's first point.
        inverse: (N,), written: each point's voxel.
    """
    slots = np.int64(len(table))
    regions = np.uint64(slots // REGION)
    # The bits of an entry that the voxel number leaves free hold a part of the hash: nearly every other voxel
    # that stands in the way is told by it, without a look at its coordinates elsewhere in memory.
    number_bits = np.uint32(1)
    while len(coord) >> number_bits:
        number_bits += np.uint32(1)
    number_mask = np.uint32((1 << number_bits) - 1)
    tag_mask = ~number_mask
    x0, y0, z0 = low
    count = 0
    for i in range(len(coord)):
        x = np.int64(np.floor(coord[i, 0] / size)) - x0
        y = np.int64(np.floor(coord[i, 1] / size)) - y0
        z = np.int64(np.floor(coord[i, 2] / size)) - z0
        block = np.uint64((((x >> 2) << 19 | (y >> 2)) << 19) | (z >> 2))
        mixed = block * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
        cell = np.uint64((x & 3) << 4 | (y & 3) << 2 | (z & 3))
        region = ((mixed >> np.uint64(32)) * regions) >> np.uint64(32)
        slot = np.int64((region << np.uint64(6)) | (cell ^ ((mixed >> np.uint64(20)) & np.uint64(63))))
        tag = np.uint32(mixed + (cell << np.uint64(26))) & tag_mask
        while True:
            entry = table[slot]
            if entry == 0:
                voxel = np.int64(count)
                count += 1
                table[slot] = tag | np.uint32(count)
                grid[voxel, 0], grid[voxel, 1], grid[voxel, 2] = x, y, z
                index[voxel] = i
                break
            if entry & tag_mask == tag:
                voxel = np.int64(entry & number_mask) - 1
                if grid[voxel, 0] == x and grid[voxel, 1] == y and grid[voxel, 2] == z:
                    break
            slot += np.int64(1)
            if slot == slots:
                slot = np.int64(0)
        inverse[i] = voxel
    return count


@njit(cache=True, nogil=True)
def nth_points(inverse: NDArray[np.int64], remaining: NDArray[np.int64], index: NDArray[np.int64]) -> None:
    """Write into ``index[v]`` the ``remaining[v]``-th point (from 0) of each voxel; uses ``remaining`` up.

    Which point it is no processor can foresee: a branch would cost more than all the rest. So every point is written
    somewhere, those that are not chosen into the one place more that ``index`` has, (V + 1,).
    """
    spare = np.int64(len(remaining))
    place = np.empty(1024, np.int64)
    for start in range(0, len(inverse), len(place)):
        count = min(len(place), len(inverse) - start)
        for i in range(count):
            voxel = inverse[start + i]
            place[i] = remaining[voxel]
            remaining[voxel] -= 1
        for i in range(count):  # a loop of its own, so that it is done many at a time, by masks
            place[i] = inverse[start + i] if place[i] == 0 else spare
        for i in range(count):
            index[place[i]] = start + i


@njit(cache=True, nogil=True)
def displace(
    coord: NDArray[np.float32],
    field: NDArray[np.float32],
    start: NDArray[np.float32],
    step: np.float32,
    moved: NDArray[np.float32],
) -> None:
    """Write ``coord`` plus the trilinear look-up in ``field`` into ``moved``; see ``transforms.elastic``."""
    one = np.float32(1)
    for i in range(len(coord)):
        x = (coord[i, 0] - start[0]) / step
        y = (coord[i, 1] - start[1]) / step
        z = (coord[i, 2] - start[2]) / step
        # Rounding can put the farthest point onto the last node, which has no neighbor.
        a = min(np.int64(x), field.shape[0] - 2)
        b = min(np.int64(y), field.shape[1] - 2)
        c = min(np.int64(z), field.shape[2] - 2)
        u, v, w = x - np.float32(a), y - np.float32(b), z - np.float32(c)
        for channel in range(3):
            total = coord[i, channel]
            total += (one - u) * (one - v) * (one - w) * field[a, b, c, channel]
            total += (one - u) * (one - v) * w * field[a, b, c + 1, channel]
            total += (one - u) * v * (one - w) * field[a, b + 1, c, channel]
            total += (one - u) * v * w * field[a, b + 1, c + 1, channel]
            total += u * (one - v) * (one - w) * field[a + 1, b, c, channel]
            total += u * (one - v) * w * field[a + 1, b, c + 1, channel]
            total += u * v * (one - w) * field[a + 1, b + 1, c, channel]
            total += u * v * w * field[a + 1, b + 1, c + 1, channel]
            moved[i, channel] = total


@njit(cache=True, nogil=True)
def multiply(vectors: NDArray[np.float32], matrix: NDArray[np.float32], result: NDArray[np.float32]) -> None:
    """Write ``matrix @ vector`` of each row of ``vectors`` (N, 3) into ``result``."""
    for i in range(len(vectors)):
        x, y, z = vectors[i, 0], vectors[i, 1], vectors[i, 2]
        for axis in range(3):
            result[i, axis] = matrix[axis, 0] * x + matrix[axis, 1] * y + matrix[axis, 2] * z
