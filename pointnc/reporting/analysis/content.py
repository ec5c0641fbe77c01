"""What the analysis page shows, as plain data.

Shapes: K classes of the label set, S of them with points in the split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting.analysis.figures import Bin
from pointnc.reporting.curve_charts import History
from pointnc.scenes.taxonomy import Taxonomy


@dataclass(frozen=True)
class ClosePair:
    """Two classes whose centers are close.

    Attributes:
        first: the commoner class, an index into the taxonomy.
        second: the rarer one.
        cosine: of their centers.
        classifier_cosine: of their classifier vectors, None where there are none.
        contact: of the two in the scenes, 0 to 1.
        first_as_second: percent of the points of ``first`` that are labeled ``second``.
        second_as_first: the other way round.
        other_cosines: of their centers in the other networks, in their order.
    """

    first: int
    second: int
    cosine: float
    classifier_cosine: float | None
    contact: float
    first_as_second: float
    second_as_first: float
    other_cosines: Sequence[float] = ()


@dataclass(frozen=True)
class Diagnosis:
    """What the regularizer of a run aims at, what of it the features can follow, and how hard it pulls at the centers.

    Attributes:
        features: of the network: ``channels``; ``least``, the smallest value of one in the split; ``rank`` of the
            linear map that they come out of, missing where they come out of a ReLU or of something unknown.
        targets: how its targets lie in the space of the features: ``largest`` and ``mean`` cosine, ``off_simplex``
            (mean of abs(cos + 1/(K-1))), and the ``bound`` that no K directions can have a largest cosine below; the
            same of the frame they are made of, ``frame_channels``, ``frame_largest``... Empty without fixed targets.
        classes: (K,) values by class, NaN where there is none: ``reach``, the best cosine with its target that a center
            can have; ``reach_from_mean``, the same as seen from the mean of all; ``reached``, the cosine that it has;
            ``ratio``, force of the regularizer over that of the loss; ``cosine`` of these two.
        groups: group ("all", "head"...) to the means of those and more to value; what is not defined is missing.
        weight: what the regularizer is multiplied by; 0 where nothing pulls.
        scenes: in a batch for which forces were measured.
        recentered: whether the regularizer looks at the centers from the mean of all.
        remarks: what could not be measured, and why.
    """

    features: Mapping[str, float]
    targets: Mapping[str, float]
    classes: Mapping[str, NDArray[np.float64]]
    groups: Mapping[str, Mapping[str, float]]
    weight: float
    scenes: int = 1
    recentered: bool = False
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Network:
    """What was found for one network.

    Attributes:
        label: its name on the page.
        path: the file it was read from.
        scores: ``miou``, ``head``... in percent or None.
        iou: (K,) percent, NaN where there is none.
        measures: group ("all", "head"...) to measure to value; what is not defined is missing.
        history: curve to (step, value) pairs of its training.
        center_cosine: (S, S) cosines of the class centers.
        classifier_cosine: (S, S) cosines of the classifier vectors; None where the head has none.
        context: rank correlation of contact and cosine: ``correlation``, ``p_value``, ``pairs`` over all pairs, and
            ``touching_...`` over those that touch; ``confusion_correlation`` of cosine and mutual confusion. None
            where not defined.
        bins: cosines by contact.
        pairs: the closest pairs.
        trend: (intercept, slope, rank correlation) of IoU against log10 of the training points; None if not defined.
        diagnosis: of its regularizer; None where there was nothing to look at.
    """

    label: str
    path: str
    scores: Mapping[str, float | None]
    iou: NDArray[np.float64]
    measures: Mapping[str, Mapping[str, float]]
    history: History
    center_cosine: NDArray[np.float64]
    classifier_cosine: NDArray[np.float64] | None
    context: Mapping[str, float | None]
    bins: Sequence[Bin]
    pairs: Sequence[ClosePair]
    trend: tuple[float, float, float] | None
    diagnosis: Diagnosis | None = None

    @property
    def significance(self) -> str:
        """The p-value of the correlation over all pairs, "p = 0.012"; empty where it is not defined."""
        p = self.context.get("p_value")
        if p is None:
            return ""
        return f"p = {p:.4f}" if p >= 1e-4 else f"p = {p:.0e}"


@dataclass(frozen=True)
class Analysis:
    """All that the page shows.

    Attributes:
        title: heading.
        summary: rows of the table at the top.
        taxonomy: the K classes.
        train_histogram: (K,) training points.
        classes: (S,) the classes with points in the split, the most frequent in training first.
        by_contact: (S,) the positions in ``classes`` in an order in which classes that touch stand together.
        contact: (S, S) association of the classes in space, 0 to 1.
        networks: one to three.
        without_points: names of the classes that could not be measured.
    """

    title: str
    summary: Mapping[str, str]
    taxonomy: Taxonomy
    train_histogram: NDArray[np.int64]
    classes: NDArray[np.int64]
    by_contact: NDArray[np.int64]
    contact: NDArray[np.float64]
    networks: Sequence[Network]
    without_points: Sequence[str] = field(default_factory=tuple)

    @property
    def several(self) -> bool:
        """Whether networks are compared."""
        return len(self.networks) > 1

    def titled(self, text: str, network: Network) -> str:
        """Return ``text``, and whose it is where networks are compared."""
        return f"{text}, {network.label}" if self.several else text
