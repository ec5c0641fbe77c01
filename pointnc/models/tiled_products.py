"""Sparse convolution on a CPU by dense products of torch: gathered rows, products, scattered sums, tile by tile.

For any floating point, and where numba cannot be used; the compiled way is :mod:`pointnc.models.register_products`.

The output is cut into tiles of rows. For one tile a thread takes offset after offset: it gathers the input rows whose
products fall into the tile, multiplies them by the offset's matrix, and adds the result to the tile. Gathered rows,
products and sums stay in the cache, each tile is written by one thread alone, and the order of the sums depends on
neither the number of threads nor their timing: results are equal to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.models.neighbours import PairTable
from pointnc.models.plain_loops import best_loops
from pointnc.models.workers import run_all

Array = NDArray[Any]

TILE = 4096
"""Most output rows of a tile."""

NOTHING = np.empty((0, 0), np.float32)


def convolve(
    features: Tensor,
    matrices: Tensor,
    table: PairTable,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    residual: Tensor | None = None,
    relu: bool = False,
) -> Tensor:
    """See :func:`pointnc.models.products.convolve`."""
    out = features.new_empty((table.num_outputs, matrices.shape[2]))
    tile = tile_rows(table.num_outputs)
    splits = table.splits(tile)
    finish = None
    if scale is not None and shift is not None:
        other = NOTHING if residual is None else residual.numpy()
        finish = (scale.numpy(), shift.numpy(), other.astype(out.numpy().dtype, copy=False), relu)
    arguments = (features.numpy(), matrices.numpy(), table, splits, tile, out.numpy(), finish)
    run_all(_fill_tile, [(*arguments, number) for number in range(len(splits) - 1)])
    return out


def tile_rows(rows: int) -> int:
    """Return the rows of a tile: fewer where there are few, so that every thread has work."""
    return max(256, min(TILE, -(-rows // 8)))


@contextmanager
def _plain_products() -> Iterator[None]:
    """Neither gradients nor autocast, which are settings of each thread."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        yield


@_plain_products()
def _fill_tile(
    features: Array,
    matrices: Array,
    table: PairTable,
    splits: Array,
    tile: int,
    out: Array,
    finish: tuple[Array, Array, Array, bool] | None,
    number: int,
) -> None:
    loops = best_loops()
    first, last = number * tile, min((number + 1) * tile, len(out))
    out[first:last] = 0
    begins, ends = splits[number], splits[number + 1]
    most = int((ends - begins).max(initial=0))
    gathered = np.empty((most, matrices.shape[1]), out.dtype)
    products = np.empty((most, matrices.shape[2]), out.dtype)
    for offset in np.flatnonzero(ends > begins):
        pairs = slice(begins[offset], ends[offset])
        count = ends[offset] - begins[offset]
        loops.gather(features, table.inputs[pairs], gathered)
        _multiply(gathered[:count], matrices[offset], products[:count])
        loops.scatter_add(products, table.outputs[pairs], out)
    if finish is not None:
        scale, shift, residual, relu = finish
        loops.normalize(out, scale, shift, residual, relu, out, first, last)


def weight_gradient(features: Tensor, gradient: Tensor, table: PairTable) -> Tensor:
    """See :func:`pointnc.models.products.weight_gradient`."""
    result = features.new_zeros((table.offsets, features.shape[1], gradient.shape[1]))
    sizes = np.diff(table.starts)
    arguments = (features.numpy(), gradient.numpy(), table, result.numpy())
    # The largest first, so that no thread is left with one at the end.
    run_all(_fill_matrix, [(*arguments, int(offset)) for offset in np.argsort(-sizes, kind="stable") if sizes[offset]])
    return result


@_plain_products()
def _fill_matrix(features: Array, gradient: Array, table: PairTable, result: Array, offset: int) -> None:
    loops = best_loops()
    begin, end = int(table.starts[offset]), int(table.starts[offset + 1])
    most = min(TILE, end - begin)
    inputs = np.empty((most, features.shape[1]), result.dtype)
    outputs = np.empty((most, gradient.shape[1]), result.dtype)
    for first in range(begin, end, TILE):
        pairs = slice(first, min(first + TILE, end))
        count = pairs.stop - first
        loops.gather(features, table.inputs[pairs], inputs)
        loops.gather(gradient, table.outputs[pairs], outputs)
        _add_product(inputs[:count].T, outputs[:count], result[offset])


def _multiply(a: Array, b: Array, out: Array) -> None:
    # torch's product instead of numpy's: its threads are a setting of the calling thread.
    torch.mm(torch.from_numpy(a), torch.from_numpy(b), out=torch.from_numpy(out))


def _add_product(a: Array, b: Array, out: Array) -> None:
    target = torch.from_numpy(out)
    torch.addmm(target, torch.from_numpy(a), torch.from_numpy(b), out=target)
