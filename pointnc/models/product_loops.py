"""Sparse products in compiled loops: for each tile of output rows, all offsets, a register block at a time.

Arrays are float32 and contiguous. The packed matrices lie in panels of 16 columns (the last one 8 where that suffices),
so that the innermost loop reads them in sequence. All functions release the interpreter's lock, and the order of every
sum depends on neither the machine's registers, nor how rows and columns are shared out, nor the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pointnc.models.loops import moments
from pointnc.models.register_tiles import TALL, make_multiply_rows, make_outer_rows

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

_CHUNK = 128
"""Pairs whose rows stay in the first-level cache while all blocks of a weight gradient read them."""

_BLOCK = 24
"""Rows of a block of a weight gradient."""

_multiply_tall, _multiply_6x16, _multiply_3x16, _multiply_1x16 = (make_multiply_rows(n, 16) for n in (TALL, 6, 3, 1))
_multiply_12x8, _multiply_6x8, _multiply_3x8, _multiply_1x8 = (make_multiply_rows(n, 8) for n in (12, 6, 3, 1))
_outer_tall, _outer_6x16, _outer_4x16, _outer_1x16 = (make_outer_rows(n, 16) for n in (TALL, 6, 4, 1))
_outer_12x8, _outer_6x8, _outer_4x8, _outer_1x8 = (make_outer_rows(n, 8) for n in (12, 6, 4, 1))


@njit(cache=True, nogil=True)
def pack(weight: Floats, packed: Floats, transposed: bool, first: int, last: int) -> None:
    """Lay out offsets first..last of a weight (out, K, in) in panels; columns are filled up with zeros.

    The panels are those of the (in, out) matrices, or of the (out, in) ones with ``transposed``.
    """
    width, depth = weight.shape[0], weight.shape[2]
    if transposed:
        depth, width = width, depth
    padded = (width + 7) // 8 * 8
    for offset in range(first, last):
        base = offset * depth * padded
        column = 0
        while column < padded:
            wide = min(16, padded - column)
            filled = min(wide, width - column)
            if filled < wide:
                packed[base : base + depth * wide] = 0
            if transposed and filled == 16:
                for k in range(depth):
                    for j in range(16):
                        packed[base + k * 16 + j] = weight[k, offset, column + j]
            elif transposed:
                for k in range(depth):
                    for j in range(filled):
                        packed[base + k * wide + j] = weight[k, offset, column + j]
            else:
                for j in range(filled):
                    for k in range(depth):
                        packed[base + k * wide + j] = weight[column + j, offset, k]
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
    means: Floats,
    squares: Floats,
    first_tile: int,
    last_tile: int,
    first_column: int,
    last_column: int,
) -> None:
    """Fill tiles of rows and columns of ``out`` (multiples of 8) with the sums of all products, and finish them.

    ``scale`` and ``shift`` are applied where they have entries, ``residual`` where it has rows. Where ``means`` and
    ``squares`` have rows, those of the tiles get the moments of the sums.
    """
    depth, width = features.shape[1], out.shape[1]
    zero = np.float32(0)
    columns = slice(first_column, last_column)
    for t in range(first_tile, last_tile):
        first, last = t * tile, min(len(out), (t + 1) * tile)
        for r in range(first, last):
            out[r, columns] = 0
        for offset in range(splits.shape[1]):
            begin, end = splits[t, offset], splits[t + 1, offset]
            column = first_column
            while column < last_column and begin < end:
                panel = (offset * width + column) * depth
                if column + 16 <= last_column:
                    _add_products_16(features, packed, panel, inputs, outputs, begin, end, out, column)
                    column += 16
                else:
                    _add_products_8(features, packed, panel, inputs, outputs, begin, end, out, column)
                    column += 8
        if len(means):
            moments(out, means[t, columns], squares[t, columns], first, last, first_column)
        for r in range(first, last):
            row = out[r, columns]
            if len(scale):
                factor, constant = scale[columns], shift[columns]
                for c in range(len(row)):
                    row[c] = row[c] * factor[c] + constant[c]
            if len(residual):
                added = residual[r, columns]
                for c in range(len(row)):
                    row[c] += added[c]
            if relu:
                for c in range(len(row)):
                    row[c] = zero if row[c] < zero else row[c]


@njit(cache=True, nogil=True)
def _add_products_16(
    features: Floats,
    packed: Floats,
    panel: int,
    inputs: Ints,
    outputs: Ints,
    i: int,
    end: int,
    out: Floats,
    column: int,
) -> None:
    """Add the products of pairs i..end with a panel of 16 columns."""
    depth, width = features.shape[1], out.shape[1]
    while i + TALL <= end:
        _multiply_tall(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
        i += TALL
    if i + 6 <= end:
        _multiply_6x16(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
        i += 6
    if i + 3 <= end:
        _multiply_3x16(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
        i += 3
    while i < end:
        _multiply_1x16(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
        i += 1


@njit(cache=True, nogil=True)
def _add_products_8(
    features: Floats,
    packed: Floats,
    panel: int,
    inputs: Ints,
    outputs: Ints,
    i: int,
    end: int,
    out: Floats,
    column: int,
) -> None:
    """Add the products of pairs i..end with a panel of 8 columns."""
    depth, width = features.shape[1], out.shape[1]
    while i + 12 <= end:
        _multiply_12x8(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
        i += 12
    if i + 6 <= end:
        _multiply_6x8(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
        i += 6
    if i + 3 <= end:
        _multiply_3x8(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
        i += 3
    while i < end:
        _multiply_1x8(features, inputs, i, depth, packed, panel, depth, out, outputs, width, column)
        i += 1


@njit(cache=True, nogil=True)
def add_outer_products(
    features: Floats,
    gradient: Floats,
    inputs: Ints,
    outputs: Ints,
    splits: Longs,
    result: Floats,
    share: int,
    shares: int,
) -> None:
    """Add to ``result`` (out, K, in) the products gradient[outputs]ᵀ @ features[inputs]; in is a multiple of 8.

    Of the blocks of ``_BLOCK`` rows of each offset this call takes those whose number is ``share`` modulo ``shares``.
    """
    depth, width = gradient.shape[1], features.shape[1]
    blocks = (depth + _BLOCK - 1) // _BLOCK
    for t in range(len(splits) - 1):
        for block in range(share, splits.shape[1] * blocks, shares):
            offset, first = block // blocks, block % blocks * _BLOCK
            last = min(first + _BLOCK, depth)
            begin, stop = splits[t, offset], splits[t + 1, offset]
            while begin < stop:
                end = min(stop, begin + _CHUNK)
                column = 0
                while column < width:
                    if column + 16 <= width:
                        _add_outer_16(
                            features, gradient, inputs, outputs, begin, end, result, offset, first, last, column
                        )
                        column += 16
                    else:
                        _add_outer_8(
                            features, gradient, inputs, outputs, begin, end, result, offset, first, last, column
                        )
                        column += 8
                begin = end


@njit(cache=True, nogil=True)
def _add_outer_16(
    features: Floats, gradient: Floats, inputs: Ints, outputs: Ints, begin: int, end: int,
    result: Floats, offset: int, i: int, last: int, column: int,
) -> None:  # fmt: skip
    """Add the outer products of pairs begin..end to rows i..last and 16 columns."""
    depth, width = gradient.shape[1], features.shape[1]
    stride = result.shape[1] * width
    while i < last:
        at, left = i * stride + offset * width + column, last - i
        if left >= TALL:
            _outer_tall(gradient, outputs, begin, end, depth, i, features, inputs, width, column, result, at, stride)
            i += TALL
        elif left >= 6 and left != 8:
            _outer_6x16(gradient, outputs, begin, end, depth, i, features, inputs, width, column, result, at, stride)
            i += 6
        elif left >= 4:
            _outer_4x16(gradient, outputs, begin, end, depth, i, features, inputs, width, column, result, at, stride)
            i += 4
        else:
            _outer_1x16(gradient, outputs, begin, end, depth, i, features, inputs, width, column, result, at, stride)
            i += 1


@njit(cache=True, nogil=True)
def _add_outer_8(
    features: Floats, gradient: Floats, inputs: Ints, outputs: Ints, begin: int, end: int,
    result: Floats, offset: int, i: int, last: int, column: int,
) -> None:  # fmt: skip
    """Add the outer products of pairs begin..end to rows i..last and 8 columns."""
    depth, width = gradient.shape[1], features.shape[1]
    stride = result.shape[1] * width
    while i < last:
        at, left = i * stride + offset * width + column, last - i
        if left >= 12:
            _outer_12x8(gradient, outputs, begin, end, depth, i, features, inputs, width, column, result, at, stride)
            i += 12
        elif left >= 6 and left != 8:
            _outer_6x8(gradient, outputs, begin, end, depth, i, features, inputs, width, column, result, at, stride)
            i += 6
        elif left >= 4:
            _outer_4x8(gradient, outputs, begin, end, depth, i, features, inputs, width, column, result, at, stride)
            i += 4
        else:
            _outer_1x8(gradient, outputs, begin, end, depth, i, features, inputs, width, column, result, at, stride)
            i += 1
