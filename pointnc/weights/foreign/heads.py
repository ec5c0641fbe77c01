"""Linear heads beside a backbone of Pointcept's kind: one, or after joint training one for each label set."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pointnc.errors import UserError
from pointnc.weights.foreign.source import Source

ONE, SEVERAL = "seg_head", "seg_heads"
KINDS = ("auto", "classifier", "features")
"""What ``head=`` may say of a network with one head; anything else is the name of one of several."""


def take_head(source: Source, state: Mapping[str, Tensor], choice: str) -> tuple[Tensor, Tensor] | None:
    """Return weight (out, in) and bias (out,) of the head, and cross it off; None where there is none.

    Args:
        source: the backbone's tensors.
        state: all tensors of the file.
        choice: one of ``KINDS``, or the name of a head.

    Raises:
        UserError: the head is no single linear layer, there are several and none was chosen, or not the chosen one.
    """
    inside = source.prefix.endswith("backbone.")
    outer = source.prefix.removesuffix("backbone.")
    named = _named(state, f"{outer}{SEVERAL}.") if inside else {}
    name = f"{outer}{ONE}"
    if choice not in KINDS or (named and not any(key.startswith(f"{name}.") for key in state)):
        chosen = _choose(named, choice)
        if chosen is None:
            return None
        name = named[chosen]
    head = {key for key in state if key.startswith(f"{name}.")} if inside else set()
    if not head:
        return None
    more = sorted(head - {f"{name}.weight", f"{name}.bias"})
    if more or f"{name}.weight" not in head:
        raise UserError(
            f"the checkpoint has {(more or sorted(head))[0]}: a head of more than one linear layer is not supported; "
            f"take {name}.* out of the file to import the backbone alone",
            code="unsupported",
        )
    source.outside = [key for key in source.outside if key not in head]
    weight = source.real(f"{name}.weight", state[f"{name}.weight"], (2,))
    bias = state.get(f"{name}.bias", torch.zeros(len(weight)))
    return weight, source.real(f"{name}.bias", bias, (1,))


def has_named_heads(state: Mapping[str, Tensor]) -> bool:
    """Whether a state has heads by name, as the joint trainings and the teachers of Volt leave them."""
    return any(f".{SEVERAL}." in f".{key}" for key in state)


def _named(state: Mapping[str, Tensor], start: str) -> dict[str, str]:
    """Return the name of each of several heads to what its tensors' names begin with."""
    names = {key.removeprefix(start).rpartition(".")[0] for key in state if key.startswith(start)}
    return {name: f"{start}{name}" for name in sorted(names) if name}


def _choose(named: Mapping[str, str], choice: str) -> str | None:
    if choice == "features":
        return None
    if choice not in KINDS:
        if choice in named:
            return choice
        there = f"it has {', '.join(named)}" if named else "it has no heads by name (auto, classifier or features)"
        raise UserError(f"head={choice}: the checkpoint has no such head; {there}", code="unknown-name")
    if len(named) > 1:
        raise UserError(
            f"the checkpoint has the heads {', '.join(named)}: choose one by head=NAME, or head=features",
            code="ambiguous",
        )
    return next(iter(named), None)
