"""Stochastic depth: which rows leave out which branch of which block (Huang et al., ECCV 2016), row by row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pointnc.runtime import distributed


def rates(depth: int, last: float) -> list[float]:
    """Return how likely each block leaves a branch out: from 0 linearly to ``last``."""
    return [last * index / max(depth - 1, 1) for index in range(depth)]


def draw_kept(rows: Sequence[int], leave_out: Sequence[float], like: Tensor) -> list[Tensor | None]:
    """Return for each block (2, N, 1) the factors of its two branches; None where all are 1.

    One number is drawn out of the global state, on every rank, whatever the number of rows: so a run that is resumed
    goes on as it would have.

    Args:
        rows: N of each block.
        leave_out: how likely each block leaves a branch out.
        like: whose type and device the factors have.
    """
    seed = int(torch.randint(2**62, (), dtype=torch.int64)) + distributed.rank()
    generator = torch.Generator(like.device).manual_seed(seed)
    kept: list[Tensor | None] = []
    for count, rate in zip(rows, leave_out):
        if rate == 0:
            kept.append(None)
            continue
        drawn = torch.rand((2, count, 1), generator=generator, device=like.device, dtype=torch.float32)
        kept.append((drawn < 1 - rate).to(like.dtype) / (1 - rate))
    return kept
