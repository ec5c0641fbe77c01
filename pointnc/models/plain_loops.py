"""The inner loops of sparse layers in plain numpy: what :mod:`pointnc.models.loops` computes, and its stand-in.

:func:`best_loops` returns the compiled ones where numba can be used.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.compiled import compiled_module

Floats = NDArray[Any]
Ints = NDArray[np.int32]


def best_loops() -> ModuleType:
    """Return the module of compiled loops, or this one where numba cannot be used."""
    return compiled_module("pointnc.models.loops") or sys.modules[__name__]


def normalize(
    x: Floats, scale: Floats, shift: Floats, residual: Floats, relu: bool, y: Floats, first: int, last: int
) -> None:
    """Write x · scale + shift, plus the residual where it has rows, rectified if ``relu``, to y (which may be x)."""
    part = slice(first, last)
    np.multiply(x[part], scale, out=y[part])
    y[part] += shift
    if len(residual):
        y[part] += residual[part]
    if relu:
        np.maximum(y[part], 0, out=y[part])


def moments(x: Floats, mean: Floats, squares: Floats, first: int, last: int) -> None:
    """Write each channel's mean and summed squared deviation from it over the rows."""
    mean[:] = x[first:last].mean(axis=0)
    squares[:] = np.square(x[first:last] - mean).sum(axis=0)


def masked_gradient(
    g: Floats, x: Floats, scale: Floats, shift: Floats, output: Floats, masked: Floats, first: int, last: int
) -> None:
    """Write the gradient before a ReLU to ``masked``, which may be g."""
    part = slice(first, last)
    passes = output[part] > 0 if len(output) else x[part] * scale + shift > 0
    np.multiply(g[part], passes, out=masked[part])


def gradient_sums(g: Floats, x: Floats, mean: Floats, sums: Floats, products: Floats, first: int, last: int) -> None:
    """Write each channel's sum of g and of g · (x − mean) over the rows."""
    sums[:] = g[first:last].sum(axis=0)
    products[:] = (g[first:last] * (x[first:last] - mean)).sum(axis=0)


def input_gradient(
    g: Floats, x: Floats, scale: Floats, slope: Floats, offset: Floats, out: Floats, first: int, last: int
) -> None:
    """Write g · scale + x · slope + offset to ``out``, which may be g."""
    part = slice(first, last)
    np.multiply(g[part], scale, out=out[part])
    out[part] += x[part] * slope + offset
