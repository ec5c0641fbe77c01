"""Confusion counts of predicted against true classes, in one pass over the points.

Shapes: N points, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
