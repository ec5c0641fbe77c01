"""How a class's score goes with its frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.analysis.correlation import spearman


@dataclass(frozen=True)
class Trend:
    """The least-squares line of IoU against log10(training points), and the rank correlation of the two.

    Attributes:
        slope: percentage points of IoU for ten times the points.
        intercept: IoU in percent at one point.
        correlation: Spearman's.
        classes: how many classes it is drawn from.
    """

    slope: float
    intercept: float
    correlation: float
    classes: int


def trend(points: NDArray[Any], iou: NDArray[np.float64]) -> Trend | None:
    """Fit the line over the classes that have training points and an IoU.

    Args:
        points: (K,) training points.
        iou: (K,) percent, NaN where there is none.

    Returns:
        None with fewer than three classes, or where all are equally frequent.
    """
    kept = (np.asarray(points) > 0) & np.isfinite(iou)
    x, y = np.log10(np.asarray(points, float)[kept]), iou[kept]
    if len(x) < 3 or np.ptp(x) == 0:
        return None
    slope, intercept = np.polyfit(x, y, 1)
    return Trend(float(slope), float(intercept), spearman(x, y), len(x))
