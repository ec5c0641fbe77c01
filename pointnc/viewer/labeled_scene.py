"""What is looked at: a scene, what was said of it, and how many points and how much IoU each class has in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.scenes.scene import IGNORE, Scene
from pointnc.scenes.taxonomy import Taxonomy


@dataclass(frozen=True)
class LabeledScene:
    """A scene of N points with what was said of it; all labels are train indices, -1 for no class.

    Attributes:
        scene: the points; ``semantic``, if any, is the truth.
        taxonomy: the K classes.
        prediction: (N,) integer labels, or None.
        confidence: (N,) float32 probability of the predicted class in [0, 1], or None.
        point_number: (N,) int64 place of each point in the file that it comes from; None: they are all there, in order.
    """

    scene: Scene
    taxonomy: Taxonomy
    prediction: NDArray[Any] | None = None
    confidence: NDArray[np.float32] | None = None
    point_number: NDArray[np.int64] | None = None

    @property
    def truth(self) -> NDArray[Any] | None:
        """(N,) labels of the truth; None where no point has one."""
        truth = self.scene.semantic
        return truth if truth is not None and bool((truth != IGNORE).any()) else None

    def validate(self) -> LabeledScene:
        """Return the labeled scene itself.

        Raises:
            UserError: labels or confidences of another length, labels outside the taxonomy, a damaged scene.
        """
        self.scene.validate()
        K = len(self.taxonomy)
        for what, labels in (("truth", self.scene.semantic), ("prediction", self.prediction)):
            if labels is None:
                continue
            if len(labels) != len(self.scene):
                raise UserError(
                    f"scene {self.scene.name}: the {what} has {len(labels)} labels for {len(self.scene)} points; "
                    "give the labels of this scene",
                    code="other-length",
                )
            low, high = int(labels.min()), int(labels.max())
            if low < IGNORE or high >= K:
                raise UserError(
                    f"scene {self.scene.name}: the {what} has label {low if low < IGNORE else high}, but "
                    f"{self.taxonomy.name} has {K} classes; choose another taxonomy=",
                    code="unknown-label",
                )
        return self

    def thinned(self, most: int) -> LabeledScene:
        """Return every n-th point, so that at most ``most`` are left, or the labeled scene itself if it is small."""
        if len(self.scene) <= most:
            return self
        kept = np.arange(0, len(self.scene), -(-len(self.scene) // most))
        return replace(
            self,
            scene=self.scene.select(kept),
            prediction=None if self.prediction is None else self.prediction[kept],
            confidence=None if self.confidence is None else self.confidence[kept],
            point_number=kept if self.point_number is None else self.point_number[kept],
        )

    @cached_property
    def figures(self) -> Figures:
        """Counts and scores of this scene."""
        return figures(self)


@dataclass(frozen=True)
class Figures:
    """Counts and scores of one scene; K classes, and behind them the points without a class.

    Attributes:
        truth_points: (K + 1,) number of points of each true class; None without truth.
        predicted_points: (K + 1,) number of points of each predicted class; None without prediction.
        iou: (K,) percent, NaN where a class has none; None without both.
        miou: mean of ``iou`` in percent; None without both.
        accuracy: percent of the labeled points that are right; None without both.
        verdicts: points that agree, that differ, and that are not scored; None without both.
    """

    truth_points: NDArray[np.int64] | None = None
    predicted_points: NDArray[np.int64] | None = None
    iou: NDArray[np.float64] | None = None
    miou: float | None = None
    accuracy: float | None = None
    verdicts: tuple[int, int, int] | None = None


def figures(labeled: LabeledScene) -> Figures:
    """Count and score one scene, by the official convention (see :mod:`pointnc.scoring.tables`)."""
    taxonomy, truth, prediction = labeled.taxonomy, labeled.truth, labeled.prediction
    truth_points = None if truth is None else _count(truth, len(taxonomy))
    predicted_points = None if prediction is None else _count(prediction, len(taxonomy))
    if truth is None or prediction is None:
        return Figures(truth_points, predicted_points)
    from pointnc.scoring.confusion import confusion
    from pointnc.scoring.tables import score

    counts = confusion(np.asarray(prediction), np.asarray(truth), len(taxonomy))
    scores = score(counts, taxonomy)
    right, scored = int(counts.diagonal().sum()), int(counts.sum())
    return Figures(
        truth_points,
        predicted_points,
        scores.iou,
        scores.miou,
        scores.overall_accuracy,
        (right, scored - right, len(truth) - scored),
    )


def _count(labels: NDArray[Any], num_classes: int) -> NDArray[np.int64]:
    """Return (K + 1,) points of each class, the last entry for those without."""
    shifted = np.bincount(np.asarray(labels) + 1, minlength=num_classes + 1)
    return np.append(shifted[1:], shifted[0])
