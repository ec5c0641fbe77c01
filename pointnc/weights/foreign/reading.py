"""The tensors in an untrusted checkpoint, without unpickling anything but tensors."""

from __future__ import annotations

import pickle
import re
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pointnc.errors import UserError
from pointnc.weights.archive import check_archive
from pointnc.weights.tensors import check_dense, check_finite

WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "network", "net")
"""Keys under which checkpoints keep the state of their network."""


class Ignored:
    """Stands where a file has a number of numpy's, as training code keeps its best score: it is not needed.

    Nothing of numpy is run for it; every other name that a file asks for is still refused.
    """

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


NUMPY_NUMBERS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (Ignored, name) for name in ("numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
]
"""What such a number asks for, under numpy 1 and 2."""

DEEPEST = 16
"""Wrappers within wrappers that are opened."""


def read_state(path: str | Path, allow_pickle: bool = False) -> dict[str, Tensor]:
    """Return the state of the network in a ``.pth``, ``.pt``, ``.ckpt`` or ``.safetensors`` file, on the CPU.

    Args:
        path: the file.
        allow_pickle: read files that hold more than tensors and plain types too. Such a file can run any code when
            it is read: only for files whose makers one trusts.

    Raises:
        UserError: the file is missing, damaged, no checkpoint, or needs ``allow_pickle``; or a tensor is not dense or
            not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no checkpoint at {path.absolute()}", code="missing-file")
    data = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path, allow_pickle)
    state = _find_state(data)
    if not state:
        raise UserError(f"{path} holds no tensors by name: it is no checkpoint of a network", code="wrong-format")
    for name, value in state.items():
        check_dense(name, value, str(path))
        check_finite(name, value, str(path))
    return state


def read_keywords(path: str | Path, allow_pickle: bool = False) -> dict[str, Any]:
    """Return what a file says of its network's constructor beside the state: names to plain values; empty without.

    Args:
        path: a file that :func:`read_state` has read.
        allow_pickle: as there.
    """
    path = Path(path)
    data = {} if path.suffix == ".safetensors" else _read_torch(path, allow_pickle)
    config = data.get("config") if isinstance(data, Mapping) else None
    if not isinstance(config, Mapping):
        return {}
    plain = (bool, int, float, str, type(None))
    return {
        str(key): value
        for key, value in config.items()
        if isinstance(value, plain)
        or (isinstance(value, list | tuple) and all(isinstance(one, plain) for one in value))
    }


def _read_torch(path: Path, allow_pickle: bool) -> Any:
    if allow_pickle is not True and tarfile.is_tarfile(path):  # torch below 2.6 runs code out of these all the same
        raise UserError(
            f"{path} is in the format of torch below 0.4; save it again, or allow_pickle=true if you trust it",
            code="other-version",
        )
    try:
        if zipfile.is_zipfile(path):
            check_archive(path, tensors=True)
        if allow_pickle is True:  # no other value is a yes
            return torch.load(path, map_location="cpu", weights_only=False)
        with torch.serialization.safe_globals(NUMPY_NUMBERS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"(?:GLOBAL|global) ([\w.]+)", str(error))
        if wanted is None:
            raise UserError(
                f"{path} is no checkpoint or is damaged ({_first_line(error)})", code="damaged-file"
            ) from None
        raise UserError(
            f"{path} holds more than tensors (it asks for {wanted[1]}) and was not read; allow_pickle=true reads it, "
            "and with it runs whatever code its maker has put there: only if you trust them",
            code="unsafe-file",
        ) from None
    except Exception as error:  # torch raises many kinds for a file that is none
        raise UserError(f"{path} is no checkpoint or is damaged ({_first_line(error)})", code="damaged-file") from None


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(
            f"{path} is no safetensors file or is damaged ({_first_line(error)})", code="damaged-file"
        ) from None


def _find_state(data: Any) -> dict[str, Tensor]:
    """Return the tensors of a mapping, or of the mapping that it wraps."""
    for _ in range(DEEPEST):
        if isinstance(data, torch.nn.Module):  # a whole network, which allow_pickle has let in
            data = data.state_dict()
        if not isinstance(data, Mapping):
            return {}
        inner = next((data[key] for key in WRAPPERS if isinstance(data.get(key), Mapping | torch.nn.Module)), None)
        if inner is None:
            return {str(key): value for key, value in data.items() if isinstance(value, Tensor)}
        data = inner
    return {}  # a mapping that holds itself


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
