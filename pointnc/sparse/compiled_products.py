"""Sparse convolution on a CPU in float32, compiled: no gathered copies, the sums of a block stay in registers.

The output is cut into tiles of rows whose sums fit the second-level cache. One thread takes a tile through all offsets;
where there are fewer tiles than threads want, the columns are shared out instead.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pointnc.runtime.threads import pieces, run_all
from pointnc.sparse import gradient_loops, product_loops
from pointnc.sparse.neighbors import PairTable
from pointnc.sparse.products import TILE

NO_ROWS = np.empty((0, 0), np.float32)
NO_ENTRIES = np.empty(0, np.float32)


def convolve(
    features: Tensor,
    matrices: Tensor,
    table: PairTable,
    transposed: bool,
    scale: Tensor | None,
    shift: Tensor | None,
    residual: Tensor | None,
    relu: bool,
    means: NDArray[np.float32] = NO_ROWS,
    squares: NDArray[np.float32] = NO_ROWS,
) -> Tensor:
    """See :func:`pointnc.sparse.products.convolve`; everything is float32, and all but the matrices contiguous.

    Where ``means`` and ``squares`` (T, out) have rows, they get the moments of each tile.
    """
    width = matrices.shape[1 if transposed else 2]
    padded = _padded(width)
    fill = (0, padded - width)
    out = torch.empty(table.num_outputs, padded)
    splits = table.splits(TILE)
    pairs = product_loops.Pairs(table.inputs, table.outputs, splits, TILE)
    finish = product_loops.Finish(
        NO_ENTRIES if scale is None else F.pad(scale, fill).numpy(),
        NO_ENTRIES if shift is None else F.pad(shift, fill).numpy(),
        NO_ROWS if residual is None else (F.pad(residual, fill) if padded > width else residual).numpy(),
        relu,
        means,
        squares,
    )
    arguments = (features.numpy(), _pack(matrices, transposed), pairs, out.numpy(), finish)
    tiles, threads = len(splits) - 1, torch.get_num_threads()
    shares = 1 if threads == 1 else 4 * threads
    if tiles >= shares:
        blocks = [product_loops.Block(first, last, 0, padded) for first, last in pieces(tiles, shares)]
    else:
        panels = pieces(-(-padded // 16), shares)
        blocks = [product_loops.Block(0, tiles, 16 * first, min(16 * last, padded)) for first, last in panels]
    run_all(product_loops.multiply, [(*arguments, block) for block in blocks])
    return out if padded == width else out[:, :width].contiguous()


def weight_gradient(features: Tensor, gradient: Tensor, table: PairTable) -> Tensor:
    """See :func:`pointnc.sparse.products.weight_gradient`; everything is float32 and contiguous.

    The (K, in, out) that is returned has the order of weights in memory, (out, K, in): autograd adds it without a copy.
    """
    depth, width = features.shape[1], gradient.shape[1]
    padded = _padded(depth)
    if padded > depth:
        features = F.pad(features, (0, padded - depth))
    result = torch.zeros(width, table.offsets, padded)
    arrays = (features.numpy(), gradient.numpy(), table.inputs, table.outputs, table.splits(TILE), result.numpy())
    threads = torch.get_num_threads()
    shares = 1 if threads == 1 else 2 * threads
    run_all(gradient_loops.add_outer_products, [(*arrays, share, shares) for share in range(shares)])
    return (result if padded == depth else result[:, :, :depth].contiguous()).permute(1, 2, 0)


def _padded(width: int) -> int:
    return -(-width // 8) * 8


def _pack(matrices: Tensor, transposed: bool) -> NDArray[np.float32]:
    weight = matrices.permute(2, 0, 1).contiguous().numpy()  # no copy where the matrices are a view of a weight
    width, offsets, depth = weight.shape
    if transposed:
        depth, width = width, depth
    packed = np.empty(offsets * depth * _padded(width), np.float32)
    ranges = pieces(offsets, torch.get_num_threads(), width=depth * width)
    run_all(product_loops.pack, [(weight, packed, transposed, *piece) for piece in ranges])
    return packed
