"""One file or one folder: what the name of the target asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from pointnc.errors import UserError
from pointnc.weights.bundle import save_bundle
from pointnc.weights.card import ModelCard
from pointnc.weights.published import save_weights
from pointnc.weights.skeleton import check_card


def write(out: Path, state: Mapping[str, Tensor], card: ModelCard, overwrite: bool) -> ModelCard:
    """Write weights that were checked against their card.

    Args:
        out: ``FILE.safetensors`` for a file, any other name for a bundle.
        state: the tensors.
        card: what they are.
        overwrite: whether to replace what stands there.

    Raises:
        UserError: the target exists, or the tensors do not fit the card.
    """
    check_card(card, state, card.origin)
    if out.suffix != ".safetensors":
        return save_bundle(out, state, card, overwrite)
    if out.exists() and not overwrite:
        raise UserError(f"{out} exists; give another out= or overwrite=true", code="exists")
    return save_weights(out, state, card)
