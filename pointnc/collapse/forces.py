"""How hard a loss pulls at each class's center, and a weight that is a share of that.

The force of a loss L on class k is the sum of dL/dz over the points of the class, (K, D): what a step would move the
center by, but for the size of the step. A loss of the points pulls each class by its share of the points; a loss of the
centers pulls all alike. Shapes: V points, D channels, K classes.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn

from pointnc.collapse.centers import rank_count
from pointnc.collapse.precision import widest

EVERY = 10
"""Training batches between two measurements: each costs the backward pass of the head once more."""

MOMENTUM = 0.9
"""Of the averages of the measured forces."""

LEAST = 0.1
"""Least force that is divided by, of the largest one seen: a regularizer that has done its work is not pushed on."""


def class_forces(gradient: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return (K, D) the sums of the rows of a gradient by the features, class by class.

    Args:
        gradient: (V, D) of a loss by the features.
        labels: (V,) integer class, -1 for ignored points.
        num_classes: K.
    """
    return gradient.new_zeros(num_classes + 1, gradient.shape[1]).index_add(0, labels.long() + 1, gradient)[1:]


def forces_of(value: Tensor, features: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return (K, D) the forces of a loss on the centers of a batch; the loss's graph stays as it is.

    In float32 even under autocast: the backward pass of a linear layer would follow it, and the gradients of a mean
    over a million points are below what float16 holds.

    Args:
        value: scalar with a graph to ``features``.
        features: (V, D), of which the gradient is taken; where they are frozen, nothing pulls at them.
        labels: (V,) integer class, -1 for ignored points.
        num_classes: K.
    """
    if not features.requires_grad:
        return features.new_zeros(num_classes, features.shape[1])
    with torch.autocast(features.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(value, features, retain_graph=True)
    return class_forces(gradient.detach(), labels, num_classes)


class ShareOfLoss(nn.Module):
    """The weight at which a regularizer's total force on the centers is a given share of the loss's.

    Measured every ``EVERY`` batches and smoothed, so that the same share means the same for every preset, number of
    classes, batch and reduction.

    Args:
        share: of the loss's force, summed over the classes of the batch.

    Attributes:
        loss: () smoothed force of the loss.
        regularizer: () smoothed force of the regularizer at weight 1.
        largest: () largest force of the regularizer that was measured.
        count: () int64 measurements.
    """

    loss: Tensor
    regularizer: Tensor
    largest: Tensor
    count: Tensor

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        for name in ("loss", "regularizer", "largest"):
            self.register_buffer(name, torch.zeros(()))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def measure(self, loss: Tensor, penalty: Tensor, features: Tensor, labels: Tensor, num_classes: int) -> None:
        """Take in the forces of one batch.

        Args:
            loss: scalar with a graph to ``features``.
            penalty: scalar with a graph to ``features``, at its full size.
            features: (V, D), of which the gradients are taken.
            labels: (V,).
            num_classes: K.

        A batch in which one of them is not finite is passed over.
        """
        forces = [forces_of(value, features, labels, num_classes) for value in (loss, penalty)]
        both = torch.stack([force.norm(dim=1).sum() for force in forces])
        if rank_count() > 1:
            dist.all_reduce(both)
        # A batch whose gradient has overflowed says nothing; looked at without waiting for the device.
        finite = both.isfinite().all()
        both = torch.where(finite, both, 0.0)
        self.count += finite
        count = self.count.clamp_min(1).to(widest(self.count.device))
        rate = torch.where(finite, (1 - MOMENTUM) / (1 - MOMENTUM**count).to(both.dtype), 0.0)
        self.loss.lerp_(both[0], rate)
        self.regularizer.lerp_(both[1], rate)
        self.largest.copy_(torch.maximum(self.largest, both[1]))

    def weight(self) -> Tensor:
        """Return the weight, () float32; 0 before the first measurement."""
        least = torch.maximum(self.regularizer, LEAST * self.largest).clamp_min(1e-12)
        return torch.where(self.largest > 0, self.share * self.loss / least, 0.0)
