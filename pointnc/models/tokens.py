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
        if coord.ndim != 2 or coord.shape[1] != 4 or coord.dtype != torch.int32:
            raise ValueError(f"voxel coordinates must be (V, 4) int32, not {tuple(coord.shape)} {coord.dtype}")
        if device.type != "cuda":  # not every device can sort
            coord = coord.cpu()
        extent = _extent(coord, batch_size)
        wide = coord.long()
        cell = wide[:, 1:] // EDGE
        inside = wide[:, 1:] - cell * EDGE
        place = (inside[:, 0] * EDGE + inside[:, 1]) * EDGE + inside[:, 2]
        key = ((wide[:, 0] * extent[0] + cell[:, 0]) * extent[1] + cell[:, 1]) * extent[2] + cell[:, 2]
        keys, token = torch.unique(key, return_inverse=True)
        x, rest = keys // (extent[1] * extent[2]), keys % (extent[1] * extent[2])
        cells = torch.stack([x % extent[0], rest // extent[2], rest % extent[2]], dim=1)
        return cls(
            cell=cells.to(device),
            lengths=torch.bincount(x // extent[0], minlength=batch_size).tolist(),
            token=token.to(device),
            place=place.to(device),
            order=place.argsort(stable=True).to(device),
            counts=torch.bincount(place, minlength=PLACES).tolist(),
        )

    def __len__(self) -> int:
        """Return the number of tokens T."""
        return len(self.cell)


def _extent(coord: Tensor, batch_size: int) -> list[int]:
    """Return the extent of a batch along x, y and z in cells."""
    if len(coord) == 0:
        return [1, 1, 1]
    lowest, highest = torch.stack(coord.aminmax(dim=0)).tolist()
    if min(lowest) < 0 or highest[0] >= batch_size:
        raise ValueError(f"voxels must lie in samples 0 to {batch_size - 1}, at coordinates of at least 0")
    extent = [last // EDGE + 1 for last in highest[1:]]
    if batch_size * extent[0] * extent[1] * extent[2] > _LARGEST_KEY:
        raise UserError(
            f"the voxels of a batch span {' x '.join(map(str, highest[1:]))}: too far apart for tokens; raise the "
            "voxel size, or look for stray points in the scene"
        )
    return extent
