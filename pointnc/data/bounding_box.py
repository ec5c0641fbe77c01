"""The bounding box of a point cloud in one pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointnc.runtime.compiled import loops


def bounds(coord: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return each axis' least and greatest coordinate, (3,) float32 each.

    Args:
        coord: (N, 3) float32, N ≥ 1. Where a coordinate is not finite, some of the results are not.
    """
    low, high = np.empty(3, np.float32), np.empty(3, np.float32)
    loops("pointnc.data.loops").bounds(coord, low, high)
    return low, high
