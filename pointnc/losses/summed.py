"""Sums of losses, put together by configuration."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pointnc.checks import OptionError, check_number


class SumOfLosses(nn.Module):
    """Σ weight · loss.

    Args:
        losses: name to loss of (logits, labels); null leaves one out.
        weights: name to weight; 1 where a name is missing.

    Raises:
        UserError: no loss is left, or a weight is of no loss, negative, or no finite number.
    """

    def __init__(self, losses: Mapping[str, nn.Module | None], weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self.losses = nn.ModuleDict({name: loss for name, loss in losses.items() if loss is not None})
        self.weights = dict(weights or {})
        if not self.losses:
            raise OptionError("losses is empty: give at least one")
        for name, weight in self.weights.items():
            if name not in losses:
                raise OptionError(f"weights.{name} is of no loss; there are {', '.join(losses)}")
            check_number(f"weights.{name}", weight, least=0)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar sum for logits (V, K) and labels (V,), -1 = ignored."""
        terms = [self.weights.get(name, 1.0) * loss(logits, labels) for name, loss in self.losses.items()]
        return torch.stack(terms).sum()
