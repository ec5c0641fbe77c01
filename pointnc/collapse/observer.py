"""Looking at the class centers without touching the training.

Shapes: V points, D backbone channels, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointnc.collapse.centers import CenterBank, batch_centers


class CenterObserver(nn.Module):
    """Keeps the moving average of the class centers for the report and adds nothing to the loss.

    This is ``regularizer=none``: plain cross-entropy, whose centers can be looked at just the same. It draws no
    random number, holds no parameter and passes no gradient, so training is bit-identical to training without it.

    Args:
        num_classes: K.
        in_channels: D.
        momentum: of the moving average.

    Attributes:
        weight: what the training loop multiplies the result of ``forward`` by; 0 here.
        bank: the moving averages.
    """

    def __init__(self, num_classes: int, in_channels: int, momentum: float = 0.9) -> None:
        super().__init__()
        self.weight = 0.0
        self.log_prior = "off"
        self.num_classes = num_classes
        self.bank = CenterBank(num_classes, in_channels, momentum)

    def forward(
        self, features: Tensor, labels: Tensor, prior: Tensor | None = None, offsets: Tensor | None = None
    ) -> Tensor:
        """Update the bank (in training mode) and return the scalar 0, which has no graph.

        Args:
            features: (V, D).
            labels: (V,) integer class, -1 for ignored points.
            prior: unused.
            offsets: (B + 1,) where each scene of the batch begins; unused.
        """
        if self.training:
            self.bank.update(*batch_centers(features.detach(), labels, self.num_classes, synchronize=True))
        return torch.zeros((), device=features.device)

    def strength(self, loss: Tensor, penalty: Tensor, features: Tensor, labels: Tensor) -> Tensor | float:
        """Return what the training loop multiplies ``penalty`` by in this step; here ``weight``."""
        return self.weight

    def present_weight(self) -> float:
        """Return what ``penalty`` is multiplied by as things stand, measuring nothing; here ``weight``."""
        return self.weight

    def targets(self) -> Tensor | None:
        """Return (K, D) the fixed directions that centers are pulled to, in the space of the features; here None."""
        return None

    def set_length(self, steps: int) -> None:
        """Take the number of steps of the whole training, for settings that are shares of it."""

    def remarks(self) -> list[str]:
        """Return what a user should know of the settings, a line each."""
        return []

    def centers(self) -> tuple[Tensor, Tensor]:
        """Return the centers (K, D) in the backbone's feature space, and (K,) bool: which were ever seen."""
        return self.bank.centers.clone(), self.bank.seen

    def set_prior(self, counts: Tensor) -> None:
        """Take the class counts of the training split; see :class:`CenterRegularizer`."""
