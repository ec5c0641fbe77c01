"""The gradient of a weight in compiled loops: for each tile of output rows, all offsets, a register block at a time.

Arrays are float32 and contiguous. The interpreter's lock is released, and the order of every sum depends on neither the
machine's registers, nor how blocks are shared out, nor the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pointnc.sparse.register_tiles import TALL, make_outer_rows

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

_CHUNK = 128
"""Pairs whose rows stay in the first-level cache while all blocks of a weight gradient read them."""

_BLOCK = 24
"""Rows of a block of a weight gradient."""

TILES = "95e8c49e9b5e0eed"
"""Hash of ``register_tiles.py``, whose code is compiled into these loops."""

_outer_tall, _outer_6x16, _outer_4x16, _outer_1x16 = (make_outer_rows(n, 16) for n in (TALL, 6, 4, 1))
_outer_12x8, _outer_6x8, _outer_4x8, _outer_1x8 = (make_outer_rows(n, 8) for n in (12, 6, 4, 1))


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
