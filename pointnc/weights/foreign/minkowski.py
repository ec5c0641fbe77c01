"""Res16UNet over MinkowskiEngine: LGround, CSC, SpatioTemporalSegmentation and whatever was built on them.

MinkowskiEngine keeps a kernel as (offsets, in, out) and counts the offsets of a hypercube with the first coordinate
fastest, for odd edges from the negative to the positive end, for even ones from 0. Here a kernel is
(out, x, y, z, in). Its 1³ kernels come as (in, out) or, in version 0.4, as (1, in, out).

Up to version 0.4 the residual blocks of SpatioTemporalSegmentation, and of CSC after it, have kernels of the type
"hybrid": its offsets are listed axis by axis, the center first. Up to 0.3.1 even edges are listed with the last
coordinate fastest. Both have as many offsets as a hypercube, so a checkpoint does not show them: ``kernel_order``.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from pointnc.errors import UserError
from pointnc.weights.architecture import Architecture
from pointnc.weights.foreign.network import Network, normed
from pointnc.weights.foreign.source import Source

KernelOrder = Literal["auto", "cube", "hybrid", "hybrid_product"]
"""How the offsets of a kernel are counted.

- "cube": as a hypercube everywhere (version 0.5: LGround; MinkowskiEngine's own MinkUNet).
- "hybrid": the 3³ kernels of the blocks as a hybrid (versions 0.3.2 to 0.4.3: CSC, SpatioTemporalSegmentation).
- "hybrid_product": that, and 2³ kernels with the last coordinate fastest (versions up to 0.3.1).
- "auto": "cube", which is noted; a checkpoint whose 1³ kernels show an older version is asked about.
"""

ANCHOR = "conv0p1s1.kernel"
LEVELS = 4

EDGES = {1: 1, 8: 2, 27: 3, 125: 5, 343: 7}
"""Number of offsets of a hypercube in three dimensions to its edge."""


def read(state: Mapping[str, Tensor], kernel_order: KernelOrder = "auto") -> Network:
    """Convert a state.

    Args:
        state: the tensors by their names in the checkpoint.
        kernel_order: how the offsets of its kernels are counted.

    Raises:
        UserError: it is not a Res16UNet of basic or bottleneck blocks with batch normalization, or the order of its
            kernels is not known.
    """
    source = Source(state, ANCHOR)
    order, notes = _settle(source, kernel_order)
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
        tensors |= _normed(source, move, f"bn{kind}{number}", f"{ours}.{'up' if up else 'down'}", 2, EVEN[order])
        count = source.count(f"block{stage}.{{}}.")
        if count == 0:
            raise UserError(
                f"the checkpoint lacks {source.prefix}block{stage}: it is truncated, or another network",
                code="missing-tensor",
            )
        for index in range(count):
            tensors |= _block(source, f"block{stage}.{index}", f"{ours}.blocks.{index}", bottleneck, BLOCK[order])
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
    return Network(Architecture("MinkUNet", arguments), tensors, last, (*notes, *source.finish()))


def _settle(source: Source, kernel_order: KernelOrder) -> tuple[KernelOrder, tuple[str, ...]]:
    """Return the order to read by, and what was assumed."""
    if kernel_order not in get_args(KernelOrder):
        raise UserError(f"kernel_order={kernel_order}: choose {', '.join(get_args(KernelOrder))}", code="option")
    if kernel_order != "auto":
        return kernel_order, ()
    if any(name.endswith(".kernel") and value.ndim == 3 and len(value) == 1 for name, value in source.left.items()):
        raise UserError(
            "this checkpoint comes from MinkowskiEngine 0.4 or older, which does not say how its kernels are ordered: "
            "give kernel_order=hybrid (CSC, SpatioTemporalSegmentation), hybrid_product (the same over version 0.3.1 "
            "or older) or cube (the MinkUNet of MinkowskiEngine itself)",
            code="ambiguous",
        )
    return "cube", (
        "The kernels are taken in the order of MinkowskiEngine 0.5; those of CSC and SpatioTemporalSegmentation over "
        "0.4 or older need kernel_order=hybrid.",
    )


def _block(
    source: Source, theirs: str, ours: str, bottleneck: bool, positions: tuple[int, ...] | None
) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for layer, edge in enumerate((1, 3, 1) if bottleneck else (3, 3)):
        names = f"{theirs}.conv{layer + 1}", f"{theirs}.norm{layer + 1}"
        tensors |= _normed(source, *names, f"{ours}.path.{layer}", edge, positions if edge == 3 else None)
    if source.has(f"{theirs}.downsample.0.kernel"):
        tensors |= _normed(source, f"{theirs}.downsample.0", f"{theirs}.downsample.1", f"{ours}.shortcut", edge=1)
    return tensors


def _normed(
    source: Source,
    convolution: str,
    norm: str,
    ours: str,
    edge: int | None = None,
    positions: tuple[int, ...] | None = None,
) -> dict[str, Tensor]:
    kernel = _kernel(source, convolution, edge, positions)
    return normed(kernel, source.norm(f"{norm}.bn", len(kernel)), ours)


def _kernel(source: Source, name: str, edge: int | None, positions: tuple[int, ...] | None = None) -> Tensor:
    """Return a kernel as (out, k, k, k, in); its offsets stand at ``positions`` of a hypercube, or in that order."""
    kernel = source.take(f"{name}.kernel", (2, 3))
    kernel = kernel[None] if kernel.ndim == 2 else kernel
    offsets, inputs, outputs = kernel.shape
    k = EDGES.get(offsets, 0)
    if k == 0 or (edge is not None and k != edge):
        wanted = f"{edge**3} are expected" if edge else "no cube in three dimensions has as many"
        raise UserError(
            f"{source.prefix}{name}.kernel has {offsets} offsets, {wanted} (4-D networks are not supported)",
            code="unsupported",
        )
    if positions is not None:
        cube = torch.empty_like(kernel)
        cube[list(positions)] = kernel
        kernel = cube
    return kernel.reshape(k, k, k, inputs, outputs).permute(4, 2, 1, 0, 3)


def _hybrid() -> tuple[int, ...]:
    """Return where the offsets of a 3³ hybrid stand in the hypercube: each axis adds -1 and +1 to all so far."""
    offsets = [(0, 0, 0)]
    for axis in range(3):
        offsets += [(*o[:axis], step, *o[axis + 1 :]) for o in offsets for step in (-1, 1)]  # type: ignore[misc]
    return tuple(13 + x + 3 * y + 9 * z for x, y, z in offsets)


BLOCK = {"cube": None, "hybrid": _hybrid(), "hybrid_product": _hybrid()}
"""Order to where the offsets of the blocks' 3³ kernels stand in the hypercube; None: in that very order."""

EVEN = {
    "cube": None,
    "hybrid": None,
    "hybrid_product": tuple(x + 2 * y + 4 * z for x, y, z in product((0, 1), repeat=3)),
}
"""The same for 2³ kernels."""
