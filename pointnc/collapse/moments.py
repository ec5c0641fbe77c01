"""Mean and covariance of many points, without a second tensor of their size.

Shapes: V points, D channels.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable

from pointnc.collapse.centers import rank_count

ROWS = 8192
"""Rows that are centered at a time on a CPU: few enough to stay in its cache."""

MOST_ROWS = 1 << 18
"""The same elsewhere, where each piece costs a launch; their centered copy is all the memory that is needed."""


def moments(features: Tensor, synchronize: bool = False) -> tuple[Tensor, Tensor, int]:
    """Return mean and covariance of a batch, or of the joined batch of all ranks; differentiable once.

    The covariance is that of centered values (two passes), so a large mean costs no digits. The backward pass adds up
    over the ranks as that of :func:`pointnc.collapse.centers.batch_centers` does.

    Args:
        features: (V, D) float32 or float64.
        synchronize: whether to join the batches of all ranks.

    Returns:
        mean (D,), covariance (D, D) divided by V, and V, which is at least 1 here.
    """
    synchronize = synchronize and rank_count() > 1
    number = len(features)
    if synchronize:
        count = torch.tensor(number, device=features.device)
        dist.all_reduce(count)
        number = int(count)
    number = max(number, 1)
    mean, covariance = _Moments.apply(features, number, synchronize)
    return mean, covariance, number


class _Moments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, number: int, synchronize: bool) -> tuple[Tensor, Tensor]:
        mean = features.sum(dim=0) / number
        if synchronize:
            dist.all_reduce(mean)
        covariance = features.new_zeros(features.shape[1], features.shape[1])
        for block in features.split(ROWS if features.device.type == "cpu" else MOST_ROWS):
            centered = block - mean
            covariance.addmm_(centered.T, centered)
        if synchronize:
            dist.all_reduce(covariance)
        ctx.save_for_backward(features, mean)
        ctx.number, ctx.synchronize = number, synchronize
        return mean, covariance / number

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_mean: Tensor, by_covariance: Tensor) -> tuple[Tensor, None, None]:
        features, mean = ctx.saved_tensors
        by_mean, slope = by_mean / ctx.number, (by_covariance + by_covariance.T) / ctx.number
        if ctx.synchronize:
            slope = slope.contiguous()
            dist.all_reduce(by_mean)
            dist.all_reduce(slope)
        # (x - mean) slope + by_mean, the mean's share taken out of the product.
        return torch.addmm(by_mean - mean @ slope, features, slope), None, None
