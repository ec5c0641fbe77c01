"""Arithmetic of (N, 3) arrays with one number an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def by_column(operation: np.ufunc, values: NDArray[Any], vector: NDArray[Any]) -> NDArray[np.float32]:
    """Return ``operation(values, vector)`` of (N, 3) and (3,) as (N, 3) float32.

    Column by column, since numpy would broadcast row by row, three numbers at a time, at a fifth of the speed.
    """
    result = np.empty(values.shape, np.float32)
    for axis in range(values.shape[1]):
        operation(values[:, axis], np.float32(vector[axis]), out=result[:, axis], dtype=np.float32)
    return result
