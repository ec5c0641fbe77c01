"""Which point is under the pointer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting.camera import Camera

REACH = 4.0
"""Pixels around the pointer in which a point is looked for where none is right under it."""


class Picker:
    """The points of one picture, ready to be asked for.

    Args:
        camera: of the picture.
        coord: (N, 3) meters.
        shown: (M,) numbers of the points that the picture shows.
        point_size: edge of the square, pixels, as which a point is drawn.
    """

    def __init__(self, camera: Camera, coord: NDArray[Any], shown: NDArray[np.int64], point_size: float) -> None:
        pixel, depth = camera.project(coord[shown])
        inside = np.flatnonzero((depth > 0) & (np.abs(pixel) < 1e5).all(axis=1))
        line = np.floor(pixel[inside, 1]).astype(np.int64)
        order = inside[np.argsort(line, kind="stable")]  # by line: a question reads a few lines alone
        self.line = np.sort(line)
        self.pixel, self.depth, self.number = pixel[order], depth[order], shown[order]
        self.half = point_size / 2

    def at(self, x: float, y: float) -> int | None:
        """Return the number of the point that is seen at a pixel, or next to it; None where there is none.

        Args:
            x: column, from the left edge.
            y: line, from the upper edge.
        """
        reach = max(REACH, self.half)
        start, end = np.searchsorted(self.line, (int(y - reach) - 1, int(y + reach) + 2))
        away = np.abs(self.pixel[start:end] - (x + 0.5, y + 0.5))
        covers = np.flatnonzero((away <= self.half).all(axis=1))
        if len(covers):  # of all that are drawn there, the nearest to the eye covers the others
            return int(self.number[start + covers[self.depth[start:end][covers].argmin()]])
        distance = np.square(away).sum(axis=1)
        if not len(distance) or distance.min() > REACH * REACH:
            return None
        return int(self.number[start + distance.argmin()])
