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

from pointnc.models import product_loops
from pointnc.models.neighbours import PairTable
from pointnc.models.workers import pieces, run_all

TILE = 512
"""Output rows of a tile."""

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
) -> Tensor:
    """See :func:`pointnc.models.products.convolve`; everything is float32, and all but the matrices contiguous."""
    width = matrices.shape[1 if transposed else 2]
    padded = _padded(width)
    fill = (0, padded - width)
    out = torch.empty(table.num_outputs, padded)
    arguments = (
        features.numpy(),
        _pack(matrices, transposed),
        table.inputs,
        table.outputs,
        table.splits(TILE),
        TILE,
        out.numpy(),
        NO_ENTRIES if scale is None else F.pad(scale, fill).numpy(),
        NO_ENTRIES if shift is None else F.pad(shift, fill).numpy(),
        NO_ROWS if residual is None else (F.pad(residual, fill) if padded > width else residual).numpy(),
        relu,
    )
    tiles, shares = len(table.splits(TILE)) - 1, 4 * torch.get_num_threads()
    if tiles >= shares:
        blocks = [(first, last, 0, padded) for first, last in pieces(tiles, shares)]
    else:
        panels = pieces(-(-padded // 16), shares)
        blocks = [(0, tiles, 16 * first, min(16 * last, padded)) for first, last in panels]
    run_all(product_loops.multiply, [(*arguments, *block) for block in blocks])
    return out if padded == width else out[:, :width].contiguous()


def weight_gradient(features: Tensor, gradient: Tensor, table: PairTable) -> Tensor:
    """See :func:`pointnc.models.products.weight_gradient`; everything is float32 and contiguous."""
    width = gradient.shape[1]
    padded = _padded(width)
    if padded > width:
        gradient = F.pad(gradient, (0, padded - width))
    result = torch.zeros(table.offsets, features.shape[1], padded)
    arrays = (features.numpy(), gradient.numpy(), table.inputs, table.outputs, table.splits(TILE), result.numpy())
    shares = _share_out(np.diff(table.starts), padded)
    run_all(product_loops.add_outer_products, [(*arrays, share) for share in shares])
    return result if padded == width else result[:, :, :width].contiguous()


def _padded(width: int) -> int:
    return -(-width // 8) * 8


def _pack(matrices: Tensor, transposed: bool) -> NDArray[np.float32]:
    offsets, depth, width = matrices.shape
    if transposed:
        depth, width = width, depth
    packed = np.empty(offsets * depth * _padded(width), np.float32)
    ranges = pieces(offsets, torch.get_num_threads(), width=depth * width)
    run_all(product_loops.pack, [(matrices.numpy(), packed, transposed, *piece) for piece in ranges])
    return packed


def _share_out(sizes: NDArray[np.int64], width: int) -> list[NDArray[np.int64]]:
    """Return (M, 3) arrays of offset, first and last column: shares of nearly equal work.

    Every share walks over all tiles once; twice as many as threads even out what the guess of the work misses.
    """
    threads = torch.get_num_threads()
    shares: list[list[tuple[int, int, int]]] = [[] for _ in range(1 if threads == 1 else 2 * threads)]
    loads = [0] * len(shares)
    block = 32 if width > 32 else 16
    items = [
        (int(sizes[offset]) * (min(first + block, width) - first), offset, first)
        for offset in np.flatnonzero(sizes).tolist()
        for first in range(0, width, block)
    ]
    for work, offset, first in sorted(items, key=lambda item: (-item[0], item[1:])):
        least = loads.index(min(loads))
        shares[least].append((offset, first, min(first + block, width)))
        loads[least] += work
    return [np.array(sorted(share)) for share in shares if share]
