"""Losses of the overlap of whole classes: every class of a batch counts alike, however few points it has."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pointnc.checks import check_number
from pointnc.losses.points import labeled_only, zero_of


class LovaszSoftmax(nn.Module):
    """Mean over the classes of a batch of the Lovász extension of 1 − IoU, at the errors |[y = c] − p_c|.

    Berman et al., The Lovász-Softmax loss, CVPR 2018; over the classes that the batch contains, all its scenes
    taken together.
    """

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss of logits (V, K) and labels (V,), -1 = ignored."""
        with torch.autocast(logits.device.type, enabled=False):
            logits, labels = labeled_only(logits, labels)
            if len(labels) == 0:
                return zero_of(logits)
            value: Tensor = _LovaszExtension.apply(logits, labels)
            return value


class _LovaszExtension(torch.autograd.Function):
    """The mean over classes, with its gradient by hand.

    The graph of the formula would keep five vectors of V numbers for each class; here one (V, K) gradient is kept.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss."""
        probability = logits.softmax(dim=1)
        slopes = torch.zeros_like(probability) if ctx.needs_input_grad[0] else None
        classes = torch.unique(labels).tolist()
        losses = []
        for c in classes:
            difference = probability[:, c] - (labels == c).to(probability.dtype)
            errors, order = difference.abs().sort(descending=True)
            growth = _growth((labels == c)[order].to(probability.dtype))
            losses.append(errors @ growth)
            if slopes is not None:
                slopes[:, c].scatter_(0, order, growth)
                slopes[:, c] *= difference.sign() / len(classes)
        if slopes is not None:
            # The gradient of a softmax, in place: p · (s − Σ p s).
            slopes -= torch.einsum("vk,vk->v", probability, slopes)[:, None]
            slopes *= probability
            ctx.save_for_backward(slopes)
        return torch.stack(losses).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the logits."""
        return gradient * ctx.saved_tensors[0], None


def _growth(truth: Tensor) -> Tensor:
    """Return by how much 1 − IoU of a class grows with each further error; ``truth`` in falling order of errors."""
    count = truth.sum()
    missed = truth.cumsum(0)
    added = (1 - truth).cumsum(0)
    jaccard = 1 - (count - missed) / (count + added)
    return torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])


class DiceLoss(nn.Module):
    """Mean over the classes of a batch of 1 − (2 Σ p_c [y = c] + s) / (Σ p_c + Σ [y = c] + s).

    Milletari et al., V-Net, 3DV 2016, with plain sums in the denominator as Sudre et al., DLMIA 2017, have them.

    Args:
        smoothing: s > 0.

    Raises:
        UserError: s is no finite number above 0.
    """

    def __init__(self, smoothing: float = 1.0) -> None:
        super().__init__()
        check_number("smoothing", smoothing, above=0)
        self.smoothing = smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss of logits (V, K) and labels (V,), -1 = ignored."""
        with torch.autocast(logits.device.type, enabled=False):
            logits, labels = labeled_only(logits, labels)
            if len(labels) == 0:
                return zero_of(logits)
            probability = logits.softmax(dim=1)
            own = probability.gather(1, labels[:, None]).squeeze(1)
            zeros = probability.new_zeros(logits.shape[1])
            overlap = zeros.index_add(0, labels, own)
            counts = torch.bincount(labels, minlength=logits.shape[1])
            share = (2 * overlap + self.smoothing) / (probability.sum(0) + counts + self.smoothing)
            return (1 - share)[counts > 0].mean()
