"""Instances that change places."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.data.transforms.draws import Draw, Draws
from pointnc.data.transforms.instances.groups import (
    ROWS,
    BatchGroups,
    Groups,
    InstanceTransform,
    own_numbers,
    own_numbers_batch,
    with_rows,
    with_rows_batch,
)
from pointnc.data.transforms.points import PointBatch
from pointnc.scenes import Scene


class SwapInstances(InstanceTransform):
    """Lets two instances change places: the middles of their boxes along x and y, and their lowest points."""

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``,) numbers; the two instances with the least change places."""
        return rng.random(ROWS, np.float32)

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the scene with two instances exchanged; one alone stays."""
        groups = Groups.of(scene.instance)
        if len(groups.names) < 2:
            return scene
        pair = own_numbers(draw.values, groups).argsort(kind="stable")[:2]
        rows = [groups.points[groups.which == number] for number in pair]
        feet = [_foot(scene.coord.take(row, axis=0)) for row in rows]
        coord = [scene.coord.take(row, axis=0) + (feet[1 - number] - feet[number]) for number, row in enumerate(rows)]
        return with_rows(scene, "coord", np.concatenate(rows), np.concatenate(coord))

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the scenes with two instances exchanged each; in a scene with one alone that one stays."""
        groups = BatchGroups.of(points, draws.mask)
        if not len(groups.points):
            return points
        order = own_numbers_batch(draws, groups).argsort(stable=True)
        order = order.index_select(0, groups.scenes.index_select(0, order).argsort(stable=True))
        counts = torch.bincount(groups.scenes, minlength=len(points.layout.lengths))
        first = (counts.cumsum(0) - counts)[counts > 1]
        one, other = order.index_select(0, first), order.index_select(0, first + 1)
        coord = points.coord.index_select(0, groups.points)
        feet = _feet(coord, groups)
        shift = torch.zeros_like(feet)
        shift[one], shift[other] = feet[other] - feet[one], feet[one] - feet[other]
        return with_rows_batch(points, "coord", groups.points, coord + shift.index_select(0, groups.which))


def _foot(coord: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (3,) the middle of a box along x and y, and its lowest z."""
    low, high = coord.min(axis=0), coord.max(axis=0)
    return np.array([*((low + high) / 2)[:2], low[2]], np.float32)


def _feet(coord: Tensor, groups: BatchGroups) -> Tensor:
    """Return (I, 3) the same of each instance of a batch."""
    index, empty = groups.which[:, None].expand(-1, 3), coord.new_zeros(len(groups.names), 3)
    low = empty.scatter_reduce(0, index, coord, "amin", include_self=False)
    high = empty.scatter_reduce(0, index, coord, "amax", include_self=False)
    feet = (low + high) / 2
    feet[:, 2] = low[:, 2]
    return feet
