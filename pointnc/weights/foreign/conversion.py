"""Which code base a checkpoint comes from, and its network in the names and layouts of this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from torch import Tensor

from pointnc.errors import UserError
from pointnc.weights.architecture import Architecture
from pointnc.weights.foreign import minkowski, pointcept, sonata, volt
from pointnc.weights.foreign.heads import KINDS, has_named_heads
from pointnc.weights.foreign.minkowski import KernelOrder
from pointnc.weights.foreign.network import Network
from pointnc.weights.foreign.source import prefix_of

SourceName = Literal["minkowski", "pointcept", "volt", "sonata"]

READERS = {"minkowski": minkowski, "pointcept": pointcept, "volt": volt, "sonata": sonata}

UNSUPPORTED = {
    "pdnorm": ("conv_input.conv.weight", "Pointcept's SpUNet-v1m3 (PPT), which has a normalization for each data set"),
    "ptv3": ("embedding.stem.conv.weight", "a Point Transformer V3"),
    "resunet": ("conv1.kernel", "a MinkowskiEngine network other than Res16UNet"),
    "own": ("backbone.stem.convolution.weight", "a network of pointnc already (export=RUN publishes a run)"),
    "torchsparse": ("stage1.0.net.0.kernel", "a torchsparse network"),
}
"""Ends of names by which networks are told that are not supported, and what to call them."""


@dataclass(frozen=True)
class Converted:
    """A network in the layout of this code base.

    Attributes:
        architecture: its backbone.
        state: tensors in the names of a :class:`~pointnc.models.segmentor.Segmentor`, without ``head`` where the last
            layer gives features.
        outputs: K of the classifier, or None.
        notes: what was filled in or left out, a sentence each.
        named_heads: whether the file has heads by name.
    """

    architecture: Architecture
    state: dict[str, Tensor]
    outputs: int | None
    notes: tuple[str, ...] = field(default=())
    named_heads: bool = False


def recognize(state: Mapping[str, Tensor]) -> SourceName:
    """Return the code base that a state comes from, by its names.

    Raises:
        UserError: none of the supported ones.
    """
    for name, reader in READERS.items():
        if prefix_of(state, reader.ANCHOR) is not None:
            return name  # type: ignore[return-value]
    for anchor, title in UNSUPPORTED.values():
        if any(key == anchor or key.endswith(f".{anchor}") for key in state):
            raise UserError(
                f"this is {title}: not supported; Res16UNet, SpUNet-v1m1, Volt and Sonata are", code="unsupported"
            )
    example = next(iter(state), "nothing")
    raise UserError(
        f"unknown network ({len(state)} tensors, such as {example}): MinkowskiEngine's Res16UNet, Pointcept's "
        "SpUNet-v1m1, Volt and Sonata are supported",
        code="unsupported",
    )


def convert(
    state: Mapping[str, Tensor],
    source: str = "auto",
    head: str = "auto",
    kernel_order: KernelOrder = "auto",
    keywords: Mapping[str, Any] | None = None,
) -> Converted:
    """Convert a foreign state.

    Args:
        state: the tensors by their names in the checkpoint.
        source: "auto", "minkowski", "pointcept", "volt" or "sonata".
        head: what the last layer is: a "classifier", or a map to "features", as in networks that were trained to
            meet another one's embedding; a transformer is then read without it. "auto": a classifier. Of several
            heads the name of one.
        kernel_order: how a MinkowskiEngine counts the offsets of its kernels
            (:data:`pointnc.weights.foreign.minkowski.KernelOrder`).
        keywords: what the file says of its network's constructor, see
            :func:`pointnc.weights.foreign.reading.read_keywords`.

    Raises:
        UserError: the network is not supported; the message names the tensor that tells it.
    """
    if not isinstance(head, str) or source not in ("auto", *READERS):
        raise UserError(
            f"head={head}, source={source}: source is auto, {', '.join(READERS)}, head a word", code="option"
        )
    network = _read(state, recognize(state) if source == "auto" else source, head, kernel_order, keywords or {})
    last, named = network.last, has_named_heads(state)
    if last is None and head == "classifier":
        raise UserError("this network has no last layer to be a classifier", code="unsupported")
    if last is None:
        return Converted(network.architecture, network.backbone(), None, network.notes, named)
    weight, bias = last
    if head != "features":
        tensors = {**network.backbone(), "head.weight": weight, "head.bias": bias}
        return Converted(network.architecture, tensors, len(bias), network.notes, named)
    if "planes" not in network.architecture.arguments:  # a transformer ends in features of its own
        notes = (*network.notes, f"The last layer, of {len(bias)} outputs, was left out: features are what it was fed.")
        return Converted(network.architecture, network.backbone(), None, notes, named)
    return _as_features(network, weight, bias)


def _read(
    state: Mapping[str, Tensor], source: str, head: str, kernel_order: KernelOrder, keywords: Mapping[str, Any]
) -> Network:
    if source == "minkowski" and head not in KINDS:
        raise UserError(f"head={head}: this checkpoint has no heads by name; choose {', '.join(KINDS)}", code="option")
    if source == "minkowski":
        return minkowski.read(state, kernel_order)
    if kernel_order != "auto":
        raise UserError(
            f"kernel_order={kernel_order} is for checkpoints of MinkowskiEngine, this is {source}",
            code="conflicting-settings",
        )
    if source == "sonata":
        return sonata.read(state, keywords, head)
    return volt.read(state, head) if source == "volt" else pointcept.read(state, head)


def _as_features(network: Network, weight: Tensor, bias: Tensor) -> Converted:
    """Keep the last layer, (out, in) and (out,), as the backbone's projection."""
    arguments: dict[str, Any] = {**network.architecture.arguments, "out_channels": len(bias)}
    projection = {"backbone.projection.weight": weight[:, None, None, None, :], "backbone.projection.bias": bias}
    architecture = replace(network.architecture, arguments=arguments)
    return Converted(architecture, {**network.backbone(), **projection}, None, network.notes)
