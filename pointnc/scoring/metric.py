"""Confusion counts as a metric of torchmetrics, which sums them over ranks.

Apart from :mod:`pointnc.scoring.confusion`: torchmetrics takes longer to import than torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric

from pointnc.scoring.confusion import confusion, confusion_on_device


class ConfusionMatrix(Metric):
    """Confusion counts that are summed over batches and ranks; exact, since they are int64.

    Args:
        num_classes: K.

    Attributes:
        counts: (K, K+1) int64 state; row: truth; column: prediction, the last one for predictions outside the set.
    """

    full_state_update = False
    counts: Tensor

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        zeros = torch.zeros(num_classes, num_classes + 1, dtype=torch.int64)
        self.add_state("counts", default=zeros, dist_reduce_fx="sum")

    def update(self, prediction: Tensor | NDArray[Any], truth: Tensor | NDArray[Any]) -> None:
        """Add (N,) predictions and (N,) true classes; points whose truth is no class are left out."""
        if isinstance(prediction, Tensor) and isinstance(truth, Tensor) and truth.device.type != "cpu":
            self.counts += confusion_on_device(prediction, truth, self.num_classes).to(self.counts.device)
            return
        counts = confusion(np.asarray(prediction), np.asarray(truth), self.num_classes)
        self.counts += torch.from_numpy(counts).to(self.counts.device)

    def compute(self) -> Tensor:
        """Return the (K, K+1) counts."""
        return self.counts
