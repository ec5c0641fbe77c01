"""Which voxel touches which: the neighbour tables of sparse convolutions on a CPU.

A sparse convolution adds up, over the offsets of its kernel, products of gathered input rows that are
scattered to output rows. The table lists those row pairs offset by offset (the "rule book" of Graham et al.,
3D Semantic Segmentation with Submanifold Sparse Convolutional Networks, CVPR 2018), in the form that the
native algorithm of spconv reads.

spconv can build such tables on a CPU itself, but numbers the voxels in 32 bits: where samples × x × y × z of
the extent passes 2^31 (a large building at 2 cm), distant voxels silently become neighbours. Here they are
numbered in 64 bits, and sorted instead of hashed, which takes about half the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Shape = tuple[int, int, int]
RowPairs = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class NeighbourTable:
    """Row pairs of one sparse convolution, offset by offset.

    Attributes:
        pairs: (2, k³, W) int32; offset ``o`` adds the input rows ``pairs[0, o, :n]`` to the output rows
            ``pairs[1, o, :n]`` with ``n = counts[o]``. Offsets are numbered with the last axis fastest.
        counts: (k³,) int32.
    """

    pairs: Tensor
    counts: Tensor

    @classmethod
    def of(cls, offsets: Sequence[RowPairs]) -> "NeighbourTable":
        """Pack the (input rows, output rows) of every offset into one table."""
        counts = torch.tensor([len(inputs) for inputs, _ in offsets], dtype=torch.int32)
        pairs = torch.empty((2, len(offsets), int(counts.max())), dtype=torch.int32)
        for index, (inputs, outputs) in enumerate(offsets):
            pairs[0, index, : len(inputs)] = inputs
            pairs[1, index, : len(outputs)] = outputs
        return cls(pairs, counts)


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


def submanifold_table(coord: Tensor, shape: Shape, kernel: int) -> NeighbourTable:
    """Pairs of a submanifold convolution, whose outputs are the very voxels of its input.

    Args:
        coord: (V, 4) integers, distinct rows; V > 0.
        shape: extent of the grid, in voxels.
        kernel: odd edge k of the kernel.

    Returns:
        Output row ``j`` and input row ``i`` are paired at the offset ``coord[i] - coord[j]``. The centre, which
        pairs each row with itself, is left empty: spconv multiplies it without gathering.
    """
    reach = kernel // 2
    centre = kernel**3 // 2
    keys, order = linear_keys(coord, shape, margin=reach).sort()
    order = order.int()
    stride_y = shape[2] + 2 * reach
    stride_x = stride_y * (shape[1] + 2 * reach)

    # Half of the offsets suffices: the others are the same pairs the other way round. In one column of the
    # kernel the neighbours follow one another in sorted order, so that one search serves k offsets.
    half: list[RowPairs] = []
    for column in range(centre // kernel + 1):
        step = (column // kernel - reach) * stride_x + (column % kernel - reach) * stride_y - reach
        wanted = keys + step
        position = torch.searchsorted(keys, wanted, out_int32=True)
        for _ in range(min(kernel, centre - column * kernel)):
            found = keys[position.clamp_(max=len(keys) - 1)] == wanted
            outputs = found.nonzero().squeeze(1)
            half.append((order[position[outputs]], order[outputs]))
            position += found
            wanted += 1
    empty = order[:0]
    mirrored = [(outputs, inputs) for inputs, outputs in reversed(half)]
    return NeighbourTable.of([*half, (empty, empty), *mirrored])


def strided_table(coord: Tensor, shape: Shape) -> tuple[Tensor, NeighbourTable]:
    """Pairs of a convolution with a 2³ kernel and stride 2, where each voxel has one parent.

    Args:
        coord: (V, 4) integers, distinct rows; V > 0.
        shape: extent of the grid, in voxels.

    Returns:
        (P, 4) coordinates of the parents, in lexicographic order and the dtype of ``coord``, and the pairs.
    """
    parent = torch.cat([coord[:, :1], coord[:, 1:] // 2], dim=1)
    keys = linear_keys(parent, shape)
    unique_keys, rows = torch.unique(keys, return_inverse=True)
    parents = coord.new_empty((len(unique_keys), 4))
    parents[rows] = parent

    corner = (coord[:, 1:] % 2) @ coord.new_tensor([4, 2, 1])
    order = corner.argsort(stable=True)
    sizes = torch.bincount(corner, minlength=8).tolist()
    return parents, NeighbourTable.of(list(zip(order.split(sizes), rows[order].split(sizes), strict=True)))
