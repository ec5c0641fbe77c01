"""From weights on the disk or on the hub to a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from pointnc.errors import UserError
from pointnc.models.card import ModelCard
from pointnc.models.segmentor import Segmentor
from pointnc.models.tensors import check_values
from pointnc.models.weights import read_weights


def load(path_or_hub_id: str | Path, download: bool = False) -> Segmentor:
    """Return the network of a weights file, a bundle or a repository of the hub, ready to predict.

    Args:
        path_or_hub_id: a ``.safetensors`` file that pointnc wrote, a bundle folder, or ``owner/name`` of a
            repository that was pulled.
        download: whether a repository may be fetched from the network; otherwise only the local cache is asked.

    Returns:
        The network on the CPU, in evaluation mode. Its ``card`` says which input it expects, and
        ``card.taxonomy`` what its outputs mean.

    Raises:
        UserError: nothing is there, or it has no classifier.
    """
    path = locate(path_or_hub_id, download)
    card, state = read_weights(path)
    if card.taxonomy is None:
        raise UserError(f"{path} has no classifier: train one on it with python -m pointnc.train weights={path}")
    check_card(card, state, str(path))
    model = _skeleton(card)
    model.load_state_dict(dict(state), assign=True)
    model.requires_grad_(True)
    model.card = card
    return model.eval()


def check_card(card: ModelCard, state: Mapping[str, Tensor], origin: str) -> None:
    """Compare tensors with the network that a card describes, its head included where it has classes.

    Raises:
        UserError: they differ; the message names the first difference.
    """
    try:
        own = _skeleton(card).state_dict()
    except UserError as error:  # sizes that are none of a U-Net's
        raise UserError(f"{origin}: {error}") from None
    if card.taxonomy is None:
        own = {name: value for name, value in own.items() if not name.startswith("head.")}
    check_state(own, state, origin)


def _skeleton(card: ModelCard) -> Segmentor:
    """The network without memory for its weights, whatever sizes a stranger's card may name."""
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
    for name in (*own, *state):
        theirs = tuple(state[name].shape) if name in state else "nothing"
        mine = tuple(own[name].shape) if name in own else "nothing"
        if theirs != mine:
            raise UserError(f"{origin} does not fit its architecture: {name} is {theirs} there, {mine} is expected")
    check_values(own, state, origin)


def locate(path_or_hub_id: str | Path, download: bool = False) -> Path:
    """Return the file or folder that a path or the id of a repository names.

    Raises:
        UserError: there is none.
    """
    from pointnc.models import hub

    path = Path(path_or_hub_id)
    if path.exists():
        return path
    if not hub.is_repository(str(path_or_hub_id)):
        raise UserError(f"no weights at {path.absolute()}")
    if download:
        return hub.pull(str(path_or_hub_id))
    cached = hub.cached(str(path_or_hub_id))
    if cached is None:
        raise UserError(
            f"{path_or_hub_id} is neither a path nor in the local cache; python -m pointnc.weights "
            f"pull {path_or_hub_id} fetches it from the hub"
        )
    return cached
