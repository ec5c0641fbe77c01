"""The voxels of a batch at several resolutions, in lexicographic order, and which coarse one holds which fine one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pointnc.models.tokens import distinct_cells
from pointnc.sparse.engines import EngineName
from pointnc.sparse.grid import Grid, SparseTensor


@dataclass(frozen=True, eq=False)
class Level:
    """One resolution.

    Attributes:
        coord: (V, 3) int64 voxels of this resolution, sample by sample, in lexicographic order.
        lengths: voxels of each sample.
        grid: the same for sparse convolutions.
        parent: (V,) int64 the voxel of the next coarser level that each lies in.
    """

    coord: Tensor
    lengths: list[int]
    grid: Grid
    parent: Tensor


def levels_of(
    coord: Tensor, batch_size: int, count: int, engine: EngineName, device: torch.device
) -> tuple[list[Level], Tensor]:
    """Return the levels from fine to coarse, each of half the resolution, and (V,) the row of each input voxel.

    Args:
        coord: (V, 4) int32: sample, x, y, z; not negative, distinct rows, any order.
        batch_size: number of samples.
        count: levels.
        engine: of the convolutions.
        device: where the result is wanted.
    """
    if device.type != "cuda":  # not every device can sort
        coord = coord.cpu()
    cells, row = distinct_cells(coord, batch_size, 1)
    levels = []
    for _ in range(count):
        coarser, parent = distinct_cells(cells, batch_size, 2)
        none = torch.empty(len(cells), 0, device=device)
        grid = SparseTensor.from_voxels(cells.int().to(device), none, batch_size, 1, engine).grid
        lengths = torch.bincount(cells[:, 0], minlength=batch_size).tolist()
        levels.append(Level(cells[:, 1:].to(device), lengths, grid, parent.to(device)))
        cells = coarser
    return levels, row.to(device)
