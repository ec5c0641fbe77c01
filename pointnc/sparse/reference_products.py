"""Sparse convolution by plain torch: gathered rows, a matrix product, index_add, offset after offset.

It runs wherever torch does and in any floating point: on devices that spconv does not know, in float64, and as the
slow reference that the compiled products are tested against. Within an offset no output row occurs twice, so that the
order of the sums is fixed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pointnc.sparse.neighbors import PairTable


def convolve(features: Tensor, matrices: Tensor, table: PairTable, transposed: bool = False) -> Tensor:
    """Sum the products of all pairs.

    Args:
        features: (V, in), without gradient.
        matrices: (K, in, out), one for each offset of the table; (K, out, in) with ``transposed``.
        table: which input row adds to which output row.
        transposed: whether to multiply by the transposed matrices, as a gradient is.

    Returns:
        (V', out) of the dtype of ``features``; half precision is summed in float32.
    """
    matrices = matrices.detach().transpose(1, 2) if transposed else matrices.detach()
    # Autocast would multiply float32 in half precision: the caller has chosen the dtype.
    with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
        out = features.new_zeros((table.num_outputs, matrices.shape[2]), dtype=_sums(features.dtype))
        for matrix, (inputs, outputs) in zip(matrices, table.rows_on(features.device)):
            if len(inputs):
                out.index_add_(0, outputs, (features.index_select(0, inputs) @ matrix).to(out.dtype))
        return out.to(features.dtype)


def weight_gradient(features: Tensor, gradient: Tensor, table: PairTable) -> Tensor:
    """Return the gradient (K, in, out) of the matrices, in float32 or float64.

    Args:
        features: (V, in) input of the convolution.
        gradient: (V', out), of the outputs.
        table: its pairs.
    """
    dtype = _sums(features.dtype)
    with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
        result = features.new_zeros((table.offsets, features.shape[1], gradient.shape[1]), dtype=dtype)
        for product, (inputs, outputs) in zip(result, table.rows_on(features.device)):
            if len(inputs):
                product.copy_(features.index_select(0, inputs).T @ gradient.index_select(0, outputs))
        return result


def _sums(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
