"""Tokens: cells of 5³ voxels, and which voxel stands at which place of which cell."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pointnc.errors import UserError

EDGE = 5
"""Voxels along the edge of a cell."""

PLACES = EDGE**3
"""Places in a cell, counted x · 25 + y · 5 + z."""

_LARGEST_KEY = 2**62


@dataclass(frozen=True, eq=False)
class Tokens:
    """The T occupied cells of a batch of V voxels, in ascending order of sample, x, y, z.

    Attributes:
        cell: (T, 3) int64 coordinates in cells.
        lengths: tokens of each sample; a sample has its tokens one behind the other.
        token: (V,) int64 the token that each voxel lies in.
        place: (V,) int64 its place there, below ``PLACES``.
        order: (V,) int64 the voxels, sorted by place.
        counts: voxels at each place.
    """

    cell: Tensor
    lengths: list[int]
    token: Tensor
    place: Tensor
    order: Tensor
    counts: list[int]

    @classmethod
    def of(cls, coord: Tensor, batch_size: int, device: torch.device) -> Tokens:
        """Find the tokens of a batch.

        Args:
            coord: (V, 4) int32: sample, x, y, z in voxels; not negative, distinct rows, any order.
            batch_size: number of samples; some may have no voxels.
            device: where the result is wanted.

        Raises:
            ValueError: the coordinates are no such table.
            UserError: the voxels of a batch lie too far apart to be counted.
        """
        if device.type != "cuda":  # not every device can sort
            coord = coord.cpu()
        cells, token = distinct_cells(coord, batch_size, EDGE)
        inside = coord[:, 1:].long() % EDGE
        place = (inside[:, 0] * EDGE + inside[:, 1]) * EDGE + inside[:, 2]
        return cls(
            cell=cells[:, 1:].to(device),
            lengths=torch.bincount(cells[:, 0], minlength=batch_size).tolist(),
            token=token.to(device),
            place=place.to(device),
            order=place.argsort(stable=True).to(device),
            counts=torch.bincount(place, minlength=PLACES).tolist(),
        )

    def __len__(self) -> int:
        """Return the number of tokens T."""
        return len(self.cell)


def distinct_cells(coord: Tensor, batch_size: int, edge: int) -> tuple[Tensor, Tensor]:
    """Return the occupied cells of ``edge``³ voxels, (T, 4) int64 in lexicographic order, and (V,) which each lies in.

    Args:
        coord: (V, 4) int32 or int64: sample, x, y, z in voxels; not negative.
        batch_size: number of samples.
        edge: of a cell, in voxels.

    Raises:
        ValueError: the coordinates are no such table.
        UserError: the voxels of a batch lie too far apart to be counted.
    """
    if coord.ndim != 2 or coord.shape[1] != 4 or coord.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"voxel coordinates must be (V, 4) int32, not {tuple(coord.shape)} {coord.dtype}")
    size_x, size_y, size_z = _extent(coord, batch_size, edge)
    sample, x, y, z = coord.long().unbind(1)
    key = ((sample * size_x + x // edge) * size_y + y // edge) * size_z + z // edge
    keys, cell = torch.unique(key, return_inverse=True)
    columns, planes = keys // size_z, keys // (size_z * size_y)
    cells = torch.stack([planes // size_x, planes % size_x, columns % size_y, keys % size_z], dim=1)
    return cells, cell


def _extent(coord: Tensor, batch_size: int, edge: int) -> list[int]:
    """Return the extent of a batch along x, y and z in cells."""
    if len(coord) == 0:
        return [1, 1, 1]
    lowest, highest = torch.stack(coord.aminmax(dim=0)).tolist()
    if min(lowest) < 0 or highest[0] >= batch_size:
        raise ValueError(f"voxels must lie in samples 0 to {batch_size - 1}, at coordinates of at least 0")
    extent = [last // edge + 1 for last in highest[1:]]
    if batch_size * extent[0] * extent[1] * extent[2] > _LARGEST_KEY:
        raise UserError(
            f"the voxels of a batch span {' x '.join(map(str, highest[1:]))}: too far apart to be counted; raise the "
            "voxel size, or look for stray points in the scene",
            code="too-far",
        )
    return extent
