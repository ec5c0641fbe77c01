"""The loops over votes on a CPU, compiled by numba when they are first called; importing this module imports numba.

torch needs an array between for the first and three times as long for the second.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def add_rows(total: NDArray[Any], rows: NDArray[Any], index: NDArray[np.int64], first: int, last: int) -> None:
    """Add ``rows[index[n]]`` to ``total[n]`` for ``first`` <= n < ``last``; both have K columns."""
    for n in range(first, last):
        row = index[n]
        for k in range(total.shape[1]):
            total[n, k] += rows[row, k]


@njit(cache=True, nogil=True)
def find_highest(scores: NDArray[Any], highest: NDArray[Any], label: NDArray[np.int64], first: int, last: int) -> None:
    """Write to ``label[n]`` the first of the K columns in which ``scores[n]`` is ``highest[n]``; 0 where none is (NaN).

    A minimum without a branch instead of a search that stops: so the columns of a row are compared many at a time.
    """
    K = np.int32(scores.shape[1])
    for n in range(first, last):
        found = K
        for k in range(K):
            here = np.int32(k) if scores[n, k] == highest[n] else K
            found = here if here < found else found
        label[n] = found if found < K else 0
