"""Losses of the overlap of whole classes: every class of a batch counts alike, however few points it has."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointnc.checks import check_number
from pointnc.losses.points import labelled_only, zero_of


class LovaszSoftmax(nn.Module):
    """Mean over the classes of a batch of the Lovász extension of 1 − IoU, at the errors |[y = c] − p_c|.

    Berman et al., The Lovász-Softmax loss, CVPR 2018; over the classes that the batch contains, all its scenes
    taken together.
    """

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss of logits (V, K) and labels (V,), -1 = ignored."""
        with torch.autocast(logits.device.type, enabled=False):
            logits, labels = labelled_only(logits, labels)
            if len(labels) == 0:
                return zero_of(logits)
            normalizer = logits.logsumexp(dim=1)
            losses = [_lovasz((logits[:, c] - normalizer).exp(), labels == c) for c in torch.unique(labels).tolist()]
            return torch.stack(losses).mean()


def _lovasz(probability: Tensor, is_class: Tensor) -> Tensor:
    """Return the extension of 1 − IoU for one class: errors in falling order times the growth of the loss."""
    truth = is_class.to(probability.dtype)
    errors, order = (truth - probability).abs().sort(descending=True)
    truth = truth[order]
    count = truth.sum()
    missed = truth.cumsum(0)
    added = (1 - truth).cumsum(0)
    jaccard = 1 - (count - missed) / (count + added)
    growth = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
    return errors @ growth


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
        check_number("loss.smoothing", smoothing, above=0)
        self.smoothing = smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss of logits (V, K) and labels (V,), -1 = ignored."""
        with torch.autocast(logits.device.type, enabled=False):
            logits, labels = labelled_only(logits, labels)
            if len(labels) == 0:
                return zero_of(logits)
            probability = logits.softmax(dim=1)
            own = probability.gather(1, labels[:, None]).squeeze(1)
            zeros = probability.new_zeros(logits.shape[1])
            overlap = zeros.index_add(0, labels, own)
            counts = torch.bincount(labels, minlength=logits.shape[1])
            share = (2 * overlap + self.smoothing) / (probability.sum(0) + counts + self.smoothing)
            return (1 - share)[counts > 0].mean()
