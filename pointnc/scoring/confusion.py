"""Confusion counts of predicted against true classes, in one pass over the points.

Shapes: N points, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric

from pointnc.runtime.compiled import loops


def confusion(prediction: NDArray[Any], truth: NDArray[Any], num_classes: int) -> NDArray[np.int64]:
    """Count how often each true class was predicted as each class.

    Args:
        prediction: (N,) integers; what is no class 0..K-1 counts in the last column.
        truth: (N,) integers; points whose truth is no class 0..K-1 (-1, for example) are left out.
        num_classes: K.

    Returns:
        (K, K+1) int64; row: truth; column: prediction, the last one for predictions outside the label set.

    Raises:
        ValueError: different lengths, or arrays that do not hold integers.
    """
    _check(len(prediction), len(truth), prediction.dtype.kind in "iu" and truth.dtype.kind in "iu")
    tables = np.zeros((2, num_classes, num_classes + 1), np.int64)
    loops("pointnc.scoring.counting_loops").count(_signed(prediction), _signed(truth), tables)
    counts: NDArray[np.int64] = tables.sum(axis=0)
    return counts


def _signed(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels that can index: of uint64, whose greatest half turns negative and so stays outside the set."""
    labels = np.asarray(labels)
    return labels.view(np.int64) if labels.dtype == np.uint64 else labels


def confusion_on_device(prediction: Tensor, truth: Tensor, num_classes: int) -> Tensor:
    """Count as :func:`confusion` does, on the device of the tensors; returns (K, K+1) int64."""
    _check(len(prediction), len(truth), not (prediction.is_floating_point() or truth.is_floating_point()))
    K = num_classes
    key = _clip(truth, K) * (K + 1) + _clip(prediction, K)
    return torch.bincount(key, minlength=(K + 1) ** 2).reshape(K + 1, K + 1)[:K]


def _clip(labels: Tensor, num_classes: int) -> Tensor:
    labels = labels.long()
    return torch.where((labels >= 0) & (labels < num_classes), labels, num_classes)


def _check(predictions: int, truths: int, integers: bool) -> None:
    if predictions != truths:
        raise ValueError(f"{predictions} predictions for {truths} points")
    if not integers:
        raise ValueError("predictions and truth must be integer classes")


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
