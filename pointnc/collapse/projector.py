"""Projectors: from the space of the class centers to the space of the frame.

A simplex ETF of K vectors needs K-1 dimensions; where a backbone ends in fewer, centers are projected first.
Shapes: V points, K centers, D backbone channels, R reduced channels, P channels of the frame.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pointnc.collapse.moments import moments
from pointnc.collapse.simplex import random_orthonormal

EPSILON = 1e-5
"""Added to the variance before its root is taken, as batch normalization does."""


class Projector(nn.Module):
    """One linear map to the frame's space, the two of the released 2-D head, or a trainable hidden layer.

    The weights are semi-orthogonal: without ReLU, and with P >= D, lengths and angles of centers are kept exactly.
    Those of a frame behind it are not, seen from the centers: D channels have no room for it. The weights come from a
    generator of their own, so that building a projector leaves the global random state alone.

    With ``reduce_channels`` every *point* passes a linear map and a batch normalization before the average is
    taken. Given the batch's statistics both are affine, and an affine map of a mean is the mean of the map: it is
    therefore applied to the K centers, and the V points are needed for mean and variance only, which follow from
    mean and covariance of the D channels before the map. That is exact in value and gradient, and it lets moving
    averages of backbone centers pass through as well.

    Args:
        in_channels: D.
        out_channels: P.
        trainable: whether the weights learn; frozen ones still pass the gradient to the backbone.
        relu: whether a ReLU follows the last map.
        reduce_channels: R of the linear map with batch normalization that comes first; None for none.
        seed: of the weights.
        hidden_channels: width of a hidden layer with ReLU in front of the last map; None for none.
    """

    reduce: nn.Parameter | None
    hidden: nn.Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        trainable: bool = False,
        relu: bool = False,
        reduce_channels: int | None = None,
        seed: int = 0,
        hidden_channels: int | None = None,
    ) -> None:
        super().__init__()
        self.relu = relu
        width = in_channels
        self.register_parameter("reduce", None)
        if reduce_channels is not None:
            self.reduce = _weight(in_channels, reduce_channels, trainable, seed)
            self.standardize = Standardize(reduce_channels)
            width = reduce_channels
        self.register_parameter("hidden", None)
        if hidden_channels is not None:
            self.hidden = _weight(width, hidden_channels, trainable, seed + 2)
            width = hidden_channels
        self.gain = _weight(width, out_channels, trainable, seed + 1)

    def forward(
        self, centers: Tensor, features: Tensor, synchronize: bool = False, origin: Tensor | float = 0.0
    ) -> Tensor:
        """Return (K, P) projected centers.

        Args:
            centers: (K, D) in the backbone's space, as seen from ``origin``.
            features: (V, D) the batch; only mean and covariance are used, only in training and with
                ``reduce_channels``.
            synchronize: whether they are those of the joined batch of all ranks.
            origin: (D,) what was taken off the centers, and is taken off the features' mean as well.
        """
        if self.reduce is not None:
            centers = F.linear(centers, self.reduce)
            if self.training:
                mean, covariance, number = moments(features, synchronize)
                variance = (F.linear(self.reduce, covariance) * self.reduce).sum(dim=1).clamp_min(0)
                centers = self.standardize(centers, F.linear(mean - origin, self.reduce), variance, number)
            else:
                centers = self.standardize(centers)
        return self._last(centers)

    def by_averages(self, centers: Tensor) -> Tensor:
        """Return (K, P) projected centers as in evaluation mode, by the running statistics."""
        if self.reduce is not None:
            centers = self.standardize(F.linear(centers, self.reduce))
        return self._last(centers)

    def _last(self, centers: Tensor) -> Tensor:
        if self.hidden is not None:
            centers = F.relu(F.linear(centers, self.hidden))
        projected = F.linear(centers, self.gain)
        return F.relu(projected) if self.relu else projected

    def matrix(self) -> Tensor | None:
        """Return (P, D) the linear part of the whole map, None where a ReLU is in it."""
        if self.relu or self.hidden is not None:
            return None
        if self.reduce is None:
            return self.gain.detach()
        scale = (self.standardize.running_variance + EPSILON).rsqrt()
        return self.gain.detach() @ (scale[:, None] * self.reduce.detach())

    def extra_repr(self) -> str:
        """Describe the projector in the printed module."""
        widths = [self.gain.shape[0]] if self.reduce is None else [self.reduce.shape[0], self.gain.shape[0]]
        first = self.gain if self.reduce is None else self.reduce
        route = " -> ".join(map(str, [first.shape[1], *widths]))
        return f"{route}, relu={self.relu}, trainable={self.gain.requires_grad}"


class Standardize(nn.Module):
    """Batch normalization without affine part whose statistics come from other rows than it is applied to.

    In training mode running averages of those are kept, which evaluation uses.

    Args:
        channels: R.
        momentum: weight of the newest batch in the running averages.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, channels: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(
        self, rows: Tensor, mean: Tensor | None = None, variance: Tensor | None = None, number: int = 0
    ) -> Tensor:
        """Return rows standardized by mean and variance, or without those by their running averages.

        Args:
            rows: (K, R).
            mean: (R,) of the batch.
            variance: (R,) of the batch, biased.
            number: of points that they are taken over.
        """
        if mean is None or variance is None:
            return (rows - self.running_mean) * (self.running_variance + EPSILON).rsqrt()
        with torch.no_grad():
            unbiased = variance * (number / max(number - 1, 1))
            self.running_mean.lerp_(mean, self.momentum)
            self.running_variance.lerp_(unbiased, self.momentum)
        return (rows - mean) * (variance + EPSILON).rsqrt()


def _weight(in_channels: int, out_channels: int, trainable: bool, seed: int) -> nn.Parameter:
    """Return (out, in) semi-orthogonal float32 weights."""
    weight = random_orthonormal(max(in_channels, out_channels), min(in_channels, out_channels), seed)
    weight = weight if out_channels >= in_channels else weight.T
    return nn.Parameter(weight.float().contiguous(), requires_grad=trainable)
