"""Whether the tokens of a batch fit into memory, asked before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch

from pointnc.errors import UserError

SMALL = 2**30
"""Bytes below which nobody is asked."""


IN_TRAINING = (
    "lower augmentation.transforms.steps.crop.max_points or batch_size, set model.checkpointing=true, which halves it, "
    "or raise dataset.voxel_size"
)
AFTER_TRAINING = (
    "lower max_points; a training validates on whole scenes: raise dataset.voxel_size, or leave the largest scenes "
    "out of that split"
)


class Transformer(Protocol):
    """What the estimate asks of a network."""

    in_channels: int
    channels: int
    out_channels: int
    checkpointing: bool
    training: bool
    blocks: torch.nn.ModuleList


def check_memory(tokens: int, voxels: int, network: Transformer, device: torch.device) -> None:
    """Refuse a batch that memory does not serve.

    Args:
        tokens: T.
        voxels: V.
        network: that is to run.
        device: on which.

    Raises:
        UserError: it needs more than is free.
    """
    half = torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type)
    needed = estimate(tokens, voxels, network, torch.is_grad_enabled(), half)
    if needed < SMALL:
        return
    free = available(device)
    if free is not None and needed > free:
        raise UserError(
            f"{voxels:,} voxels are {tokens:,} tokens, for which about {needed / 2**30:.1f} GiB are needed and "
            f"{free / 2**30:.1f} GiB are free: {IN_TRAINING if torch.is_grad_enabled() else AFTER_TRAINING}",
            code="no-memory",
        )


def estimate(tokens: int, voxels: int, network: Transformer, gradients: bool, half: bool = False) -> int:
    """Return about how many bytes a pass holds at its peak.

    Args:
        tokens: T.
        voxels: V.
        network: that is to run.
        gradients: whether a backward pass follows.
        half: whether products are computed in 16 bits; norms and the sums of blocks stay in float32. What a training
            step of volt_small keeps is 0.65 times as much then.
    """
    width, features = network.channels, network.out_channels
    numbers = tokens * (16 * width + 125 * network.in_channels) + 3 * voxels * features
    if gradients:
        kept = (1 if network.checkpointing else 6) * len(network.blocks)
        numbers += tokens * width * (kept + 12) + 3 * voxels * features
    return (3 if half else 4) * numbers


def available(device: torch.device) -> int | None:
    """Return the bytes that are free on a device, None where that cannot be told."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type != "cpu":
        return None
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None
