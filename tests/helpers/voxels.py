"""Small batches of random voxels."""

from __future__ import annotations

import torch
from torch import Tensor


def random_voxels(samples: int = 2, extent: int = 8, share: float = 0.3, seed: int = 0) -> Tensor:
    """(V, 4) int32: distinct voxels of each sample in random order, ``share`` of a cube's cells."""
    generator = torch.Generator().manual_seed(seed)
    occupied = torch.rand((samples, extent, extent, extent), generator=generator) < share
    coord = occupied.nonzero().int()
    return coord[torch.randperm(len(coord), generator=generator)]
