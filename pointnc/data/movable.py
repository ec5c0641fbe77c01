"""Tensors that move together: from a loader to page-locked memory, and on to a device."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T", bound="Movable")


class Movable:
    """Base of dataclasses with tensors, other movables and tuples of them; everything else stays as it is."""

    def to(self: T, device: torch.device | str, non_blocking: bool = False) -> T:
        """Return a copy with its tensors on ``device``."""
        return _changed(self, lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self: T) -> T:
        """Return a copy in page-locked memory, from which moving to a CUDA device need not block."""
        return _changed(self, lambda tensor: tensor.pin_memory())


def _changed(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_changed(part, change) for part in value)
    if isinstance(value, Movable):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}  # type: ignore[arg-type]
        return type(value)(**{name: _changed(part, change) for name, part in parts.items()})
    return value
