"""Sparse convolution on CUDA by spconv; the only file of the models that knows its layers.

What spconv 2.3.8 cannot do by itself is settled here and by whoever calls: the algorithm (implicit GEMM, native for
kernels > 3³), weights that live outside its layers, tables that layers share. Its native algorithm also runs on a CPU,
in which the tests compare this file with the CPU engine.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import torch
from torch import Tensor

from pointnc.sparse.grid import Grid
from pointnc.sparse.spconv_build import load_spconv


@functools.cache
def _layer(kind: str, in_channels: int, out_channels: int, kernel: int, key: str) -> Any:
    """A convolution of spconv without a weight of its own, which chooses the algorithm."""
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


def convolve(kind: str, features: Tensor, weight: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Convolve the features of a grid's voxels.

    Args:
        kind: "submanifold", "down" or "up".
        features: (V, in) on CUDA, float32 or float16.
        weight: (out, k, k, k, in) of the same dtype.
        grid: its ``indice_dict`` gets the tables of this convolution, for the next layers and for the way up.

    Returns:
        (V', out) features and (V', 4) int32 coordinates of the output.
    """
    spconv = load_spconv()
    kernel = weight.shape[1]
    # One table for each kernel and resolution; up reads the one that its down has left. Where no gradient may be asked
    # for, spconv makes half a table of a submanifold convolution, which a layer that learns behind it cannot use.
    learns = torch.is_grad_enabled()
    key = f"{kernel}@{(grid.finer if kind == 'up' else grid).stride}"
    if kind == "submanifold" and not learns:
        key += ", no gradient"
    layer = _layer(kind, weight.shape[-1], weight.shape[0], kernel, key)
    voxels = spconv.SparseConvTensor(
        features, grid.coord, list(grid.shape), grid.batch_size, indice_dict=grid.indice_dict
    )
    # What spconv calls training is whether a gradient may be asked for. It computes on the current device.
    with torch.cuda.device(features.device) if features.is_cuda else contextlib.nullcontext():
        out = layer._conv_forward(learns, voxels, weight, None)
    grid.indice_dict.update(out.indice_dict)
    return out.features, out.indices
