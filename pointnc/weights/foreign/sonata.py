"""The encoders of Sonata and Concerto (Point Transformer V3 "m2"), as they are released or fine-tuned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from pointnc.data.features import feature_channels, scene_array
from pointnc.errors import UserError
from pointnc.models.patches import WIDTH
from pointnc.models.serialization import ORDERS
from pointnc.models.sonata import INPUT
from pointnc.weights.architecture import Architecture
from pointnc.weights.foreign.heads import take_head
from pointnc.weights.foreign.network import Network
from pointnc.weights.foreign.source import Source, refuse_own
from pointnc.weights.skeleton import without_memory

ANCHOR = "embedding.stem.linear.weight"
PRETRAINING = "embedding.mask_token"
"""What stands for a hidden voxel in pretraining: of no use afterwards."""

ROTARY = "attn.rope.inv_freq"
"""What the next version of the network has in each block."""

LICENSE = "CC-BY-NC-4.0"
"""Of all weights that were released so far; the code's is another."""

PATCH = 1024
EXPECTED = {"pre_norm": True, "qk_scale": None, "enable_rpe": False, "shuffle_orders": True, "mlp_ratio": 4}
"""Constructor keywords of the released files that a network here has no choice of."""


def read(state: Mapping[str, Tensor], keywords: Mapping[str, Any], head: str = "auto") -> Network:
    """Convert a state.

    Args:
        state: the tensors by their names in the checkpoint.
        keywords: of the constructor, where the file says them.
        head: the name of one of several heads, or a kind of :data:`pointnc.weights.foreign.heads.KINDS`.

    Raises:
        UserError: it is no such encoder.
    """
    source = Source(state, ANCHOR)
    refuse_own(source, state)
    if rotary := next((key for key in source.left if key.endswith(ROTARY)), None):
        raise UserError(
            f"{source.prefix}{rotary}: this is Utonia, a Point Transformer V3 of another version (m3, with rotary "
            "positions): not supported; Sonata and Concerto (m2) are",
            code="unsupported",
        )
    notes = []
    if PRETRAINING in source.left:
        notes.append("The embedding of hidden voxels was left out; it serves pretraining alone.")
    source.left.pop(PRETRAINING, None)
    architecture = _architecture(source, keywords)
    if not keywords:
        notes.append(f"The file does not say its patch size: {PATCH} was taken.")
    with without_memory():
        own = architecture.build().state_dict()
    tensors = {name: source.take_like(name, expected) for name, expected in own.items()}
    last = take_head(source, state, head)
    return Network(architecture, tensors, last, (*notes, *source.finish()))


def with_input(architecture: Architecture, features: Sequence[str]) -> Architecture:
    """Return an encoder that takes these features and zeros for the others.

    Raises:
        UserError: they are none of what it was trained to see, or in another order.
    """
    feature_channels(features)
    arrays = [scene_array(name) for name in features]
    if arrays != [name for name in INPUT if name in arrays]:
        raise UserError(
            f"features=[{','.join(features)}]: this encoder takes {', '.join(INPUT)} in this order; leave out what "
            "your data lack, zeros stand for it",
            code="channels",
        )
    arguments = {**architecture.arguments, "in_channels": 3 * len(arrays)}
    return replace(architecture, arguments={**arguments, "absent": [name for name in INPUT if name not in arrays]})


def _architecture(source: Source, keywords: Mapping[str, Any]) -> Architecture:
    stages = source.count("enc.enc{}.")
    channels, depths = [], []
    for stage in range(stages):
        depths.append(source.count(f"enc.enc{stage}.block{{}}."))
        channels.append(_width(source, f"enc.enc{stage}.block0.attn.proj.weight"))
    decoder = source.count("dec.dec{}.")
    if not stages or (decoder and decoder != stages - 1):
        raise UserError(
            f"the checkpoint lacks {source.prefix}{'dec' if decoder else 'enc'}: it is truncated", code="missing-tensor"
        )
    inputs = source.left[ANCHOR].shape[-1]
    if inputs != 3 * len(INPUT):
        raise UserError(
            f"{source.prefix}{ANCHOR} has {inputs} input channels; {', '.join(INPUT)} are supported", code="unsupported"
        )
    _check_keywords(keywords, channels)
    arguments: dict[str, Any] = {
        "in_channels": inputs,
        "channels": channels,
        "depths": depths,
        "patch": _patch(keywords),
        "layer_scale": source.has("enc.enc0.block0.ls1.0.gamma"),
    }
    if decoder:
        names = [f"dec.dec{stage}" for stage in range(decoder)]
        arguments["decoder_channels"] = [_width(source, f"{name}.block0.attn.proj.weight") for name in names]
        arguments["decoder_depths"] = [source.count(f"{name}.block{{}}.") for name in names]
    return Architecture("Sonata", arguments)


def _width(source: Source, name: str) -> int:
    if not source.has(name):
        raise UserError(
            f"the checkpoint lacks {source.prefix}{name}: it is truncated, or another network", code="missing-tensor"
        )
    if source.left[name].ndim != 2:
        raise UserError(
            f"{source.prefix}{name} has the shape {tuple(source.left[name].shape)}, which is not supported",
            code="unsupported",
        )
    return len(source.left[name])


def _patch(keywords: Mapping[str, Any]) -> int:
    wanted: list[Any] = []
    for key, usual in (("enc_patch_size", [PATCH]), ("dec_patch_size", None)):
        sizes = keywords.get(key, usual)
        wanted += sizes if isinstance(sizes, list | tuple) else [] if sizes is None else [sizes]
    size = wanted[0] if wanted and all(one == wanted[0] for one in wanted) else None
    if not isinstance(size, int) or isinstance(size, bool):
        raise UserError(
            f"patch sizes {str(wanted)[:80]} of its config: stages of one patch size are supported", code="unsupported"
        )
    return size


def _check_keywords(keywords: Mapping[str, Any], channels: Sequence[int]) -> None:
    """Refuse a file whose keywords ask for another network, though its tensors look the same."""
    expected = {**EXPECTED, "order": list(ORDERS), "stride": [2] * (len(channels) - 1)}
    expected["enc_num_head"] = [width // WIDTH for width in channels]
    for name, value in expected.items():
        there = keywords.get(name, value)
        there = list(there) if isinstance(there, tuple) else there
        if there != value:
            raise UserError(f"{name}={str(there)[:80]} of its config is not supported: {value} is", code="unsupported")
