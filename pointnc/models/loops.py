"""The inner loops of sparse layers on a CPU, compiled by numba. All release the interpreter's lock.

Importing this module costs numba's import; a loop is compiled when it is first called and kept on the disk. Each loop
has a twin in :mod:`pointnc.models.plain_loops`. Arrays are (rows, channels) of float32 or float64; ``first`` and
``last`` bound the rows that a call works on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[Any]
Ints = NDArray[np.int32]


@njit(cache=True, nogil=True)
def normalize(
    x: Floats, scale: Floats, shift: Floats, residual: Floats, relu: bool, y: Floats, first: int, last: int
) -> None:
    """Write x · scale + shift, plus the residual where it has rows, rectified if ``relu``, to y (which may be x)."""
    for r in range(first, last):
        for c in range(x.shape[1]):
            y[r, c] = x[r, c] * scale[c] + shift[c]
        if len(residual):
            for c in range(x.shape[1]):
                y[r, c] += residual[r, c]
        if relu:
            for c in range(x.shape[1]):
                y[r, c] = max(y[r, c], 0)


@njit(cache=True, nogil=True)
def moments(x: Floats, mean: Floats, squares: Floats, first: int, last: int) -> None:
    """Write each channel's mean and summed squared deviation from it over the rows."""
    for c in range(x.shape[1]):
        mean[c] = 0
        squares[c] = 0
    for r in range(first, last):
        for c in range(x.shape[1]):
            mean[c] += x[r, c]
    for c in range(x.shape[1]):
        mean[c] /= last - first
    for r in range(first, last):
        for c in range(x.shape[1]):
            deviation = x[r, c] - mean[c]
            squares[c] += deviation * deviation


@njit(cache=True, nogil=True)
def masked_gradient(
    g: Floats, x: Floats, scale: Floats, shift: Floats, output: Floats, masked: Floats, first: int, last: int
) -> None:
    """Write the gradient before a ReLU to ``masked``, which may be g.

    It passes where the output is above 0; without rows in ``output``, where x · scale + shift is.
    """
    for r in range(first, last):
        if len(output):
            for c in range(g.shape[1]):
                masked[r, c] = g[r, c] if output[r, c] > 0 else 0
        else:
            for c in range(g.shape[1]):
                masked[r, c] = g[r, c] if x[r, c] * scale[c] + shift[c] > 0 else 0


@njit(cache=True, nogil=True)
def gradient_sums(g: Floats, x: Floats, mean: Floats, sums: Floats, products: Floats, first: int, last: int) -> None:
    """Write each channel's sum of g and of g · (x − mean) over the rows."""
    for c in range(g.shape[1]):
        sums[c] = 0
        products[c] = 0
    for r in range(first, last):
        for c in range(g.shape[1]):
            sums[c] += g[r, c]
            products[c] += g[r, c] * (x[r, c] - mean[c])


@njit(cache=True, nogil=True)
def input_gradient(
    g: Floats, x: Floats, scale: Floats, slope: Floats, offset: Floats, out: Floats, first: int, last: int
) -> None:
    """Write g · scale + x · slope + offset to ``out``, which may be g."""
    for r in range(first, last):
        for c in range(g.shape[1]):
            out[r, c] = g[r, c] * scale[c] + (x[r, c] * slope[c] + offset[c])
