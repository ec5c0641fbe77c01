"""Class centers, their moving average and the center loss by plain loops, straight from the formulae."""

from __future__ import annotations

import math
from collections.abc import Sequence


def class_centers(
    features: Sequence[Sequence[float]], labels: Sequence[int], num_classes: int
) -> list[list[float] | None]:
    """Return the mean feature of every class, None for a class without points."""
    centers: list[list[float] | None] = []
    for k in range(num_classes):
        members = [row for row, label in zip(features, labels) if label == k]
        if members:
            centers.append([math.fsum(column) / len(members) for column in zip(*members)])
        else:
            centers.append(None)
    return centers


def corrected_average(values: Sequence[float], momentum: float) -> float:
    """Return m_t / (1 - mu^t) with m_t = mu m_{t-1} + (1 - mu) z_t and m_0 = 0."""
    average = 0.0
    for value in values:
        average = momentum * average + (1 - momentum) * value
    return average / (1 - momentum ** len(values))


def cross_entropy(logits: Sequence[float], target: int, prior: Sequence[float] | None = None) -> float:
    """Return -log softmax(logits + log prior)[target]."""
    if prior is not None:
        logits = [logit + math.log(share + 1e-12) for logit, share in zip(logits, prior)]
    return math.log(math.fsum(math.exp(logit) for logit in logits)) - logits[target]


def center_loss(
    centers: Sequence[Sequence[float] | None],
    frame: Sequence[Sequence[float]],
    normalize: bool = False,
    scale: float = 1.0,
    prior: Sequence[float] | None = None,
    reduction: str = "sum",
) -> float:
    """Return the cross-entropy of the centers against the frame; classes without a center (None) are left out."""
    losses = []
    for k, center in enumerate(centers):
        if center is None:
            continue
        length = math.sqrt(math.fsum(x * x for x in center)) if normalize else 1.0
        logits = [scale * math.fsum(a * b for a, b in zip(center, vertex)) / length for vertex in frame]
        losses.append(cross_entropy(logits, k, prior))
    total = math.fsum(losses)
    return total / len(losses) if reduction == "mean" else total
