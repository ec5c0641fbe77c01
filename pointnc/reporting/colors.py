"""Colors of points by label and by error, and the accents of the charts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.scenes.taxonomy import Taxonomy

UNLABELED = (158, 160, 166)
RIGHT = (196, 203, 212)
WRONG = (214, 48, 49)
IGNORED = (120, 122, 128)
"""RGB of points without a class; predicted right; predicted wrong; without truth in an error picture."""


def label_colors(segment: NDArray[Any], taxonomy: Taxonomy) -> NDArray[np.uint8]:
    """Return (N, 3) RGB: the taxonomy's color of each train index in ``segment`` (N,), gray for -1."""
    return np.array([*taxonomy.colors, UNLABELED], np.uint8)[segment]


def error_colors(prediction: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (N, 3) RGB: red where the two (N,) differ, pale where they agree, gray where truth is -1."""
    verdict = np.where(truth < 0, 2, prediction != truth)
    return np.array([RIGHT, WRONG, IGNORED], np.uint8)[verdict]
