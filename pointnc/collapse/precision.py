"""In which floating point sums over classes are taken on a device."""

from __future__ import annotations

import torch

WIDEST = {"mps": torch.float32}
"""Kind of device to the widest floating point that it has; the others have float64."""


def widest(device: torch.device) -> torch.dtype:
    """Return the widest floating point of a device."""
    return WIDEST.get(device.type, torch.float64)
