"""Scenes too large for one pass, cut into tiles that overlap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError


@dataclass(frozen=True)
class Tile:
    """The points of one pass. The inner points of all tiles are the scene's points, each once.

    Attributes:
        points: (n,) int64 ascending numbers of the points in the tile and in its halo, or a slice of all.
        inner: (n,) bool, which of them lie in the tile itself, or a slice of all.
    """

    points: NDArray[np.int64] | slice
    inner: NDArray[np.bool_] | slice

    def inner_points(self) -> NDArray[np.int64] | slice:
        """The numbers of the points in the tile itself."""
        return self.points if isinstance(self.points, slice) else self.points[self.inner]


def cut_tiles(
    coord: NDArray[np.float32], max_points: int, reach: NDArray[np.float64], smallest: float
) -> Iterator[Tile]:
    """Cut a scene along x and y until no tile has more than ``max_points`` points, halo included.

    The tile with too many points is halved across the longer side of its inner points' bounding box. The result
    depends on nothing but the arguments. Tiles come one by one; at any time about 30 bytes a point are held.

    Args:
        coord: (N, 3) meters.
        max_points: greatest number of points of a tile.
        reach: (2 or more,) the width of the halo along x and y in meters.
        smallest: tiles with sides of at most this many meters are not cut further: nearly all would be halo.

    Raises:
        UserError: the points within reach of one spot are more than ``max_points``.
    """
    if len(coord) <= max_points:
        yield Tile(slice(None), slice(None))
        return
    everything = np.arange(len(coord))
    pending = [(everything, np.ones(len(coord), np.bool_))]
    del everything
    while pending:
        points, inner = pending.pop()
        if len(points) <= max_points:
            yield Tile(points, inner)
            continue
        spans = [_span(coord[points[inner], axis]) for axis in range(2)]
        axis = int(spans[1][1] - spans[1][0] > spans[0][1] - spans[0][0])
        low, high = spans[axis]
        if high - low <= smallest:
            raise UserError(
                f"max_points={max_points} is too small: {len(points)} points lie in a tile of {high - low:.3g} m and "
                f"its halo of {reach[axis]:.3g} m; raise max_points or lower halo",
                code="too-dense",
            )
        along = coord[points, axis]
        first_half = along < low + (high - low) / 2
        halves = [_part(coord, points, side, reach) for side in (inner & first_half, inner & ~first_half)]
        pending.extend(reversed(halves))


def _part(
    coord: NDArray[np.float32], points: NDArray[np.int64], inner: NDArray[np.bool_], reach: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the points within reach of the inner ones, and which of them are inner."""
    near = np.ones(len(points), np.bool_)
    for axis in range(2):
        along = coord[points, axis]
        low, high = _span(along[inner])
        near &= (along >= low - reach[axis]) & (along <= high + reach[axis])
    return points[near], inner[near]


def _span(values: NDArray[Any]) -> tuple[float, float]:
    return float(values.min()), float(values.max())
