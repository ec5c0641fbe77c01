"""Sparse convolutions on the stand-in device: spconv's native algorithm on the tensors of the host."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor

from pointnc.models import sparse
from pointnc.models.grid import Grid, SparseTensor
from tests.cuda.tensor import DeviceTensor, on_device


def install(patch: pytest.MonkeyPatch) -> None:
    """Let convolutions of the stand-in device go the way of CUDA, through spconv, until the patch is undone."""
    choose_native_algorithm(patch)
    through_spconv = sparse.SparseConvolution._convolve_on_cuda

    def convolve(self: sparse.SparseConvolution, x: SparseTensor, weight: Tensor) -> SparseTensor:
        if not on_device(x.features):
            return through_spconv(self, x, weight)
        dtype = x.features.dtype
        host = Grid(x.grid.coord.host, x.grid.shape, x.grid.batch_size, x.grid.stride, x.grid.indice_dict)
        host._finer = x.grid._finer
        # The algorithm for a CPU has no float16.
        features, kernel = (ToHost.apply(tensor).float() for tensor in (x.features, weight))
        out = through_spconv(self, SparseTensor(features, host), kernel)
        result = FromHost.apply(out.features.to(dtype))
        return SparseTensor(
            result, self._output_grid(x.grid, DeviceTensor(out.grid.coord) if self.kind == "down" else x.grid.coord)
        )

    patch.setattr(sparse.SparseConvolution, "_convolve_on_cuda", convolve)


def choose_native_algorithm(patch: pytest.MonkeyPatch) -> None:
    """Let spconv use the one algorithm that it has on a CPU."""
    from spconv.core import ConvAlgo
    from spconv.pytorch import conv

    native = functools.partial(conv.SparseConvolutionBase, algo=ConvAlgo.Native)
    patch.setattr(conv, "SparseConvolutionBase", native)
    sparse._spconv_layer.cache_clear()


class ToHost(torch.autograd.Function):
    """The tensor of the host behind a tensor of the device; gradients go the other way. Nothing is copied."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
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
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.host
