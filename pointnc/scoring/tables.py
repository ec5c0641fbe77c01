"""From confusion counts to the numbers of a results table, under a named convention.

The conventions differ in what happens to a class without points, and by points of mIoU:

- ``official``: the ScanNet benchmark script. IoU is tp / (tp + fp + fn); a class whose denominator is 0 has none
  and is left out of every mean.
- ``absent_zero``: such a class counts as 0 (Pointcept), in mean accuracy too.
- ``nonnan``: mean over the classes with an IoU (LGround, mmdetection3d); the official rule under the name by which
  those code bases report it.
- ``with_truth``: only classes that occur in the truth; one that is predicted but never true has no IoU.

In all of them a prediction outside the label set is a false negative of the true class, and points without a valid
truth do not count at all. Shapes: K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pointnc.errors import UserError
from pointnc.scenes import Taxonomy
from pointnc.scenes.taxonomy import GROUPS

CONVENTIONS = ("official", "absent_zero", "nonnan", "with_truth")


@dataclass(frozen=True, eq=False)
class Scores:
    """What one evaluation gave; everything in percent, NaN where a number is not defined.

    Attributes:
        convention: how absent classes were treated, one of ``CONVENTIONS``.
        names: K class names.
        groups: K of "head", "common", "tail" or "".
        iou: (K,) float64 IoU.
        truth_points: (K,) int64 number of evaluated points of each class.
        miou: mean of ``iou``.
        head: mean over the head classes; NaN where the label set knows no groups. So ``common`` and ``tail``.
        overall_accuracy: share of the points that are right.
        mean_accuracy: mean over the classes of the share of their points that are right.
    """

    convention: str
    names: tuple[str, ...]
    groups: tuple[str, ...]
    iou: NDArray[np.float64]
    truth_points: NDArray[np.int64]
    miou: float
    head: float
    common: float
    tail: float
    overall_accuracy: float
    mean_accuracy: float

    def __str__(self) -> str:
        """Return the numbers of the summary in a line."""
        named = {"mIoU": self.miou, **{name: getattr(self, name) for name in GROUPS if any(self.groups)}}
        numbers = ", ".join(f"{name} {value:.2f}" for name, value in named.items())
        return f"{numbers} ({self.convention} convention, {int(self.truth_points.sum()):,} points)"

    def to_dict(self) -> dict[str, Any]:
        """Return what json can hold: None instead of NaN, ``per_class`` from name to IoU."""
        return {
            "convention": self.convention,
            "miou": _json(self.miou),
            "head": _json(self.head),
            "common": _json(self.common),
            "tail": _json(self.tail),
            "overall_accuracy": _json(self.overall_accuracy),
            "mean_accuracy": _json(self.mean_accuracy),
            "per_class": {name: _json(float(value)) for name, value in zip(self.names, self.iou)},
        }


def score(confusion: NDArray[np.int64] | Tensor, taxonomy: Taxonomy, convention: str = "official") -> Scores:
    """Turn confusion counts into scores.

    Args:
        confusion: (K, K+1) counts; row: truth; column: prediction, the last one for those outside the label set.
        taxonomy: the K classes.
        convention: one of ``CONVENTIONS``.

    Raises:
        UserError: another convention.
        ValueError: the counts have another shape.
    """
    if convention not in CONVENTIONS:
        raise UserError(f"unknown convention {convention!r}; choose one of {', '.join(CONVENTIONS)}", code="option")
    counts = confusion.cpu().numpy() if isinstance(confusion, Tensor) else np.asarray(confusion)
    K = len(taxonomy)
    if counts.shape != (K, K + 1):
        raise ValueError(f"confusion of shape {counts.shape} for {K} classes; expected ({K}, {K + 1})")
    right = counts.diagonal()
    truth = counts.sum(axis=1)
    union = truth + counts[:, :K].sum(axis=0) - right
    iou = _percent(right, union)
    accuracy = _percent(right, truth)
    if convention == "absent_zero":
        iou, accuracy = np.nan_to_num(iou, nan=0.0), np.nan_to_num(accuracy, nan=0.0)
    elif convention == "with_truth":
        iou = np.where(truth > 0, iou, np.nan)
    head, common, tail = (_mean(iou[taxonomy.members(group)]) for group in GROUPS)
    return Scores(
        convention=convention,
        names=taxonomy.names,
        groups=taxonomy.groups,
        iou=iou,
        truth_points=truth,
        miou=_mean(iou),
        head=head,
        common=common,
        tail=tail,
        overall_accuracy=float(_percent(right.sum(), truth.sum())),
        mean_accuracy=_mean(accuracy),
    )


def majority_score(
    train_points: NDArray[Any],
    truth_points: NDArray[Any],
    taxonomy: Taxonomy,
    convention: str = "official",
) -> Scores:
    """Score predicting the most frequent training class at every point: what any learning must beat.

    Args:
        train_points: (K,) number of training points of each class.
        truth_points: (K,) number of evaluated points of each class (the row sums of the confusion counts).
        taxonomy: the K classes.
        convention: one of ``CONVENTIONS``.
    """
    K = len(taxonomy)
    counts = np.zeros((K, K + 1), np.int64)
    counts[:, int(np.argmax(np.asarray(train_points)))] = np.asarray(truth_points)
    return score(counts, taxonomy, convention)


def _percent(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """Return 100 * part / whole, NaN where the whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return 100 * np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _mean(values: NDArray[np.float64]) -> float:
    """Return the mean of the values that are not NaN; NaN where there are none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def _json(value: float) -> float | None:
    return None if math.isnan(value) else value
