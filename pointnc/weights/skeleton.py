"""A network without memory for its weights: what tensors out of a file are compared with before they are taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from pointnc.errors import UserError
from pointnc.models.segmentor import Segmentor
from pointnc.weights.card import ModelCard
from pointnc.weights.tensors import check_values, first_difference


def check_card(card: ModelCard, state: Mapping[str, Tensor], origin: str) -> None:
    """Compare tensors with the network that a card describes, its head included where it has classes.

    Raises:
        UserError: they differ; the message names the first difference.
    """
    try:
        own = skeleton(card).state_dict()
    except UserError as error:  # sizes that are none of such a network
        raise UserError(f"{origin}: {error}", code=error.code) from None
    if card.taxonomy is None:
        own = {name: value for name, value in own.items() if not name.startswith("head.")}
    check_state(own, state, origin)


def skeleton(card: ModelCard) -> Segmentor:
    """Return the network that a card describes, without memory, whatever sizes an untrusted card may name."""
    with without_memory():
        backbone = card.architecture.build()
        classes = len(card.taxonomy or ()) or 1
        return Segmentor(backbone, classes, card.head.build(backbone.out_channels, classes))


@contextmanager
def without_memory() -> Iterator[None]:
    """Build modules whose tensors have a shape and a type but no memory (meta), and are not drawn."""
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Leaves out the drawing of weights, for which torch would load its compiler where they are meta."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return args[0] if func in (Tensor.normal_, Tensor.uniform_) else func(*args, **(kwargs or {}))


def check_state(own: Mapping[str, Tensor], state: Mapping[str, Tensor], origin: str) -> None:
    """Compare names, shapes and types, and see that the numbers are finite.

    Raises:
        UserError: they are not a network's; the message names the first that is not.
    """
    if (found := first_difference(own, state)) is not None:
        name, mine, theirs = found
        raise UserError(
            f"{origin} does not fit its architecture: {name} is {theirs} there, {mine} is expected",
            code="other-network",
        )
    check_values(own, state, origin)
