"""Products of the CPU engine: compiled loops for float32, plain torch for any other dtype and without numba."""

from __future__ import annotations

import torch
from torch import Tensor

from pointnc.compiled import compiled_module
from pointnc.models import gathered_products
from pointnc.models.neighbours import PairTable


def has_compiled_products() -> bool:
    """Whether numba can be used; without it products are done by torch."""
    return compiled_module("pointnc.models.register_products") is not None


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
        matrices: (K, in, out), one for each offset of the table; (K, out, in) with ``transposed``. With any
            strides: copies of all weights, alive until the backward pass, would be a seventh of training's memory.
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
    if features.dtype == matrices.dtype == torch.float32 and has_compiled_products():
        from pointnc.models import register_products

        residual = None if residual is None else residual.float().contiguous()
        return register_products.convolve(features, matrices, table, transposed, scale, shift, residual, relu)
    out = gathered_products.convolve(features, matrices, table, transposed)
    if scale is None or shift is None:
        return out
    out.mul_(scale).add_(shift)
    if residual is not None:
        out.add_(residual)
    return out.relu_() if relu else out


def weight_gradient(features: Tensor, gradient: Tensor, table: PairTable) -> Tensor:
    """Return the gradient (K, in, out) of the matrices, given those of the outputs.

    Args:
        features: (V, in) input of the convolution, contiguous.
        gradient: (V', out), contiguous.
        table: its pairs.
    """
    if features.dtype == gradient.dtype == torch.float32 and has_compiled_products():
        from pointnc.models import register_products

        return register_products.weight_gradient(features, gradient, table)
    return gathered_products.weight_gradient(features, gradient, table)
