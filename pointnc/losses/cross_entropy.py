"""Cross-entropy per point."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IGNORE = -1
"""Label of a point that is not learned from."""


class CrossEntropy(nn.Module):
    """Mean cross-entropy over the labelled points, in float32 even under autocast.

    A batch without a labelled point gives 0 with a graph, where PyTorch's mean gives NaN: a crop may hold only
    ignored points, and one such batch must not end a training run.

    Args:
        class_weights: K weights w_k; the mean is then sum(w_y * loss) / sum(w_y). None weighs all alike.
        label_smoothing: share of the target that is spread evenly over all classes.
    """

    class_weights: Tensor | None

    def __init__(self, class_weights: Sequence[float] | Tensor | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        weights = None if class_weights is None else torch.as_tensor(list(class_weights), dtype=torch.float32)
        self.register_buffer("class_weights", weights)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            logits: (V, K) floating point.
            labels: (V,) integer class in 0..K-1, or -1 to ignore the point.
        """
        with torch.autocast(logits.device.type, enabled=False):
            logits = logits if logits.dtype == torch.float64 else logits.float()
            labels = labels.long()
            total = F.cross_entropy(
                logits,
                labels,
                weight=self.class_weights,
                ignore_index=IGNORE,
                reduction="sum",
                label_smoothing=self.label_smoothing,
            )
            labelled = labels != IGNORE
            if self.class_weights is None:
                return total / labelled.sum().clamp_min(1)
            share = (self.class_weights[labels.clamp_min(0)] * labelled).sum()
            return total / share.clamp_min(torch.finfo(share.dtype).tiny)
