"""Region rebalance: an auxiliary classifier that sees each class of a scene once, however many points it has.

Shapes: V points of B scenes, D channels, K classes; a region is the points of one class in one scene.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pointnc.checks import check_number
from pointnc.collapse.observer import CenterObserver


class RegionRebalance(CenterObserver):
    """Cross-entropy of region centers under a linear classifier of their own, with the prior of regions added.

    The gradient that a class sends to the backbone through it does not depend on how many points the class has, and the
    logarithm of the share of training scenes with the class evens out what is left. The classifier is used in training
    only.

    Paper: Cui et al., "Region Rebalance for Long-Tailed Semantic Segmentation", 2022.

    Args:
        num_classes: K.
        in_channels: D.
        weight: of the loss.
        momentum: of the moving averages that are kept for the report.

    Raises:
        UserError: a setting is out of range.
    """

    told = ("log_shares",)  # not learned: a training that is resumed has its own
    log_shares: Tensor

    def __init__(self, num_classes: int, in_channels: int, weight: float = 0.3, momentum: float = 0.9) -> None:
        check_number("weight", weight, least=0)
        super().__init__(num_classes, in_channels, momentum)
        self.weight = weight
        self.log_prior = "scenes"
        self.register_buffer("log_shares", torch.zeros(num_classes))
        # Drawn from a generator of its own: the other weights are those of a run without it.
        generator = torch.Generator().manual_seed(0)
        bound = in_channels**-0.5
        start = torch.empty(num_classes, in_channels).uniform_(-bound, bound, generator=generator)
        self.classifier = nn.Parameter(start, requires_grad=weight > 0)

    def set_prior(self, counts: Tensor) -> None:
        """Take (K,) the number of training scenes with each class; a class in none counts as in one."""
        counts = counts.double().clamp_min(1)
        self.log_shares.copy_((counts / counts.sum()).log())

    def forward(
        self, features: Tensor, labels: Tensor, prior: Tensor | None = None, offsets: Tensor | None = None
    ) -> Tensor:
        """Return the scalar loss, the mean over the regions of the batch.

        Args:
            features: (V, D).
            labels: (V,) integer class, -1 for ignored points.
            prior: unused.
            offsets: (B + 1,) int64: the points of scene b are ``offsets[b]`` to ``offsets[b + 1]``; None: one scene.
        """
        super().forward(features, labels)
        with torch.autocast(features.device.type, enabled=False):
            features = features if features.dtype == torch.float64 else features.float()
            region, scenes = labels.long(), 1
            if offsets is not None:
                scenes = len(offsets) - 1
                sizes = (offsets[1:] - offsets[:-1]).to(labels.device)
                scene = torch.repeat_interleave(
                    torch.arange(scenes, device=labels.device), sizes, output_size=len(labels)
                )
                region = region + scene * self.num_classes
            # Row 0 collects the ignored points.
            row = torch.where(labels >= 0, region + 1, 0)
            size = scenes * self.num_classes + 1
            sums = features.new_zeros(size, features.shape[1]).index_add(0, row, features)[1:]
            counts = row.new_zeros(size).index_add(0, row, torch.ones_like(row))[1:]
            logits = F.linear(sums / counts.clamp_min(1)[:, None], self.classifier) + self.log_shares
            target = torch.arange(self.num_classes, device=labels.device).repeat(scenes)
            losses = F.cross_entropy(logits, target, reduction="none")
            present = counts > 0
            return torch.where(present, losses, 0.0).sum() / present.sum().clamp_min(1)
