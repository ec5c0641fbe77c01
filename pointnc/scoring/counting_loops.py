"""The counting loop, compiled by numba when it is first called; importing this module imports numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def count(prediction: NDArray[Any], truth: NDArray[Any], tables: NDArray[np.int64]) -> None:
    """Add to ``tables`` (2, K, K+1) the pairs of two (N,) integer arrays; truths outside 0..K-1 are left out.

    Neighboring points mostly belong to the same pair of classes. Even and odd points have a table each, so that
    one addition need not wait for the store of the one before.
    """
    K = tables.shape[1]
    for i in range(len(truth)):
        row = truth[i]
        if 0 <= row < K:
            column = prediction[i]
            tables[i & 1, row, column if 0 <= column < K else K] += 1
