"""Products of the CPU engine: compiled loops for float32, plain torch for any other dtype."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.runtime.compiled import loops
from pointnc.sparse import reference_products
from pointnc.sparse.neighbors import PairTable

TILE = 512
"""Output rows of a tile: their sums fit the second-level cache."""


def convolve(
    features: Tensor,
    matrices: Tensor,
    table: PairTable,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    residual: Tensor | None = None,
    relu: bool = False,
    transposed: bool = False,
) -> Tensor:
    """Sum the products of all pairs; then · scale + shift, + residual, ReLU, as far as they are given.

    The compiled result is the same to the bit for any number of threads.

    Args:
        features: (V, in), on a CPU, contiguous, without gradient.
        matrices: (K, in, out), one for each offset of the table; (K, out, in) with ``transposed``. A view of a weight
            (out, K, in): copies of all weights, alive until the backward pass, would be a seventh of training's memory.
        table: which input row adds to which output row.
        scale: (out,), needs ``shift``.
        shift: (out,).
        residual: (V', out), needs ``scale``.
        relu: needs ``scale``.
        transposed: whether to multiply by the transposed matrices, as a gradient is.

    Returns:
        (V', out).
    """
    matrices = matrices.detach()
    if features.dtype == matrices.dtype == torch.float32:
        residual = None if residual is None else residual.float().contiguous()
        out: Tensor = _compiled().convolve(features, matrices, table, transposed, scale, shift, residual, relu)
        return out
    out = reference_products.convolve(features, matrices, table, transposed)
    if scale is None or shift is None:
        return out
    out.mul_(scale).add_(shift)
    if residual is not None:
        out.add_(residual)
    return out.relu_() if relu else out


def convolve_with_moments(
    features: Tensor, matrices: Tensor, table: PairTable
) -> tuple[Tensor, NDArray[Any], NDArray[Any]]:
    """Sum the products of all pairs, and take the moments of each tile of ``TILE`` rows while it is in the cache.

    Returns:
        (V', out), and for each tile and channel the mean and the summed squared deviation from it, (T, out).
    """
    shape = (2, -(-table.num_outputs // TILE), matrices.shape[2])
    if features.dtype == matrices.dtype == torch.float32:
        means, squares = np.empty(shape, np.float32)
        none = (None, None, None, False)
        return _compiled().convolve(features, matrices.detach(), table, False, *none, means, squares), means, squares
    out = convolve(features, matrices, table)
    rows = out.numpy()
    means, squares = np.empty(shape, rows.dtype)
    for t, first in enumerate(range(0, len(rows), TILE)):
        last = min(first + TILE, len(rows))
        loops("pointnc.sparse.layer_loops").moments(rows, means[t], squares[t], first, last, 0)
    return out, means, squares


def weight_gradient(features: Tensor, gradient: Tensor, table: PairTable) -> Tensor:
    """Return the gradient (K, in, out) of the matrices, given those of the outputs.

    Args:
        features: (V, in) input of the convolution, contiguous.
        gradient: (V', out), contiguous.
        table: its pairs.
    """
    way = _compiled() if features.dtype == gradient.dtype == torch.float32 else reference_products
    result: Tensor = way.weight_gradient(features, gradient, table)
    return result


def _compiled() -> ModuleType:
    return loops("pointnc.sparse.compiled_products")
