"""Focal loss: points that are already right count little."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pointnc.checks import check_number
from pointnc.losses.points import labeled_only, zero_of


class FocalLoss(nn.Module):
    """Mean of −(1 − p_y)^γ · log p_y over the labeled points.

    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017; the softmax form, without their class weight α.

    Args:
        gamma: γ ≥ 0; 0 is plain cross-entropy.

    Raises:
        UserError: γ is no finite number, or negative.
    """

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        check_number("gamma", gamma, least=0)
        self.gamma = gamma

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss of logits (V, K) and labels (V,), -1 = ignored."""
        with torch.autocast(logits.device.type, enabled=False):
            logits, labels = labeled_only(logits, labels)
            if len(labels) == 0:
                return zero_of(logits)
            losses = F.cross_entropy(logits, labels, reduction="none")
            # 1 − p = −expm1(log p): exact where p is almost 1; its power has no gradient at 0 for γ < 1.
            missing = -torch.expm1(-losses)
            return (missing.clamp_min(torch.finfo(losses.dtype).tiny) ** self.gamma * losses).mean()
