"""Sparse convolution on a CPU and on CUDA behind one set of modules; the only file that knows spconv.

A :class:`SparseTensor` is one feature row for each occupied voxel of a :class:`Grid`. The modules map sparse
tensors to sparse tensors and choose the algorithm by the device of their input when they run, so a model that
was built on a CPU may move. What spconv 2.3.8 cannot do by itself is settled here:

- on a CPU it is not asked at all: its native path is slow, refuses biases in evaluation, numbers voxels in 32 bits, and
  in its build without CUDA cannot train. :mod:`pointnc.models.products` takes its place;
- the algorithm on CUDA: implicit GEMM, native for kernels > 3³;
- autocast: it computes in float32 unless CUDA autocast asks for float16; it has no bfloat16;
- 1³ kernels: it reads their weight transposed;
- batches without voxels.

Importing spconv takes seconds, so it happens when the first convolution runs on CUDA.
"""

import functools
import gc
import logging
import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pointnc.models.fused import Convolution
from pointnc.models.grid import Grid, SparseTensor
from pointnc.models.neighbours import PairTable

Kind = Literal["submanifold", "down", "up"]


@functools.cache
def _spconv() -> Any:
    # The import makes a million small objects that live on: without the collector it takes a third less time.
    # And it asks torch.fx a question that recent versions answer with a warning.
    collecting, logger = gc.isenabled(), logging.getLogger("torch.fx._symbolic_trace")
    level = logger.level
    gc.disable()
    logger.setLevel(logging.ERROR)
    try:
        import spconv.pytorch
    finally:
        logger.setLevel(level)
        if collecting:
            gc.enable()
    return spconv.pytorch


@functools.cache
def _spconv_layer(kind: Kind, in_channels: int, out_channels: int, kernel: int, key: str) -> Any:
    """A convolution of spconv without a weight of its own, which chooses the algorithm for CUDA."""
    from spconv.pytorch.conv import SparseConvolutionBase

    submanifold = kind == "submanifold"
    return SparseConvolutionBase(
        ndim=3,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel_size=kernel,
        stride=1 if submanifold else 2,
        padding=kernel // 2 if submanifold else 0,
        bias=False,
        subm=submanifold,
        inverse=kind == "up",
        indice_key=key,
    )


def _compute_dtype(features: Tensor, weight: Tensor) -> torch.dtype:
    """float16 where autocast on CUDA asks for it, else the dtype of the weight."""
    if features.is_cuda and torch.is_autocast_enabled("cuda"):
        wanted = torch.get_autocast_dtype("cuda")
        return wanted if wanted == torch.float16 else weight.dtype
    return weight.dtype


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
        """Draw the weight anew from torch's global generator."""
        nn.init.normal_(self.weight, std=math.sqrt(2.0 / (self.weight.shape[0] * self.kernel**3)))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Convolve (V, in) to (V', out); the class says which voxels V' are."""
        dtype = _compute_dtype(x.features, self.weight)
        features, weight = x.features.to(dtype), self.weight.to(dtype)
        with torch.autocast(features.device.type, enabled=False):
            if self.kernel == 1 or len(features) == 0:
                out = self._multiply(SparseTensor(features, x.grid), weight)
            elif features.is_cuda:
                out = self._convolve_on_cuda(SparseTensor(features, x.grid), weight)
            else:
                out = self._convolve_on_cpu(SparseTensor(features, x.grid), self.matrices)
            return out if self.bias is None else out.replace(out.features + self.bias.to(dtype))

    def extra_repr(self) -> str:
        """Channels and kernel for ``print(model)``."""
        out_channels, *_, in_channels = self.weight.shape
        return f"{in_channels}, {out_channels}, kernel={self.kernel}, bias={self.bias is not None}"

    @property
    def matrices(self) -> Tensor:
        """(K, in, out): the weight as one matrix for each offset of the kernel; a view, not a copy."""
        return self.weight.flatten(1, 3).permute(1, 2, 0)

    def table(self, grid: Grid) -> tuple[PairTable, Grid]:
        """Return the pairs of this convolution on a CPU, of an input on ``grid``, and the grid of its output."""
        if self.kind == "submanifold":
            return grid.submanifold(self.kernel), grid
        if self.kind == "down":
            coarser = grid.coarser()
            return coarser.descent(), coarser
        return grid.descent().reversed, grid.finer

    def _convolve_on_cpu(self, x: SparseTensor, matrices: Tensor) -> SparseTensor:
        table, grid = self.table(x.grid)
        return SparseTensor(Convolution.apply(x.features, matrices, table), grid)

    def _convolve_on_cuda(self, x: SparseTensor, weight: Tensor) -> SparseTensor:
        grid, spconv = x.grid, _spconv()
        # One table for each kernel and resolution; up reads the one that its down has left.
        key = f"{self.kernel}@{(grid.finer if self.kind == 'up' else grid).stride}"
        layer = _spconv_layer(self.kind, weight.shape[-1], weight.shape[0], self.kernel, key)
        voxels = spconv.SparseConvTensor(
            x.features, grid.coord, list(grid.shape), grid.batch_size, indice_dict=grid.indice_dict
        )
        # What spconv calls training is whether a gradient may be asked for.
        out = layer._conv_forward(torch.is_grad_enabled(), voxels, weight, None)
        grid.indice_dict.update(out.indice_dict)
        return SparseTensor(out.features, self._output_grid(grid, out.indices))

    def _multiply(self, x: SparseTensor, weight: Tensor) -> SparseTensor:
        # Without voxels any one offset will do: the weight gets the zero gradient that distributed training awaits.
        return SparseTensor(x.features @ weight[:, 0, 0, 0].T, self._output_grid(x.grid, x.grid.coord))

    def _output_grid(self, grid: Grid, coord: Tensor) -> Grid:
        if self.kind == "submanifold":
            return grid
        return grid.coarsened(coord) if self.kind == "down" else grid.finer


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
