"""Volt, as its authors' training leaves it: alone or inside a segmentor with one head or several."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from pointnc.errors import UserError
from pointnc.models.attention import WIDTH
from pointnc.models.tokens import PLACES
from pointnc.weights.architecture import Architecture
from pointnc.weights.foreign.heads import take_head
from pointnc.weights.foreign.network import Network
from pointnc.weights.foreign.source import Source, refuse_own
from pointnc.weights.skeleton import without_memory

ANCHOR = "tokenizer.proj.weight"
NORMS = ("decoder.pre.0", "decoder.pre.3", "decoder.post.0")


def read(state: Mapping[str, Tensor], head: str = "auto") -> Network:
    """Convert a state.

    Args:
        state: the tensors by their names in the checkpoint.
        head: the name of one of several heads, or a kind of :data:`pointnc.weights.foreign.heads.KINDS`.

    Raises:
        UserError: it is not a Volt of the released form.
    """
    source = Source(state, ANCHOR)
    refuse_own(source, state)
    architecture = _architecture(source)
    with without_memory():
        own = architecture.build().state_dict()
    tensors: dict[str, Tensor] = {}
    for norm in NORMS:
        taken = source.norm(norm, len(own[f"{norm}.weight"]))
        tensors |= {f"{norm}.{key}": value for key, value in taken.items()}
    for name, expected in own.items():
        if name not in tensors:
            tensors[name] = source.take_like(name, expected)
    last = take_head(source, state, head)
    return Network(architecture, {name: tensors[name] for name in own}, last, source.finish())


def _architecture(source: Source) -> Architecture:
    """Return the plan that the sizes of the first and the last layer show."""
    shape = tuple(source.left[ANCHOR].shape)
    depth = source.count("blocks.{}.")
    bias = source.left.get("decoder.unembed.bias")
    if bias is None or bias.ndim != 1 or not depth:
        missing = "blocks" if not depth else "decoder.unembed.bias"
        raise UserError(
            f"the checkpoint lacks {source.prefix}{missing}: it is truncated, or another network", code="missing-tensor"
        )
    if len(shape) != 2 or shape[0] % WIDTH or shape[1] % PLACES:
        raise UserError(
            f"{source.prefix}{ANCHOR} has the shape {shape}, not (a multiple of {WIDTH}, {PLACES} x channels): "
            f"tokens of other than 5^3 voxels or heads of other than {WIDTH} channels are not supported",
            code="unsupported",
        )
    arguments = {
        "in_channels": shape[1] // PLACES,
        "channels": shape[0],
        "depth": depth,
        "out_channels": len(bias),
    }
    return Architecture("Volt", arguments)
