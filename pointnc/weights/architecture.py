"""Architectures as data: what a weights file says of its network, and the network built from it.

A file may name only the backbones listed here, so that reading an untrusted file never calls what it chooses.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pointnc.errors import UserError
from pointnc.models.minkunet import MinkUNet
from pointnc.models.sonata import INPUT, Sonata
from pointnc.models.spunet import SpUNet
from pointnc.models.unet import SparseUNet
from pointnc.models.volt import Volt

OwnBackbone: TypeAlias = SparseUNet | Volt | Sonata

ARCHITECTURES: dict[str, type[OwnBackbone]] = {"MinkUNet": MinkUNet, "SpUNet": SpUNet, "Volt": Volt, "Sonata": Sonata}
"""Name of a backbone to its class."""

TARGETS = {
    target: name
    for name, kind in ARCHITECTURES.items()
    for target in (f"{kind.__module__}.{name}", f"pointnc.models.{name}")
}
"""What a configuration calls a backbone (``_target_``) to its name."""

HOW = ("checkpointing", "engine", "drop_path", "freeze")
"""Arguments that say how a network is computed or trained, not what it is: no part of an architecture."""

LARGEST = 65536
"""Most channels, blocks or voxels that a number in an architecture may ask for."""

TITLES = {
    "Volt": ("channels", "depth", "out_channels"),
    "Sonata": ("channels", "depths", "decoder_channels", "absent"),
}
"""Arguments that tell transformers apart; of U-Nets they are the planes and layers."""

LISTS = ("planes", "layers", "channels", "depths", "decoder_channels", "decoder_depths")
"""Arguments of one number a stage; the channels of a Volt are one number."""

OPTIONAL = ("out_channels", "neck", "decoder_channels", "decoder_depths")
"""Arguments that may be None."""

MOST_STAGES = 32
"""Longest list of them; a network that halves the resolution 16 times sees a town as one voxel."""


@dataclass(frozen=True)
class Architecture:
    """A backbone by its name and its constructor's arguments.

    Attributes:
        name: a key of ``ARCHITECTURES``.
        arguments: every argument of the constructor, ``in_channels`` included, in plain types.
    """

    name: str
    arguments: dict[str, Any]

    def __post_init__(self) -> None:
        if self.name not in ARCHITECTURES:
            raise UserError(
                f"unknown architecture {self.name!r}; pointnc has {', '.join(ARCHITECTURES)}", code="unknown-name"
            )
        parameters = dict(inspect.signature(ARCHITECTURES[self.name]).parameters)
        for name in HOW:
            parameters.pop(name, None)
        unknown = sorted(set(self.arguments) - set(parameters))
        if unknown:
            raise UserError(
                f"architecture {self.name} has no {unknown[0]!r}; it has {', '.join(parameters)}", code="unknown-name"
            )
        for name, parameter in parameters.items():
            if name in self.arguments:
                self.arguments[name] = _plain(name, self.arguments[name])
            elif parameter.default is parameter.empty:
                raise UserError(f"architecture {self.name} lacks {name!r}", code="malformed")
            else:
                self.arguments[name] = parameter.default

    @classmethod
    def of(cls, node: Mapping[str, Any], in_channels: int) -> Architecture:
        """Return the architecture of a configuration's ``model`` node.

        Raises:
            UserError: its ``_target_`` is not one of pointnc's backbones.
        """
        arguments = {str(key): value for key, value in node.items() if not str(key).startswith("_") and key not in HOW}
        name = TARGETS.get(str(node.get("_target_")))
        if name is None:
            knows = ", ".join(ARCHITECTURES)
            raise UserError(
                f"weights of {node.get('_target_')} cannot be exchanged: pointnc knows {knows}", code="unsupported"
            )
        return cls(name, {**arguments, "in_channels": in_channels})

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return "transformer" if self.name in TITLES else "sparse 3-D U-Net"

    def build(self) -> OwnBackbone:
        """Build the backbone with fresh weights.

        Raises:
            UserError: the arguments are none of such a network.
        """
        return ARCHITECTURES[self.name](**self.arguments)

    def node(self) -> dict[str, Any]:
        """Return the ``model`` node of a configuration that builds this backbone; the data give ``in_channels``."""
        target = f"{ARCHITECTURES[self.name].__module__}.{self.name}"
        return {"_target_": target, **{key: value for key, value in self.arguments.items() if key != "in_channels"}}

    @property
    def title(self) -> str:
        """The name with the plan: enough to tell two networks apart."""
        neck = f", neck of {self.arguments['neck']}" if self.arguments.get("neck") else ""
        sizes = {key: self.arguments[key] for key in TITLES.get(self.name, ("planes", "layers")) if self.arguments[key]}
        plan = [f"{key} {_dashed(value)}" for key, value in sizes.items()]
        block = "" if self.name in TITLES else f", {self.arguments.get('block', 'basic')} blocks"
        return f"{self.name}, {', '.join(plan)}{block}{neck}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain types only; without a neck that is not there, which earlier versions do not know."""
        arguments = {key: value for key, value in self.arguments.items() if key != "neck" or value is not None}
        return {"name": self.name, **arguments}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Architecture:
        """Read what :meth:`to_dict` wrote.

        Raises:
            UserError: it is not an architecture.
        """
        return cls(str(data.get("name")), {key: value for key, value in data.items() if key != "name"})


def how_of(node: Mapping[str, Any], target: str) -> dict[str, Any]:
    """Return what a ``model`` node says of how its network is computed, as far as another backbone can be told so.

    Args:
        node: of a configuration.
        target: ``_target_`` of the other backbone.
    """
    kind = ARCHITECTURES.get(TARGETS.get(target, ""))
    known = HOW if kind is None else [name for name in HOW if name in inspect.signature(kind).parameters]
    return {name: node[name] for name in known if name in node}


def is_transformer(node: Mapping[str, Any]) -> bool:
    """Whether a ``model`` node builds one of pointnc's transformers, whose blocks have no batch norm."""
    return TARGETS.get(str(node.get("_target_"))) in TITLES


def engine_of(node: Mapping[str, Any]) -> str | None:
    """Return the engine of sparse convolutions that a ``model`` node wants; None where its network has none."""
    kind = ARCHITECTURES.get(TARGETS.get(str(node.get("_target_")), ""))
    return None if hasattr(kind, "engine") else node.get("engine", "auto")  # a run of an earlier version has no engine


def _plain(name: str, value: Any) -> Any:
    """Return an argument in plain types, or raise that it is of the wrong kind."""
    if name in OPTIONAL and value is None:
        return None
    if name == "absent" and isinstance(value, Sequence | None) and all(one in INPUT for one in value or ()):
        return list(value or ())
    if (name == "layer_scale" and isinstance(value, bool)) or (name == "order_seed" and _is_count(value, least=0)):
        return value
    if name in LISTS and not (name == "channels" and _is_count(value)):
        numbers = [] if isinstance(value, str | Mapping) or not isinstance(value, Iterable) else list(value)
        if 0 < len(numbers) <= MOST_STAGES and all(_is_count(number) for number in numbers):
            return numbers
        raise UserError(
            f"architecture: {name}={str(value)[:80]} is no list of whole numbers between 1 and {LARGEST}, at most "
            f"{MOST_STAGES} of them",
            code="option",
        )
    if name == "block" and isinstance(value, str):
        return value
    if name.startswith("batch_norm") and isinstance(value, float | int) and not isinstance(value, bool):
        return float(value)
    if _is_count(value):
        return value
    raise UserError(
        f"architecture: {name}={str(value)[:80]} is out of range or of the wrong kind; numbers go to {LARGEST}",
        code="option",
    )


def _dashed(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


def _is_count(value: Any, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST
