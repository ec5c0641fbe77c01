"""Sparse convolutions by their definition: dense tensors, zeros where no voxel is, torch's own convolutions.

Kernels come as (out, k, k, k, in), the layout of ``pointnc.sparse.modules``. All functions are differentiable.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

Shape = tuple[int, int, int]


def densify(coord: Tensor, features: Tensor, batch_size: int, shape: Shape) -> Tensor:
    """(V, C) features of the voxels ``coord`` (V, 4) as a (B, C, X, Y, Z) grid."""
    grid = features.new_zeros((batch_size, *shape, features.shape[1]))
    sample, x, y, z = coord.long().unbind(1)
    return grid.index_put((sample, x, y, z), features).permute(0, 4, 1, 2, 3)


def read(grid: Tensor, coord: Tensor) -> Tensor:
    """The (V, C) features of the voxels ``coord`` in a (B, C, X, Y, Z) grid."""
    sample, x, y, z = coord.long().unbind(1)
    return grid[sample, :, x, y, z]


def submanifold(grid: Tensor, weight: Tensor) -> Tensor:
    """Stride 1 with an odd kernel, before the empty voxels are masked."""
    return F.conv3d(grid, weight.permute(0, 4, 1, 2, 3), padding=weight.shape[1] // 2)


def down(grid: Tensor, weight: Tensor) -> Tensor:
    """A 2³ kernel with stride 2; empty parents come out as zero."""
    return F.conv3d(grid, weight.permute(0, 4, 1, 2, 3), stride=2)


def up(grid: Tensor, weight: Tensor) -> Tensor:
    """The transpose of ``down``, before the empty voxels are masked."""
    return F.conv_transpose3d(grid, weight.permute(4, 0, 1, 2, 3), stride=2)


def pooled(mask: Tensor) -> Tensor:
    """Which cells of the grid at half the resolution are occupied: (B, 1, X, Y, Z) of 0 and 1."""
    return F.max_pool3d(mask, 2)


def masked_batch_norm(
    grid: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, eps: float, statistics: tuple[Tensor, Tensor] | None
) -> Tensor:
    """Batch normalization over the occupied cells, by their own statistics or by a given mean and variance."""
    if statistics is None:
        count = mask.sum()
        mean = (grid * mask).sum(dim=(0, 2, 3, 4)) / count
        deviation = (grid - mean[:, None, None, None]) * mask
        statistics = mean, deviation.square().sum(dim=(0, 2, 3, 4)) / count
    mean, variance = (value[:, None, None, None] for value in statistics)
    scaled = (grid - mean) / torch.sqrt(variance + eps) * weight[:, None, None, None] + bias[:, None, None, None]
    return scaled * mask
