"""SpUNet-v1m1 of Pointcept, over spconv 2, alone or inside a segmentor with one linear head or several.

spconv 2 keeps a kernel as (out, k, k, k, in), as here. But what it computes with a 1³ kernel is the product with that
memory read as (in, out), which is not its transpose; so trained weights mean that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pointnc.errors import UserError
from pointnc.weights.architecture import Architecture
from pointnc.weights.foreign.heads import KINDS, take_head
from pointnc.weights.foreign.network import Network, normed
from pointnc.weights.foreign.source import Source

ANCHOR = "conv_input.0.weight"


def read(state: Mapping[str, Tensor], head: str = "auto") -> Network:
    """Convert a state.

    Args:
        state: the tensors by their names in the checkpoint.
        head: the name of one of several heads, or a kind of :data:`pointnc.weights.foreign.heads.KINDS`.

    Raises:
        UserError: it is not a SpUNet-v1m1.
    """
    source = Source(state, ANCHOR)
    tensors = _normed(source, "conv_input.0", "conv_input.1", "stem")
    stem = tensors["stem.convolution.weight"]
    levels = source.count("down.{}.")
    layers, planes = [], []
    # Their decoder counts from fine to coarse.
    stages = [("enc", "down", level, f"encoder.{level}") for level in range(levels)]
    stages += [("dec", "up", level, f"decoder.{levels - 1 - level}") for level in reversed(range(levels))]
    for blocks, move, level, ours in stages:
        tensors |= _normed(source, f"{move}.{level}.0", f"{move}.{level}.1", f"{ours}.{move}", edge=2)
        count = source.count(f"{blocks}.{level}.block{{}}.")
        if count == 0:
            raise UserError(
                f"the checkpoint lacks {source.prefix}{blocks}.{level}: it is truncated, or has no decoder",
                code="missing-tensor",
            )
        for index in range(count):
            tensors |= _block(source, f"{blocks}.{level}.block{index}", f"{ours}.blocks.{index}")
        planes.append(len(tensors[f"{ours}.{move}.convolution.weight"]))
        layers.append(count)
    arguments: dict[str, Any] = {
        "in_channels": stem.shape[-1],
        "planes": planes,
        "layers": layers,
        "stem_channels": len(stem),
        "stem_kernel": stem.shape[1],
    }
    last = _last(source, state, head)
    return Network(Architecture("SpUNet", arguments), tensors, last, source.finish())


def _last(source: Source, state: Mapping[str, Tensor], head: str) -> tuple[Tensor, Tensor] | None:
    """Return the layer behind the backbone: its own, or a linear head of the segmentor's."""
    if head in KINDS and source.has("final.weight"):
        weight = _kernel(source, "final", edge=1)[:, 0, 0, 0]
        return weight, source.take("final.bias", (1,))
    return take_head(source, state, head)


def _block(source: Source, theirs: str, ours: str) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for layer in (1, 2):
        names = f"{theirs}.conv{layer}", f"{theirs}.bn{layer}"
        tensors |= _normed(source, *names, f"{ours}.path.{layer - 1}", edge=3)
    if source.has(f"{theirs}.proj.0.weight"):
        tensors |= _normed(source, f"{theirs}.proj.0", f"{theirs}.proj.1", f"{ours}.shortcut", edge=1)
    return tensors


def _normed(source: Source, convolution: str, norm: str, ours: str, edge: int | None = None) -> dict[str, Tensor]:
    kernel = _kernel(source, convolution, edge)
    return normed(kernel, source.norm(norm, len(kernel)), ours)


def _kernel(source: Source, name: str, edge: int | None) -> Tensor:
    """Return a kernel as (out, k, k, k, in), a 1³ one in its plain sense."""
    kernel = source.take(f"{name}.weight", (5,))
    outputs, *edges, inputs = kernel.shape
    if len(set(edges)) != 1 or (edge is not None and edges[0] != edge):
        raise UserError(
            f"{source.prefix}{name}.weight has the shape {tuple(kernel.shape)}, not (out, k, k, k, in)"
            + (f" with k = {edge}" if edge else "")
            + ": kernels of spconv 1 are not supported",
            code="unsupported",
        )
    return kernel.reshape(inputs, outputs).T.reshape(outputs, 1, 1, 1, inputs) if edges[0] == 1 else kernel
