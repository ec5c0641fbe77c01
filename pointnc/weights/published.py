"""Weights with their card in one safetensors file: nothing is unpickled, the card is JSON in the file's metadata."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from pointnc.errors import UserError
from pointnc.files.atomic import atomic_path
from pointnc.untrusted.json_file import parse_json
from pointnc.weights.card import ModelCard

KEY = "pointnc"
WEIGHTS = "model.safetensors"
"""Name of the file in a bundle."""


def save_weights(path: str | Path, state: Mapping[str, Tensor], card: ModelCard) -> ModelCard:
    """Write weights and card to one file, whole or not at all.

    Args:
        path: the ``.safetensors`` file; its folder is made.
        state: the state of a :class:`~pointnc.models.segmentor.Segmentor`, or of its backbone alone
        card: what they are.

    Returns:
        The card with the hash of the tensors.
    """
    from safetensors.torch import save_file

    state = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    card = card.signed(tensors_sha256(state))
    with atomic_path(path) as temporary:
        save_file(state, temporary, {"format": "pt", KEY: json.dumps(card.to_dict())})
        temporary.chmod(0o666 & ~_umask())  # safetensors makes files that nobody else may read
    return card


def read_card(path: str | Path) -> ModelCard:
    """Read the card alone; the tensors stay on the disk.

    Raises:
        UserError: there is no such file, or it has no card that pointnc can read.
    """
    return _read(weights_file(path), tensors=False)[0]


def read_weights(path: str | Path) -> tuple[ModelCard, dict[str, Tensor]]:
    """Read card and tensors, onto the CPU.

    Args:
        path: a ``.safetensors`` file that pointnc wrote, or a bundle.

    Raises:
        UserError: the file is missing, damaged, not pointnc's, or its tensors are not those that the card describes.
    """
    path = weights_file(path)
    card, state = _read(path, tensors=True)
    if tensors_sha256(state) != card.sha256:
        raise UserError(
            f"{path} is damaged: its tensors are not those that its card describes; fetch it again", code="damaged-file"
        )
    return card, state


def read_sizes(path: str | Path) -> dict[str, int]:
    """Read how many numbers each tensor of a file has; the tensors stay on the disk.

    Raises:
        UserError: as :func:`read_card`.
    """
    from safetensors import safe_open

    path = weights_file(path)
    read_card(path)
    with safe_open(path, framework="pt") as file:
        return {name: math.prod(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def tensors_sha256(state: Mapping[str, Tensor]) -> str:
    """Return the hash of names, types, shapes and bytes, whatever the order."""
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def count_parameters(state: Mapping[str, Tensor]) -> int:
    """Return the number of trained parameters in a state: all but running statistics and fixed classifiers."""
    return count_trained({name: value.numel() for name, value in state.items()})


def count_trained(sizes: Mapping[str, int]) -> int:
    """Return the number of trained parameters by the sizes of all tensors."""
    statistics = ("running_mean", "running_var", "num_batches_tracked", "head.vectors")
    return sum(size for name, size in sizes.items() if not name.endswith(statistics))


def weights_file(path: str | Path) -> Path:
    """Return the file that a path to it or to its bundle names.

    Raises:
        UserError: there is none.
    """
    path = Path(path)
    file = path / WEIGHTS if path.is_dir() else path
    if not file.is_file():
        raise UserError(
            f"no weights at {file.absolute()}; give a .safetensors file or a bundle folder", code="missing-file"
        )
    return file


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _read(path: Path, tensors: bool) -> tuple[ModelCard, dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            text = (file.metadata() or {}).get(KEY)
            if text is None:
                raise UserError(
                    f"{path} has no model card of pointnc; if another code base wrote it, convert it with "
                    f"python -m pointnc.weights import={path}",
                    code="not-a-bundle",
                )
            card = ModelCard.from_dict(parse_json(text, "its card", "convert it again"))
            return card, {name: file.get_tensor(name) for name in file.keys()} if tensors else {}  # noqa: SIM118
    except UserError as error:
        raise UserError(str(error) if str(path) in str(error) else f"{path}: {error}", code=error.code) from None
    except (SafetensorError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is no safetensors file or is damaged ({str(error).splitlines()[0]})", code="damaged-file"
        ) from None
