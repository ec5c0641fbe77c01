"""Sparse products in compiled loops: for each tile of output rows, all offsets, a register block at a time.

Arrays are float32 and contiguous, unless said. The packed matrices lie in panels of 16 columns (the last one 8 where
that suffices), so that the innermost loop reads them in sequence. All functions release the interpreter's lock, and the
order of every sum depends on neither how rows and columns are shared out nor the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pointnc.models.register_tiles import make_multiply_rows, make_outer_rows

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

_CHUNK = 128
"""Pairs whose rows stay in the first-level cache while all blocks of a weight gradient read them."""

_multiply_6x16, _multiply_3x16, _multiply_1x16 = (make_multiply_rows(rows, 2) for rows in (6, 3, 1))
_multiply_6x8, _multiply_3x8, _multiply_1x8 = (make_multiply_rows(rows, 1) for rows in (6, 3, 1))
_outer_6x16, _outer_4x16, _outer_1x16 = (make_outer_rows(rows, 2) for rows in (6, 4, 1))
_outer_6x8, _outer_4x8, _outer_1x8 = (make_outer_rows(rows, 1) for rows in (6, 4, 1))


@njit(cache=True, nogil=True)
def pack(matrices: Floats, packed: Floats, transposed: bool, first: int, last: int) -> None:
    """Lay out matrices (K, in, out) first..last, or their transposes, in panels; columns are filled up with zeros.

    The matrices may have any strides.
    """
    depth, width = matrices.shape[1], matrices.shape[2]
    if transposed:
        depth, width = width, depth
    padded = (width + 7) // 8 * 8
    for offset in range(first, last):
        base = offset * depth * padded
        column = 0
        while column < padded:
            wide = min(16, padded - column)
            for k in range(depth):
                for j in range(wide):
                    value = np.float32(0)
                    if column + j < width:
                        value = matrices[offset, column + j, k] if transposed else matrices[offset, k, column + j]
                    packed[base + k * wide + j] = value
            base += depth * wide
            column += wide


@njit(cache=True, nogil=True)
def multiply(
    features: Floats,
    packed: Floats,
    inputs: Ints,
    outputs: Ints,
    splits: Longs,
    tile: int,
    out: Floats,
    scale: Floats,
    shift: Floats,
    residual: Floats,
    relu: bool,
    first_tile: int,
    last_tile: int,
    first_column: int,
    last_column: int,
) -> None:
    """Fill tiles of rows and columns of ``out`` (multiples of 8) with the sums of all products, and finish them.

    ``scale`` and ``shift`` are applied where they have entries, ``residual`` where it has rows.
    """
    depth, width = features.shape[1], out.shape[1]
    zero = np.float32(0)
    for t in range(first_tile, last_tile):
        first, last = t * tile, min(len(out), (t + 1) * tile)
        for r in range(first, last):
            for c in range(first_column, last_column):
                out[r, c] = zero
        for offset in range(splits.shape[1]):
            begin, end = splits[t, offset], splits[t + 1, offset]
            column = first_column
            while column < last_column and begin < end:
                panel = (offset * width + column) * depth
                i = begin
                if column + 16 <= last_column:
                    while i + 6 <= end:
                        _multiply_6x16(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
                        i += 6
                    if i + 3 <= end:
                        _multiply_3x16(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
                        i += 3
                    while i < end:
                        _multiply_1x16(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
                        i += 1
                    column += 16
                else:
                    while i + 6 <= end:
                        _multiply_6x8(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
                        i += 6
                    if i + 3 <= end:
                        _multiply_3x8(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
                        i += 3
                    while i < end:
                        _multiply_1x8(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
                        i += 1
                    column += 8
        for r in range(first, last):
            if len(scale):
                for c in range(first_column, last_column):
                    out[r, c] = out[r, c] * scale[c] + shift[c]
            if len(residual):
                for c in range(first_column, last_column):
                    out[r, c] += residual[r, c]
            if relu:
                for c in range(first_column, last_column):
                    value = out[r, c]
                    out[r, c] = zero if value < zero else value


@njit(cache=True, nogil=True)
def add_outer_products(
    features: Floats, gradient: Floats, inputs: Ints, outputs: Ints, splits: Longs, result: Floats, items: Any
) -> None:
    """Add to ``result`` (K, in, out) the products features[inputs]ᵀ @ gradient[outputs] of some blocks of columns.

    ``items`` (M, 3) int64 are the offsets and columns first..last (multiples of 8) of the blocks.
    """
    depth, width = features.shape[1], gradient.shape[1]
    for t in range(len(splits) - 1):
        for item in range(len(items)):
            offset, first_column, last_column = items[item]
            begin, stop = splits[t, offset], splits[t + 1, offset]
            while begin < stop:
                end = min(stop, begin + _CHUNK)
                column = first_column
                while column < last_column:
                    wide = column + 16 <= last_column
                    i = 0
                    while i < depth:
                        at = (offset * depth + i) * width + column
                        if i + 6 <= depth:
                            if wide:
                                _outer_6x16(
                                    features, inputs, begin, end, depth, i, gradient, outputs, width, column,
                                    result, at, width,
                                )  # fmt: skip
                            else:
                                _outer_6x8(
                                    features, inputs, begin, end, depth, i, gradient, outputs, width, column,
                                    result, at, width,
                                )  # fmt: skip
                            i += 6
                        elif i + 4 <= depth:
                            if wide:
                                _outer_4x16(
                                    features, inputs, begin, end, depth, i, gradient, outputs, width, column,
                                    result, at, width,
                                )  # fmt: skip
                            else:
                                _outer_4x8(
                                    features, inputs, begin, end, depth, i, gradient, outputs, width, column,
                                    result, at, width,
                                )  # fmt: skip
                            i += 4
                        else:
                            if wide:
                                _outer_1x16(
                                    features, inputs, begin, end, depth, i, gradient, outputs, width, column,
                                    result, at, width,
                                )  # fmt: skip
                            else:
                                _outer_1x8(
                                    features, inputs, begin, end, depth, i, gradient, outputs, width, column,
                                    result, at, width,
                                )  # fmt: skip
                            i += 1
                    column += 16 if wide else 8
                begin = end
