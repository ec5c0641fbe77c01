"""Frames that took seconds to find, kept in the user's cache folder. What cannot be kept is found again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

VERSION = 1
"""To be raised when the search changes: a frame must not depend on when the cache was filled."""


def cache_folder() -> Path:
    """Return the folder: ``frames`` in ``POINTNC_CACHE`` or in ``pointnc`` of the user's cache (``XDG_CACHE_HOME``)."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("POINTNC_CACHE") or Path(home) / "pointnc") / "frames"


def kept(num_classes: int, dim: int, seed: int, find: Callable[[], Tensor]) -> Tensor:
    """Return the frame of the cache, or find it and keep it.

    A file that is damaged or holds anything but K unit vectors is passed over and replaced; a folder that cannot be
    read or written is no error.

    Args:
        num_classes: K.
        dim: D.
        seed: of the search.
        find: returns (K, D) float64 unit vectors.
    """
    try:
        path = cache_folder() / f"spread-{num_classes}x{dim}-seed{seed}-v{VERSION}.safetensors"
    except RuntimeError:  # a user without a home
        return find()
    vectors = _read(path, (num_classes, dim))
    if vectors is None:
        vectors = find()
        _write(path, vectors)
    return vectors


def _read(path: Path, shape: tuple[int, int]) -> Tensor | None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        vectors = load_file(path).get("vectors")
    except (OSError, SafetensorError, ValueError):
        return None
    if vectors is None or vectors.dtype != torch.float64 or vectors.shape != shape:
        return None
    return vectors if bool(((vectors.norm(dim=1) - 1).abs() < 1e-9).all()) else None


def _write(path: Path, vectors: Tensor) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    from pointnc.files.atomic import atomic_path

    try:
        with atomic_path(path) as temporary:
            save_file({"vectors": vectors.contiguous()}, temporary)
    except (OSError, SafetensorError):
        return
