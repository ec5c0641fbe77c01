"""Cross-entropy per point."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pointnc.checks import check_number
from pointnc.errors import UserError
from pointnc.losses.points import IGNORE


class CrossEntropy(nn.Module):
    """Mean cross-entropy over the labelled points, in float32 even under autocast.

    A batch without a labelled point gives 0 with a graph, where PyTorch's mean gives NaN: a crop may hold only
    ignored points, and one such batch must not end a training run.

    Args:
        class_weights: K weights w_k; the mean is then sum(w_y * loss) / sum(w_y). None weighs all alike.
        label_smoothing: share of the target that is spread evenly over all classes (Szegedy et al., CVPR 2016).

    Raises:
        UserError: the smoothing or a weight is out of range, or all weights are 0.
    """

    class_weights: Tensor | None

    def __init__(self, class_weights: Sequence[float] | Tensor | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("class_weights", None if class_weights is None else _checked(class_weights))
        check_number("loss.label_smoothing", label_smoothing, least=0, below=1)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            logits: (V, K) floating point.
            labels: (V,) integer class in 0..K-1, or -1 to ignore the point.

        Raises:
            UserError: there are not K class weights.
        """
        if self.class_weights is not None and len(self.class_weights) != logits.shape[1]:
            raise UserError(
                f"loss.class_weights has {len(self.class_weights)} numbers for {logits.shape[1]} classes: give one each"
            )
        return weighted_cross_entropy(logits, labels, self.class_weights, self.label_smoothing)


def _checked(class_weights: Sequence[float] | Tensor) -> Tensor:
    """Return (K,) float32 weights.

    Raises:
        UserError: they are no list of finite numbers >= 0, or all 0.
    """
    if isinstance(class_weights, Tensor):
        class_weights = class_weights.tolist()
    if isinstance(class_weights, str) or not isinstance(class_weights, Sequence):
        raise UserError(f"loss.class_weights must be a list of numbers, one for each class, got {class_weights}")
    for number, weight in enumerate(class_weights):
        check_number(f"loss.class_weights[{number}]", weight, least=0)
    if not any(class_weights):
        raise UserError("loss.class_weights are all 0: nothing would be learned")
    return torch.tensor(list(class_weights), dtype=torch.float32)


def weighted_cross_entropy(
    logits: Tensor, labels: Tensor, class_weights: Tensor | None, label_smoothing: float
) -> Tensor:
    """Return the weighted mean over the labelled points, 0 with a graph where there are none; see above."""
    with torch.autocast(logits.device.type, enabled=False):
        logits = logits if logits.dtype == torch.float64 else logits.float()
        labels = labels.long()
        if class_weights is not None:
            class_weights = class_weights.to(logits.dtype)
        total = F.cross_entropy(
            logits,
            labels,
            weight=class_weights,
            ignore_index=IGNORE,
            reduction="sum",
            label_smoothing=label_smoothing,
        )
        labelled = labels != IGNORE
        if class_weights is None:
            return total / labelled.sum().clamp_min(1)
        share = (class_weights[labels.clamp_min(0)] * labelled).sum()
        return total / share.clamp_min(torch.finfo(share.dtype).tiny)
