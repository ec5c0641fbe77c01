"""Res16UNet over MinkowskiEngine: LGround, CSC, SpatioTemporalSegmentation and whatever was built on them.

MinkowskiEngine keeps a kernel as (offsets, in, out) and counts the offsets of a hypercube with the first coordinate
fastest, for odd edges from the negative to the positive end, for even ones from 0. Here a kernel is
(out, x, y, z, in). Its 1³ kernels come as (in, out) or, in version 0.4, as (1, in, out).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pointnc.errors import UserError
from pointnc.models.architecture import Architecture
from pointnc.models.foreign.network import Network, normed
from pointnc.models.foreign.source import Source

ANCHOR = "conv0p1s1.kernel"
LEVELS = 4

EDGES = {1: 1, 8: 2, 27: 3, 125: 5, 343: 7}
"""Number of offsets of a hypercube in three dimensions to its edge."""


def read(state: Mapping[str, Tensor]) -> Network:
    """Convert a state.

    Raises:
        UserError: it is not a Res16UNet of basic or bottleneck blocks with batch normalisation.
    """
    source = Source(state, ANCHOR)
    tensors = _normed(source, "conv0p1s1", "bn0", "stem")
    stem = tensors["stem.convolution.weight"]
    bottleneck = source.has("block1.0.conv3.kernel")
    planes, layers = [], []
    for stage in range(1, 2 * LEVELS + 1):
        up = stage > LEVELS
        stride = 2 ** (2 * LEVELS + 1 - stage) if up else 2 ** (stage - 1)
        ours = f"decoder.{stage - LEVELS - 1}" if up else f"encoder.{stage - 1}"
        number, kind = (stage - 1, "tr") if up else (stage, "")
        move = f"conv{kind}{number}p{stride}s2"
        tensors |= _normed(source, move, f"bn{kind}{number}", f"{ours}.{'up' if up else 'down'}", edge=2)
        count = source.count(f"block{stage}.{{}}.")
        if count == 0:
            raise UserError(f"the checkpoint lacks {source.prefix}block{stage}: it is truncated, or another network")
        for index in range(count):
            tensors |= _block(source, f"block{stage}.{index}", f"{ours}.blocks.{index}", bottleneck)
        planes.append(len(tensors[f"{ours}.blocks.0.path.0.convolution.weight"]))
        layers.append(count)
    last = None
    if source.has("final.kernel"):
        kernel = _kernel(source, "final", edge=1)
        bias = source.take("final.bias", (1, 2)).reshape(-1)
        last = (kernel[:, 0, 0, 0], bias)
    arguments: dict[str, Any] = {
        "in_channels": stem.shape[-1],
        "planes": planes,
        "layers": layers,
        "stem_channels": len(stem),
        "stem_kernel": stem.shape[1],
        "block": "bottleneck" if bottleneck else "basic",
    }
    return Network(Architecture("MinkUNet", arguments), tensors, last, source.finish())


def _block(source: Source, theirs: str, ours: str, bottleneck: bool) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for layer, edge in enumerate((1, 3, 1) if bottleneck else (3, 3)):
        names = f"{theirs}.conv{layer + 1}", f"{theirs}.norm{layer + 1}"
        tensors |= _normed(source, *names, f"{ours}.path.{layer}", edge)
    if source.has(f"{theirs}.downsample.0.kernel"):
        tensors |= _normed(source, f"{theirs}.downsample.0", f"{theirs}.downsample.1", f"{ours}.shortcut", edge=1)
    return tensors


def _normed(source: Source, convolution: str, norm: str, ours: str, edge: int | None = None) -> dict[str, Tensor]:
    kernel = _kernel(source, convolution, edge)
    return normed(kernel, source.norm(f"{norm}.bn", len(kernel)), ours)


def _kernel(source: Source, name: str, edge: int | None) -> Tensor:
    """Return a kernel as (out, k, k, k, in)."""
    kernel = source.take(f"{name}.kernel", (2, 3))
    kernel = kernel[None] if kernel.ndim == 2 else kernel
    offsets, inputs, outputs = kernel.shape
    k = EDGES.get(offsets, 0)
    if k == 0 or (edge is not None and k != edge):
        wanted = f"{edge**3} are expected" if edge else "no cube in three dimensions has as many"
        raise UserError(
            f"{source.prefix}{name}.kernel has {offsets} offsets, {wanted} (4-D networks are not supported)"
        )
    return kernel.reshape(k, k, k, inputs, outputs).permute(4, 2, 1, 0, 3)
