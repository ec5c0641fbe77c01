"""Sparse products in compiled loops: for each tile of output rows, all offsets, a register block at a time.

Arrays are float32 and contiguous. The packed matrices are in panels of 16 columns (the last one 8 where that suffices),
so that the innermost loop reads them in sequence. All functions release the interpreter's lock, and the order of every
sum depends on neither the machine's registers, nor how rows and columns are shared out, nor the number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pointnc.sparse.layer_loops import moments
from pointnc.sparse.register_tiles import TALL, make_multiply_rows

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

TILES = "95e8c49e9b5e0eed"
"""Hash of ``register_tiles.py``, whose code is compiled into these loops."""

_multiply_tall, _multiply_6x16, _multiply_3x16, _multiply_1x16 = (make_multiply_rows(n, 16) for n in (TALL, 6, 3, 1))
_multiply_12x8, _multiply_6x8, _multiply_3x8, _multiply_1x8 = (make_multiply_rows(n, 8) for n in (12, 6, 3, 1))


class Pairs(NamedTuple):
    """Which rows are multiplied, and where the products go.

    Attributes:
        inputs: the row of the features of each pair.
        outputs: the row of the output of each pair.
        splits: (T + 1, K) where the pairs of a tile and an offset begin.
        tile: rows of the output in a tile.
    """

    inputs: Ints
    outputs: Ints
    splits: Longs
    tile: int


class Finish(NamedTuple):
    """What is done with finished sums; an array without entries stands for nothing.

    Attributes:
        scale: (out,) factors.
        shift: (out,) added after that, as long as ``scale``.
        residual: (rows, out) added after that.
        relu: whether a ReLU comes last.
        means: (T, out) gets the means of the sums of each tile, before all this.
        squares: (T, out) gets their sums of squares about the mean.
    """

    scale: Floats
    shift: Floats
    residual: Floats
    relu: bool
    means: Floats
    squares: Floats


class Block(NamedTuple):
    """A part of the output: tiles, and columns by multiples of 8."""

    first_tile: int
    last_tile: int
    first_column: int
    last_column: int


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
def multiply(features: Floats, packed: Floats, pairs: Pairs, out: Floats, finish: Finish, block: Block) -> None:
    """Fill a block of ``out`` with the sums of all products, and finish them."""
    inputs, outputs, splits, tile = pairs
    scale, shift, residual, relu, means, squares = finish
    first_tile, last_tile, first_column, last_column = block
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
