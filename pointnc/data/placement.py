"""Where an object can stand in a scan: on a free, flat piece of the floor or of a piece of furniture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.scenes import Scene

UPWARD = 0.9
"""Least z of the normal of a point that something can stand on."""

RAISED = 0.2
"""Meters above the floor from which on a surface counts as one of furniture."""

TOLERANCE = 0.03
"""Meters by which a scanned surface is uneven."""

CELL = 0.05
"""Edge in meters of the cells by which it is counted how much of an object's base is supported."""

SUPPORTED = 0.6
"""Share of the base's cells that must have points of the surface: a scan has holes, and tables have edges."""


def floor_height(coord: NDArray[Any]) -> float:
    """Return the height in meters below which a hundredth of the (N, 3) points lie: the floor, but for stray points."""
    sample = coord[:: max(1, len(coord) // 8192), 2]
    return float(np.quantile(sample, 0.01))


class Supports:
    """The surfaces of a scene on which things can stand.

    These are the points that face upward, or all points where the scene has no normals.

    Args:
        scene: N points.
    """

    def __init__(self, scene: Scene) -> None:
        # Column by column: most of the time goes into comparing one coordinate of all points.
        self.columns = np.ascontiguousarray(scene.coord.T)
        surface = np.arange(len(scene)) if scene.normal is None else np.flatnonzero(scene.normal[:, 2] > UPWARD)
        raised = self.columns[2].take(surface) > floor_height(scene.coord) + RAISED
        self.furniture, self.floor = surface[raised], surface[~raised]

    def find_place(
        self, coord: NDArray[np.float32], raised: bool, rng: np.random.Generator, tries: int = 16
    ) -> NDArray[np.float32] | None:
        """Return a place (3,) in meters where an object can stand, or None if there is none among those tried.

        Args:
            coord: (M, 3) the object, its box centered on x = y = 0 with its base at z = 0.
            raised: prefer furniture to the floor.
            rng: draws the places.
            tries: how many places at most; the lesser choice gets its turn after half of them.
        """
        both = (self.furniture, self.floor) if raised else (self.floor, self.furniture)
        for points, count in zip(both, (tries - tries // 2, tries // 2)):
            if not len(points):
                continue
            for point in points[rng.integers(len(points), size=count)]:
                place = self.columns[:, point].copy()
                if self.is_free(coord, place):
                    return place
        return None

    def is_free(self, coord: NDArray[np.float32], place: NDArray[np.float32]) -> bool:
        """Whether an object fits: most of its base has surface beneath, and nothing reaches into its box.

        Args:
            coord: (M, 3) the object; see :meth:`find_place`.
            place: (3,) where its origin would come to lie.
        """
        half = np.maximum(np.abs(coord[:, :2]).max(axis=0), CELL / 4)
        x, y, z = self.columns
        near = np.flatnonzero((x >= place[0] - half[0]) & (x <= place[0] + half[0]))
        near = near[np.abs(y.take(near) - place[1]) <= half[1]]
        height = z.take(near) - place[2]
        if ((height > TOLERANCE) & (height < coord[:, 2].max() + TOLERANCE)).any():
            return False
        base = near[np.abs(height) <= TOLERANCE]
        cells = np.maximum(1, np.ceil(2 * half / CELL)).astype(np.int64)
        column, row = (
            np.minimum((values.take(base) - place[axis] + half[axis]) / (2 * half[axis]) * cells[axis], cells[axis] - 1)
            for axis, values in enumerate((x, y))
        )
        covered = np.zeros(cells, bool)
        covered[column.astype(np.int64), row.astype(np.int64)] = True
        return bool(covered.mean() >= SUPPORTED)

    def occupy(self, coord: NDArray[np.float32]) -> None:
        """Let the (M, 3) points of an object be in the way of what comes later."""
        self.columns = np.concatenate([self.columns, coord.T], axis=1)
