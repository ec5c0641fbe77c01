"""Sparse convolution on CUDA by spconv; the only file of the models that knows it.

What spconv 2.3.8 cannot do by itself is settled here and by whoever calls: the algorithm (implicit GEMM, native for
kernels > 3³), weights that live outside its layers, tables that layers share. Importing spconv takes seconds, so it
happens when the first convolution runs on CUDA. Its native algorithm also runs on a CPU, in which the tests compare
this file with the CPU engine.
"""

from __future__ import annotations

import functools
import gc
import logging
from typing import Any

import torch
from torch import Tensor

from pointnc.sparse.grid import Grid


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


def fault(capability: tuple[int, int]) -> str | None:
    """Return why the installed build cannot compute on CUDA devices of this capability, None where it can."""
    try:
        _spconv()
        from spconv.core_cc.cumm.common import CompileInfo
        from spconv.cppconstants import CPU_ONLY_BUILD
    except Exception as error:  # whatever a broken build raises is the reason
        return f"it cannot be imported ({' '.join(str(error).split())[:200]})"
    if CPU_ONLY_BUILD:
        return "the installed build of spconv has no CUDA (pip uninstall -y spconv cumm; pip install spconv-cu118)"
    if code_for(capability, CompileInfo) == "none":
        return f"the installed build holds no code for capability {capability[0]}.{capability[1]}"
    return None


def code_for(capability: tuple[int, ...], build: Any) -> str:
    """Return how spconv's kernels reach a device: "machine code", "PTX", "NVRTC", or "none".

    Its matrix kernels and its index kernels are compiled for different lists of architectures. For a device that is
    only in the second list it compiles the former by NVRTC, in every process again.

    Args:
        capability: of the device, (major, minor).
        build: ``spconv.core_cc.cumm.common.CompileInfo``.
    """
    if build.arch_is_compiled_gemm(capability):
        return "machine code"
    if build.arch_is_compatible_gemm(capability):
        return "PTX"
    return "NVRTC" if build.arch_is_compiled(capability) else "none"


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
    spconv = _spconv()
    kernel = weight.shape[1]
    # One table for each kernel and resolution; up reads the one that its down has left.
    key = f"{kernel}@{(grid.finer if kind == 'up' else grid).stride}"
    layer = _layer(kind, weight.shape[-1], weight.shape[0], kernel, key)
    voxels = spconv.SparseConvTensor(
        features, grid.coord, list(grid.shape), grid.batch_size, indice_dict=grid.indice_dict
    )
    # What spconv calls training is whether a gradient may be asked for.
    out = layer._conv_forward(torch.is_grad_enabled(), voxels, weight, None)
    grid.indice_dict.update(out.indice_dict)
    return out.features, out.indices
