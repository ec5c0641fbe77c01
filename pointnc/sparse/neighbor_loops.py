"""The compiled loops that build neighbor tables. All release the interpreter's lock.

Voxels come as ascending int64 keys (:func:`pointnc.sparse.neighbors.linear_keys`), so that two lists of them are
matched by walking along both at once. Rows are int32.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Longs = NDArray[np.int64]
Rows = NDArray[np.int32]


@njit(cache=True, nogil=True)
def match_columns(
    keys: Longs, steps: Longs, sizes: Longs, kernel: int, inputs: Rows, outputs: Rows, first: int, last: int
) -> None:
    """List the pairs of the offsets of columns first..last of a kernel.

    ``steps[column]`` is the difference of keys at the column's first offset, ``column * kernel``; at its next offsets
    it is one more each. The pairs of an offset are counted in ``sizes`` and fill its row of ``inputs`` and ``outputs``
    (H, V); a column that goes beyond the H offsets ends there.
    """
    for column in range(first, last):
        start = column * kernel
        reach = min(kernel, len(inputs) - start)
        sizes[start : start + reach] = 0
        position = 0
        for row in range(len(keys)):
            wanted = keys[row] + steps[column]
            while position < len(keys) and keys[position] < wanted:
                position += 1
            found = position
            for offset in range(start, start + reach):
                if found < len(keys) and keys[found] == wanted:
                    inputs[offset, sizes[offset]] = found
                    outputs[offset, sizes[offset]] = row
                    sizes[offset] += 1
                    found += 1
                wanted += 1


@njit(cache=True, nogil=True)
def join_mirrored(half_inputs: Rows, half_outputs: Rows, starts: Longs, inputs: Rows, outputs: Rows) -> None:
    """Fill a table from the pairs of the first H of its 2 H + 1 offsets.

    In the middle every voxel meets itself; the second half is the first one the other way round.
    """
    half, middle = len(half_inputs), len(half_inputs)
    for offset in range(half):
        size = starts[offset + 1] - starts[offset]
        begin, mirrored = starts[offset], starts[2 * half - offset]
        inputs[begin : begin + size] = half_inputs[offset, :size]
        outputs[begin : begin + size] = half_outputs[offset, :size]
        inputs[mirrored : mirrored + size] = half_outputs[offset, :size]
        outputs[mirrored : mirrored + size] = half_inputs[offset, :size]
    for row in range(starts[middle + 1] - starts[middle]):
        inputs[starts[middle] + row] = row
        outputs[starts[middle] + row] = row


@njit(cache=True, nogil=True)
def match_parents(
    coord: Rows, keys: Longs, order: Longs, parents: Rows, starts: Longs, inputs: Rows, outputs: Rows
) -> int:
    """Give each voxel its parent at half the resolution, and sort the pairs by the corner of the parent.

    ``keys`` are those of the parents, ``order`` sorts them. The rows of ``parents`` that are filled are counted.
    """
    count = 0
    row_of = np.empty(len(keys), np.int32)
    for number, row in enumerate(order):
        if number == 0 or keys[row] != keys[order[number - 1]]:
            parents[count, 0] = coord[row, 0]
            for axis in range(1, 4):
                parents[count, axis] = coord[row, axis] >> 1
            count += 1
        row_of[row] = count - 1
    starts[:] = 0
    for row in range(len(coord)):
        starts[_corner(coord, row) + 1] += 1
    for corner in range(8):
        starts[corner + 1] += starts[corner]
    filled = starts[:8].copy()
    for row in range(len(coord)):
        corner = _corner(coord, row)
        inputs[filled[corner]] = row
        outputs[filled[corner]] = row_of[row]
        filled[corner] += 1
    return count


@njit(cache=True, nogil=True)
def _corner(coord: Rows, row: int) -> int:
    return (coord[row, 1] & 1) * 4 + (coord[row, 2] & 1) * 2 + (coord[row, 3] & 1)


@njit(cache=True, nogil=True)
def split_tiles(outputs: Rows, starts: Longs, tile: int, splits: Longs) -> None:
    """Write to ``splits`` (T + 1, K) where the pairs of each tile of output rows begin, offset by offset."""
    for offset in range(len(starts) - 1):
        position = starts[offset]
        for t in range(len(splits)):
            end = starts[offset + 1]
            while position < end:  # bisection between here and the end
                middle = (position + end) // 2
                if outputs[middle] < t * tile:
                    position = middle + 1
                else:
                    end = middle
            splits[t, offset] = position
