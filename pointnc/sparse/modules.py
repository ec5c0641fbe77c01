"""Sparse convolution behind one set of modules, whoever computes it.

A :class:`SparseTensor` is one feature row for each occupied voxel of a :class:`Grid`. The modules map sparse
tensors to sparse tensors by the engine of their grid (:mod:`pointnc.sparse.engines`):

- "cpu": :mod:`pointnc.sparse.products`. spconv is not asked there: its native path is slow, refuses biases in
  evaluation, numbers voxels in 32 bits, and in its build without CUDA cannot train;
- "spconv": :mod:`pointnc.sparse.spconv_convolution`;
- "torch": :mod:`pointnc.sparse.reference_products`, on any device.

Kernels of 1³ and batches without voxels are a plain product for all of them.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from pointnc.sparse import spconv_convolution
from pointnc.sparse.engines import compute_dtype
from pointnc.sparse.fused import Convolution
from pointnc.sparse.grid import Grid, SparseTensor
from pointnc.sparse.neighbors import PairTable

Kind = Literal["submanifold", "down", "up"]


class SparseConvolution(nn.Module):
    """What all convolutions share: the weight and its arithmetic. Use a subclass.

    The weight is (out, k, k, k, in) with the kernel axes in the order x, y, z, drawn from
    N(0, 2 / (out · k³)): Kaiming's rule by fan-out, as Minkowski networks use it.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: edge k of the kernel, in voxels.
        bias: whether to add a learned constant to each output channel, zero at first.
    """

    kind: Kind

    def __init__(self, in_channels: int, out_channels: int, kernel: int, bias: bool = False) -> None:
        super().__init__()
        self.kernel = kernel
        self.weight = nn.Parameter(torch.empty(out_channels, kernel, kernel, kernel, in_channels))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight again from torch's global generator."""
        nn.init.normal_(self.weight, std=math.sqrt(2.0 / (self.weight.shape[0] * self.kernel**3)))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Convolve (V, in) to (V', out); the class says which voxels V' are."""
        grid, device = x.grid, x.features.device
        dtype = compute_dtype(grid.engine, device, self.weight.dtype)
        features, weight = x.features.to(dtype), self.weight.to(dtype)
        with torch.autocast(device.type, enabled=False):
            if self.kernel == 1 or len(features) == 0:
                # Without voxels any one offset will do: the weight gets the zero gradient that distributed training
                # awaits.
                out = SparseTensor(features @ weight[:, 0, 0, 0].T, self._output_grid(grid, grid.coord))
            elif grid.engine == "spconv":
                rows, coord = spconv_convolution.convolve(self.kind, features, weight, grid)
                out = SparseTensor(rows, self._output_grid(grid, coord))
            else:
                table, output_grid = self.table(grid)
                out = SparseTensor(
                    Convolution.apply(features, _matrices(weight), table, grid.engine == "torch"), output_grid
                )
            return out if self.bias is None else out.replace(out.features + self.bias.to(dtype))

    def extra_repr(self) -> str:
        """Channels and kernel for ``print(model)``."""
        out_channels, *_, in_channels = self.weight.shape
        return f"{in_channels}, {out_channels}, kernel={self.kernel}, bias={self.bias is not None}"

    @property
    def matrices(self) -> Tensor:
        """(K, in, out): the weight as one matrix for each offset of the kernel; a view, not a copy."""
        return _matrices(self.weight)

    def table(self, grid: Grid) -> tuple[PairTable, Grid]:
        """Return the pairs of this convolution of an input on ``grid``, and the grid of its output; not for spconv."""
        if self.kind == "submanifold":
            return grid.submanifold(self.kernel), grid
        if self.kind == "down":
            coarser = grid.coarser()
            return coarser.descent(), coarser
        return grid.descent().reversed, grid.finer

    def _output_grid(self, grid: Grid, coord: Tensor) -> Grid:
        if self.kind == "submanifold":
            return grid
        return grid.coarsened(coord) if self.kind == "down" else grid.finer


def _matrices(weight: Tensor) -> Tensor:
    return weight.flatten(1, 3).permute(1, 2, 0)


class SubmanifoldConvolution(SparseConvolution):
    """Convolution with an odd kernel whose outputs are the very voxels of its input (Graham et al., 2018)."""

    kind = "submanifold"


class DownConvolution(SparseConvolution):
    """Convolution with a 2³ kernel and stride 2 to half the resolution; one for each resolution of a network."""

    kind = "down"

    def __init__(self, in_channels: int, out_channels: int, bias: bool = False) -> None:
        super().__init__(in_channels, out_channels, 2, bias)


class UpConvolution(SparseConvolution):
    """Transposed convolution with a 2³ kernel and stride 2, back to the voxels that a down convolution left."""

    kind = "up"

    def __init__(self, in_channels: int, out_channels: int, bias: bool = False) -> None:
        super().__init__(in_channels, out_channels, 2, bias)


class PointwiseConvolution(SparseConvolution):
    """Convolution with a 1³ kernel: one linear map of every voxel's features."""

    kind = "submanifold"

    def __init__(self, in_channels: int, out_channels: int, bias: bool = False) -> None:
        super().__init__(in_channels, out_channels, 1, bias)
