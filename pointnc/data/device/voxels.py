"""Voxelization of a batch on its device, with the result of :mod:`pointnc.data.voxels` for each sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pointnc.data.batch import VoxelBatch
from pointnc.data.features import COLOR_RANGES, scene_array
from pointnc.data.transforms.points import PointBatch
from pointnc.data.voxels import Representative, first_cell
from pointnc.errors import UserError

MAX_KEY = 2**63 - 1


@dataclass(frozen=True)
class DeviceVoxels:
    """V occupied voxels of N points of B samples; a sample's voxels in the order in which its points meet them.

    Attributes:
        coord: (V, 4) int32: number of the sample, then the voxel coordinates x, y, z from 0.
        index: (V,) int64 the point that stands for each voxel.
        offsets: (B + 1,) int64: the voxels of each sample.
    """

    coord: Tensor
    index: Tensor
    offsets: Tensor


def voxelize_points(
    points: PointBatch,
    names: Sequence[str],
    voxel_size: float,
    representative: Representative = "first",
    uniform: Tensor | None = None,
) -> DeviceVoxels:
    """Find the distinct voxels ``floor(coord / voxel_size)`` of each sample, computed in float32.

    Args:
        points: of B samples.
        names: the samples' names, for messages.
        voxel_size: edge of a voxel in meters.
        representative: which point stands for a voxel; see :func:`pointnc.data.voxels.voxelize`.
        uniform: (N,) float64 in [0, 1), needed for "random"; the v-th voxel of a sample takes the sample's v-th.

    Raises:
        UserError: coordinates that are not finite or an extent of more than ``MAX_EXTENT`` voxels.
    """
    layout, device = points.layout, points.coord.device
    # A tensor: where the divisor is a plain number, CUDA multiplies by its reciprocal, which rounds otherwise.
    size = torch.full((), voxel_size, dtype=torch.float32, device=device)
    low, high = layout.extremes(points.coord)
    first = (low / size).floor().long()
    # The host must wait for the device here: to refuse what cannot be numbered, and to choose the keys.
    extent = _extent(torch.stack([low, high], dim=1).cpu().numpy(), names, np.float32(voxel_size))
    x, y, z = ((points.coord[:, a] / size).floor_().long() - points.spread(first[:, a]) for a in range(3))
    key = (x * extent[1] + y) * extent[2] + z
    if len(names) * extent[0] * extent[1] * extent[2] <= MAX_KEY:
        key += layout.segment * (extent[0] * extent[1] * extent[2])
    else:  # too wide for one number with the sample's: first give the cells smaller numbers
        key = torch.unique(key, return_inverse=True)[1] + layout.segment * len(points)
    key, order = key.sort(stable=True)
    begins = torch.ones_like(key, dtype=torch.bool)
    torch.ne(key[1:], key[:-1], out=begins[1:])
    # And here: only the points know how many voxels they fill.
    starts = begins.nonzero().squeeze(1)
    counts = torch.diff(starts, append=starts.new_full((1,), len(order)))
    # The sort is stable: a voxel's first place in the order holds the first of its points.
    index, number = order.index_select(0, starts).sort()
    starts, counts = starts.index_select(0, number), counts.index_select(0, number)
    sample = layout.segment.index_select(0, index)
    coord = torch.stack([sample, *(cells.index_select(0, index) for cells in (x, y, z))], dim=1).int()
    offsets = torch.searchsorted(index, layout.offsets)
    if representative == "random":
        if uniform is None:
            raise ValueError("a random representative needs random numbers")
        place = torch.arange(len(index), device=device)
        place += (layout.offsets - offsets).index_select(0, sample)
        # A double below 1 times a count stays below the count: the product is never rounded up to it.
        chosen = (uniform.index_select(0, place) * counts).long()
        index = order.index_select(0, starts + chosen)
    return DeviceVoxels(coord, index, offsets)


def _extent(bounds: np.ndarray, names: Sequence[str], size: np.float32) -> tuple[int, int, int]:
    """Return the greatest number of voxels along each axis; ``bounds`` is (B, 2, 3)."""
    cells = []
    for (low, high), name in zip(bounds, names):
        try:
            first = first_cell(low, high, size)  # which looks at the numbers before they are cast
        except UserError as error:
            raise UserError(f"scene {name}: {error}", code=error.code) from None
        cells.append(np.floor(high / size).astype(np.int64) - first + 1)
    x, y, z = np.max(cells, axis=0)
    return int(x), int(y), int(z)


def voxel_batch(points: PointBatch, voxels: DeviceVoxels, names: Sequence[str], features: Sequence[str]) -> VoxelBatch:
    """Gather what the network sees: see :func:`pointnc.data.features.voxel_features`.

    Args:
        points: of B samples.
        voxels: their voxels.
        names: the samples' names.
        features: names out of :data:`pointnc.data.features.CHANNELS`.
    """
    columns = []
    for name in features:
        values: Tensor = getattr(points, scene_array(name)).index_select(0, voxels.index).float()
        if name in COLOR_RANGES:
            low, high = COLOR_RANGES[name]
            values = values / torch.full_like(values[:1], 255 / (high - low)) + low
        columns.append(values)
    return VoxelBatch(
        coord=voxels.coord,
        features=torch.cat(columns, dim=1),
        segment=points.semantic.index_select(0, voxels.index).long(),
        offsets=voxels.offsets,
        names=list(names),
    )
