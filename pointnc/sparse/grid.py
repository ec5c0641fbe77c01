"""Sparse tensors: a feature row for every occupied voxel, and the grids that say where those voxels are."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pointnc.sparse.engines import EngineName, choose_engine
from pointnc.sparse.neighbors import PairTable, Shape, lexicographic_order, strided_table, submanifold_table


@dataclass(eq=False)
class Grid:
    """The occupied voxels of a batch at one resolution, with the neighbor tables that its layers share.

    Attributes:
        coord: (V, 4) int32: sample, x, y, z in voxels of this resolution; distinct rows. On CUDA for spconv, in
            memory and in lexicographic order for the other engines.
        shape: extent along x, y and z in voxels.
        batch_size: number of samples, empty ones included.
        engine: who computes on it.
        stride: edge of a voxel in voxels of the finest grid.
        indice_dict: the tables that spconv builds, shared by all resolutions.
        order: (V,) which row of the input each voxel was, on the device of the features; None where they are in the
            order of the input.
    """

    coord: Tensor
    shape: Shape
    batch_size: int
    engine: EngineName = "cpu"
    stride: int = 1
    indice_dict: dict[str, Any] = field(default_factory=dict)
    order: Tensor | None = None
    _finer: "Grid | None" = None
    _descent: PairTable | None = None
    _submanifold: dict[int, PairTable] = field(default_factory=dict)

    @property
    def finer(self) -> "Grid":
        """The grid at twice the resolution from which this one was made."""
        if self._finer is None:
            raise ValueError("an up convolution needs a down convolution before it: this grid is the finest")
        return self._finer

    def coarsened(self, coord: Tensor) -> "Grid":
        """The grid at half the resolution, whose occupied voxels are ``coord`` (P, 4)."""
        if any(extent % 2 for extent in self.shape):
            raise ValueError(f"an extent of {self.shape} voxels cannot be halved: give from_voxels a divisor")
        x, y, z = self.shape
        shape = (x // 2, y // 2, z // 2)
        return Grid(coord, shape, self.batch_size, self.engine, 2 * self.stride, self.indice_dict, _finer=self)

    def restore(self, features: Tensor) -> Tensor:
        """Return the rows of ``features`` (V, C) in the order of the input."""
        if self.order is None:
            return features
        return torch.empty_like(features).index_copy(0, self.order, features)

    def submanifold(self, kernel: int) -> PairTable:
        """The table of a submanifold convolution, built once."""
        if kernel not in self._submanifold:
            self._submanifold[kernel] = submanifold_table(self.coord, self.shape, kernel)
        return self._submanifold[kernel]

    def coarser(self) -> "Grid":
        """The grid at half the resolution, with its :meth:`descent` ready; not for spconv."""
        coord, table = strided_table(self.coord, self.shape)
        grid = self.coarsened(coord)
        grid._descent = table
        return grid

    def descent(self) -> PairTable:
        """The table of the convolution that led here from the finer grid."""
        if self._descent is None:
            raise ValueError("this grid was not made by a down convolution")
        return self._descent


@dataclass(frozen=True, eq=False)
class SparseTensor:
    """Features (V, C) of the occupied voxels of a grid, row by row; ``grid.restore`` gives them the input's order."""

    features: Tensor
    grid: Grid

    @classmethod
    def from_voxels(
        cls, coord: Tensor, features: Tensor, batch_size: int, divisor: int = 1, engine: EngineName | None = None
    ) -> "SparseTensor":
        """Wrap the voxels of a batch.

        Args:
            coord: (V, 4) int32: sample, x, y, z; not negative, distinct rows, any order.
            features: (V, C) float.
            batch_size: number of samples.
            divisor: the extent is rounded up to a multiple of this power of two, so that it can be halved
                ``log2(divisor)`` times.
            engine: who computes; None: what :func:`~pointnc.sparse.engines.choose_engine` has for the device.

        Raises:
            ValueError: if the shapes disagree, a coordinate is negative or not int32, or a sample is out of range.
        """
        if coord.ndim != 2 or coord.shape[1] != 4 or coord.dtype != torch.int32:
            raise ValueError(f"voxel coordinates must be (V, 4) int32, not {tuple(coord.shape)} {coord.dtype}")
        if len(features) != len(coord):
            raise ValueError(f"{len(features)} feature rows for {len(coord)} voxels")
        engine = engine or choose_engine("auto", features.device).name
        if len(coord) == 0:
            return cls(features, Grid(coord, (divisor, divisor, divisor), batch_size, engine))
        on_host = engine != "spconv"
        if on_host:  # where the tables are built: not every device can sort and search
            coord = coord.cpu()
        lowest, highest = torch.stack(coord.aminmax(dim=0)).tolist()
        if min(lowest) < 0 or highest[0] >= batch_size:
            raise ValueError(f"voxels must lie in samples 0 to {batch_size - 1}, at coordinates of at least 0")
        x, y, z = (math.ceil((last + 1) / divisor) * divisor for last in highest[1:])
        order = lexicographic_order(coord, (x, y, z)) if on_host else None
        if order is not None:
            coord, order = coord[order], order.to(features.device)
            features = features[order]
        return cls(features, Grid(coord.contiguous(), (x, y, z), batch_size, engine, order=order))

    def replace(self, features: Tensor) -> "SparseTensor":
        """The same voxels with other features."""
        return SparseTensor(features, self.grid)
