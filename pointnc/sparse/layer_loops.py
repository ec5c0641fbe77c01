"""The inner loops of sparse layers on a CPU, compiled by numba. All release the interpreter's lock.

Importing this module costs numba's import; a loop is compiled when it is first called and kept on the disk. Arrays are
(rows, channels) of float32 or float64; ``first`` and ``last`` bound the rows, or tiles of rows, that a call works on.
What is summed over all rows is summed tile by tile, so that it does not depend on how the tiles are shared out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pointnc.sparse.fused import Affine

Floats = NDArray[Any]
Doubles = NDArray[np.float64]


@njit(cache=True, nogil=True)
def normalize(
    x: Floats, scale: Floats, shift: Floats, residual: Floats, relu: bool, y: Floats, first: int, last: int
) -> None:
    """Write x · scale + shift, plus the residual where it has rows, rectified if ``relu``, to y (which may be x)."""
    zero = x.dtype.type(0)
    for r in range(first, last):
        if len(residual):
            for c in range(x.shape[1]):
                y[r, c] = x[r, c] * scale[c] + shift[c] + residual[r, c]
        else:
            for c in range(x.shape[1]):
                y[r, c] = x[r, c] * scale[c] + shift[c]
        if relu:
            for c in range(x.shape[1]):
                y[r, c] = zero if y[r, c] < zero else y[r, c]


@njit(cache=True, nogil=True)
def moments(x: Floats, mean: Floats, squares: Floats, first: int, last: int, column: int) -> None:
    """Write the mean and summed squared deviation from it, over the rows, of ``len(mean)`` columns."""
    columns = len(mean)
    mean[:] = 0
    squares[:] = 0
    for r in range(first, last):
        row = x[r, column : column + columns]
        for c in range(columns):
            mean[c] += row[c]
    for c in range(columns):
        mean[c] /= last - first
    for r in range(first, last):
        row = x[r, column : column + columns]
        for c in range(columns):
            deviation = row[c] - mean[c]
            squares[c] += deviation * deviation


@njit(cache=True, nogil=True)
def join_moments(
    means: Floats, squares: Floats, rows: int, tile: int, mean: Doubles, variance: Doubles,
    momentum: float, running_mean: Floats, running_variance: Floats,
) -> None:  # fmt: skip
    """Write mean and biased variance of all rows, given the moments of each tile (Chan, Golub, LeVeque 1979).

    The running statistics move by ``momentum`` toward the mean and the unbiased variance.
    """
    mean[:] = 0
    variance[:] = 0
    for t in range(len(means)):
        for c in range(len(mean)):
            mean[c] += means[t, c] * np.float64(min(tile, rows - t * tile))
    mean /= rows
    for t in range(len(means)):
        for c in range(len(mean)):
            deviation = means[t, c] - mean[c]
            variance[c] += squares[t, c] + min(tile, rows - t * tile) * deviation * deviation
    variance /= rows
    for c in range(len(mean)):
        running_mean[c] += momentum * (mean[c] - running_mean[c])
        running_variance[c] += momentum * (variance[c] * rows / (rows - 1) - running_variance[c])


@njit(cache=True, nogil=True)
def affine(
    mean: Doubles, variance: Doubles, eps: float, weight: Floats, bias: Floats,
    inverse: Doubles, center: Floats, scale: Floats, shift: Floats,
) -> None:  # fmt: skip
    """Write the inverse deviation, and the normalization x · scale + shift; ``center`` is the mean in its precision."""
    for c in range(len(mean)):
        inverse[c] = 1 / np.sqrt(variance[c] + eps)
        center[c] = mean[c]
        scale[c] = weight[c] * inverse[c]
        shift[c] = bias[c] - mean[c] * (weight[c] * inverse[c])


@njit(cache=True, nogil=True)
def mask_and_sum(
    g: Floats, x: Floats, norm: Affine, output: Floats, relu: bool, masked: Floats, sums: Floats, products: Floats,
    tile: int, first: int, last: int,
) -> None:  # fmt: skip
    """Write the gradient before a ReLU to ``masked``, which may be g; sum it over each tile, alone and · (x − center).

    It passes where the output is above 0; without rows in ``output``, where x · scale + shift is. Without ``relu`` it
    passes everywhere, and nothing is written to ``masked``.
    """
    channels, zero = g.shape[1], g.dtype.type(0)
    scale, shift, center = norm.scale, norm.shift, norm.center
    for t in range(first, last):
        for c in range(channels):
            sums[t, c] = 0
            products[t, c] = 0
        for r in range(t * tile, min(len(g), (t + 1) * tile)):
            if not relu:
                for c in range(channels):
                    sums[t, c] += g[r, c]
                    products[t, c] += g[r, c] * (x[r, c] - center[c])
                continue
            if len(output):
                for c in range(channels):
                    masked[r, c] = g[r, c] if output[r, c] > zero else zero
            else:
                for c in range(channels):
                    masked[r, c] = g[r, c] if x[r, c] * scale[c] + shift[c] > zero else zero
            for c in range(channels):
                sums[t, c] += masked[r, c]
                products[t, c] += masked[r, c] * (x[r, c] - center[c])


@njit(cache=True, nogil=True)
def norm_gradient(
    sums: Floats, products: Floats, rows: int, norm: Affine, of_weight: Floats, of_bias: Floats, slope: Floats,
    offset: Floats,
) -> None:  # fmt: skip
    """Join the sums of the tiles: write the gradients of weight and bias, and what :func:`input_gradient` needs."""
    mean, inverse, scale = norm.mean, norm.inverse, norm.scale
    for c in range(len(mean)):
        total, product = 0.0, 0.0
        for t in range(len(sums)):
            total += sums[t, c]
            product += products[t, c]
        product *= inverse[c]
        of_weight[c] = product
        of_bias[c] = total
        slope[c] = 0
        offset[c] = 0
        if norm.of_batch:
            steep = -(scale[c] * inverse[c] * product / rows)
            slope[c] = steep
            offset[c] = -(scale[c] * total / rows) - mean[c] * steep


@njit(cache=True, nogil=True)
def input_gradient(
    g: Floats, x: Floats, scale: Floats, slope: Floats, offset: Floats, out: Floats, first: int, last: int
) -> None:
    """Write g · scale + x · slope + offset to ``out``, which may be g."""
    for r in range(first, last):
        for c in range(g.shape[1]):
            out[r, c] = g[r, c] * scale[c] + (x[r, c] * slope[c] + offset[c])
