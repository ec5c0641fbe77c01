"""Sparse convolutions of the stand-in device: spconv's native algorithm on the tensors of the host."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from pointnc.sparse import spconv_convolution
from pointnc.sparse.grid import Grid
from tests.cuda.native import use_native_algorithm
from tests.cuda.tensor import DeviceTensor


def install(patch: pytest.MonkeyPatch) -> None:
    """Let spconv compute for the stand-in device, until the patch is undone."""
    use_native_algorithm(patch)
    on_host = spconv_convolution.convolve

    def convolve(kind: str, features: Tensor, weight: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
        if not isinstance(features, DeviceTensor):
            return on_host(kind, features, weight, grid)
        # As CUDA sees them: all on the device, of one dtype, in memory without gaps.
        assert isinstance(weight, DeviceTensor) and isinstance(grid.coord, DeviceTensor)
        assert features.dtype == weight.dtype and grid.coord.is_contiguous()
        host_grid = dataclasses.replace(grid, coord=grid.coord.host)
        dtype = torch.promote_types(features.dtype, torch.float32)  # the algorithm for a CPU has no float16
        host_features, host_weight = (ToHost.apply(tensor).to(dtype) for tensor in (features, weight))
        out, coord = on_host(kind, host_features, host_weight, host_grid)
        return FromHost.apply(out.to(features.dtype)), DeviceTensor(coord)

    patch.setattr(spconv_convolution, "convolve", convolve)


class ToHost(torch.autograd.Function):
    """The tensor of the host behind a tensor of the device; gradients go the other way. Nothing is copied."""

    @staticmethod
    def forward(ctx: Any, tensor: DeviceTensor) -> Tensor:
        return tensor.host.view_as(tensor.host)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return DeviceTensor(gradient)


class FromHost(torch.autograd.Function):
    """The inverse of :class:`ToHost`."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return DeviceTensor(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: DeviceTensor) -> Tensor:
        return gradient.host
