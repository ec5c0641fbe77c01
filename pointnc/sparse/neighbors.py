"""Which voxel touches which: the neighbor tables of sparse convolutions, built on a CPU.

A sparse convolution adds up, over the offsets of its kernel, products of gathered input rows that are
scattered to output rows. The table lists those row pairs offset by offset (the "rule book" of Graham et al.,
3D Semantic Segmentation with Submanifold Sparse Convolutional Networks, CVPR 2018). Voxels come in lexicographic
order (:func:`lexicographic_order`): a step of the kernel keeps that order, so that both rows of the pairs of an offset
ascend.

spconv can build such tables on a CPU itself, but numbers the voxels in 32 bits: where samples × x × y × z of
the extent passes 2^31 (a large building at 2 cm), distant voxels silently become neighbors. Here they are
numbered in 64 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.runtime.compiled import loops
from pointnc.runtime.threads import pieces, run_all

Shape = tuple[int, int, int]
RowPairs = tuple[Tensor, Tensor]
Rows = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class PairTable:
    """Row pairs of one sparse convolution, offset by offset.

    Attributes:
        inputs: (W,) int32 input rows; those of offset ``o`` are ``inputs[starts[o]:starts[o + 1]]`` and ascend.
        outputs: (W,) int32 the output rows beside them, which ascend within an offset too.
        starts: (K + 1,) int64. Offsets are numbered with the last axis fastest.
        num_inputs: number of input rows.
        num_outputs: number of output rows.
    """

    inputs: Rows
    outputs: Rows
    starts: NDArray[np.int64]
    num_inputs: int
    num_outputs: int
    _splits: dict[int, NDArray[np.int64]] = field(default_factory=dict, repr=False)
    _rows: dict[torch.device, list[RowPairs]] = field(default_factory=dict, repr=False)

    @property
    def offsets(self) -> int:
        """K."""
        return len(self.starts) - 1

    @cached_property
    def reversed(self) -> PairTable:
        """The same pairs from output to input: those of the transposed convolution, and of gradients."""
        return PairTable(self.outputs, self.inputs, self.starts, self.num_outputs, self.num_inputs)

    def splits(self, tile: int) -> NDArray[np.int64]:
        """Return (T + 1, K): where the pairs of each tile of so many output rows begin, offset by offset."""
        if tile not in self._splits:
            splits = np.empty((-(-self.num_outputs // tile) + 1, self.offsets), np.int64)
            _loops().split_tiles(self.outputs, self.starts, tile, splits)
            self._splits[tile] = splits
        return self._splits[tile]

    def rows_on(self, device: torch.device) -> list[RowPairs]:
        """Return the int32 (input rows, output rows) of every offset on a device; they are copied there once."""
        if device not in self._rows:
            sizes = np.diff(self.starts).tolist()
            inputs, outputs = (torch.from_numpy(rows).to(device) for rows in (self.inputs, self.outputs))
            self._rows[device] = list(zip(inputs.split(sizes), outputs.split(sizes)))
        return self._rows[device]


def lexicographic_order(coord: Tensor, shape: Shape) -> Tensor | None:
    """Return the rows of ``coord`` (V, 4) in lexicographic order, or None if they are in that order already."""
    keys = linear_keys(coord, shape)
    return None if bool((keys[1:] > keys[:-1]).all()) else keys.argsort()


def linear_keys(coord: Tensor, shape: Shape, margin: int = 0) -> Tensor:
    """Number the cells of the grids of a batch, sample first, last axis fastest.

    Args:
        coord: (V, 4) integers: sample, x, y, z, with 0 ≤ x, y, z < ``shape``.
        shape: extent of the grid along x, y and z, in voxels.
        margin: empty cells on either side, so that no step of up to ``margin`` wraps around.

    Returns:
        (V,) int64, distinct for distinct voxels.

    Raises:
        ValueError: if the grids have more cells than 63 bits can number.
    """
    size_x, size_y, size_z = (extent + 2 * margin for extent in shape)
    sample, x, y, z = coord.long().unbind(1)
    samples = int(sample.max()) + 1 if len(sample) else 0
    if samples * size_x * size_y * size_z >= 2**63:
        raise ValueError(f"{samples} grids of {shape} voxels are too large to number: use larger voxels or tiles")
    return ((sample * size_x + (x + margin)) * size_y + (y + margin)) * size_z + (z + margin)


def submanifold_table(coord: Tensor, shape: Shape, kernel: int) -> PairTable:
    """Pairs of a submanifold convolution, whose outputs are the very voxels of its input.

    Args:
        coord: (V, 4) integers, distinct rows in lexicographic order; V > 0.
        shape: extent of the grid, in voxels.
        kernel: odd edge k of the kernel.

    Returns:
        Output row ``j`` and input row ``i`` are paired at the offset ``coord[i] - coord[j]``.
    """
    reach, half = kernel // 2, kernel**3 // 2
    keys = linear_keys(coord, shape, margin=reach).numpy()
    stride_y = shape[2] + 2 * reach
    stride_x = stride_y * (shape[1] + 2 * reach)

    # Half of the offsets suffices: the others are the same pairs the other way round. In one column of the
    # kernel the neighbors follow one another in sorted order, so that one walk serves k offsets.
    columns = np.arange(half // kernel + 1)
    steps = (columns // kernel - reach) * stride_x + (columns % kernel - reach) * stride_y - reach
    sizes = np.zeros(half, np.int64)
    found = np.empty((2, half, len(keys)), np.int32)
    arguments = (keys, steps, sizes, kernel, found[0], found[1])
    blocks = pieces(len(columns), torch.get_num_threads(), width=kernel * len(keys))
    run_all(_loops().match_columns, [(*arguments, *block) for block in blocks])

    starts = np.zeros(2 * half + 2, np.int64)
    np.cumsum(np.concatenate([sizes, [len(keys)], sizes[::-1]]), out=starts[1:])
    inputs, outputs = np.empty((2, starts[-1]), np.int32)
    _loops().join_mirrored(found[0], found[1], starts, inputs, outputs)
    return PairTable(inputs, outputs, starts, len(keys), len(keys))


def strided_table(coord: Tensor, shape: Shape) -> tuple[Tensor, PairTable]:
    """Pairs of a convolution with a 2³ kernel and stride 2, where each voxel has one parent.

    Args:
        coord: (V, 4) integers, distinct rows in lexicographic order; V > 0.
        shape: extent of the grid, in voxels.

    Returns:
        (P, 4) coordinates of the parents, in lexicographic order and the dtype of ``coord``, and the pairs.
    """
    keys = linear_keys(torch.cat([coord[:, :1], coord[:, 1:] // 2], dim=1), shape).numpy()
    voxels = coord.int().numpy()
    parents = np.empty_like(voxels)
    starts = np.empty(9, np.int64)
    inputs, outputs = np.empty((2, len(keys)), np.int32)
    count = _loops().match_parents(voxels, keys, keys.argsort(kind="stable"), parents, starts, inputs, outputs)
    found = torch.from_numpy(parents[:count]).to(coord.dtype)
    return found, PairTable(inputs, outputs, starts, len(keys), count)


def _loops() -> ModuleType:
    return loops("pointnc.sparse.neighbor_loops")
