"""Instances that are moved, turned, mirrored and scaled. Shapes: M points of I instances."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.checks import check_factors, check_number
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


class InstanceMove(InstanceTransform):
    """A change of coordinates that is the same for all points of an instance.

    Attributes:
        about_middle: whether coordinates are taken from the mean of the instance's points.
        turns_normals: whether normals change as coordinates do.
    """

    about_middle: ClassVar[bool] = True
    turns_normals: ClassVar[bool] = True

    @abstractmethod
    def move(self, vectors: Any, values: Any) -> Any:
        """Return (M, 3) vectors moved by (M, …) numbers; both are arrays, or both are tensors."""

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the scene with its instances moved."""
        groups = Groups.of(scene.instance)
        if not len(groups.points):
            return scene
        values = own_numbers(draw.values, groups).take(groups.which, axis=0)
        coord = scene.coord.take(groups.points, axis=0)
        if self.about_middle:
            middle = _middles(coord, groups.which).take(groups.which, axis=0)
            coord = self.move(coord - middle, values) + middle
        else:
            coord = self.move(coord, values)
        scene = with_rows(scene, "coord", groups.points, coord)
        if scene.normal is None or not self.turns_normals:
            return scene
        normal = scene.normal.take(groups.points, axis=0).astype(np.float32)
        return with_rows(scene, "normal", groups.points, self.move(normal, values))

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the scenes with their instances moved."""
        groups = BatchGroups.of(points, draws.mask)
        if not len(groups.points):
            return points
        values = own_numbers_batch(draws, groups).index_select(0, groups.which)
        coord = points.coord.index_select(0, groups.points)
        if self.about_middle:
            middle = _middles_batch(coord, groups).index_select(0, groups.which)
            coord = self.move(coord - middle, values) + middle
        else:
            coord = self.move(coord, values)
        points = with_rows_batch(points, "coord", groups.points, coord)
        if points.normal is None or not self.turns_normals:
            return points
        normal = points.normal.index_select(0, groups.points).float()
        return with_rows_batch(points, "normal", groups.points, self.move(normal, values))


class InstanceShift(InstanceMove):
    """Moves each instance by up to ``distance`` meters along each axis."""

    about_middle = False
    turns_normals = False

    def __init__(self, distance: float = 0.1, p: float = 0.2) -> None:
        super().__init__(p)
        check_number("distance", distance, least=0)
        self.distance = distance

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``, 3) shifts in meters."""
        return rng.uniform(-self.distance, self.distance, (ROWS, 3)).astype(np.float32)

    def move(self, vectors: Any, values: Any) -> Any:
        """Return the points shifted."""
        return vectors + values


class InstanceRotate(InstanceMove):
    """Turns each instance by up to ``degrees`` about the vertical through its middle."""

    def __init__(self, degrees: float = 45.0, p: float = 0.2) -> None:
        super().__init__(p)
        check_number("degrees", degrees, least=0)
        self.radians = float(np.deg2rad(degrees))

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``, 2) cosines and sines."""
        angle = rng.uniform(-self.radians, self.radians, ROWS)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)

    def move(self, vectors: Any, values: Any) -> Any:
        """Return the vectors turned about z."""
        x, y, cosine, sine = vectors[:, 0], vectors[:, 1], values[:, 0], values[:, 1]
        turned = vectors + 0
        turned[:, 0], turned[:, 1] = cosine * x - sine * y, sine * x + cosine * y
        return turned


class InstanceFlip(InstanceMove):
    """Mirrors each instance about its middle, in x, in y, in both or not at all, all as likely."""

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``, 3) signs."""
        signs = np.ones((ROWS, 3), np.float32)
        signs[:, :2][rng.random((ROWS, 2)) < 0.5] = -1
        return signs

    def move(self, vectors: Any, values: Any) -> Any:
        """Return the vectors mirrored."""
        return vectors * values


class InstanceScale(InstanceMove):
    """Scales each instance about its middle by a factor between ``low`` and ``high``; normals stay."""

    turns_normals = False

    def __init__(self, low: float = 0.9, high: float = 1.1, p: float = 0.2) -> None:
        super().__init__(p)
        check_factors(low, high)
        self.low, self.high = low, high

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``, 1) factors."""
        return rng.uniform(self.low, self.high, (ROWS, 1)).astype(np.float32)

    def move(self, vectors: Any, values: Any) -> Any:
        """Return the vectors scaled."""
        return vectors * values


def _middles(coord: NDArray[np.float32], which: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (I, 3) the mean of the points of each instance, summed in float64."""
    sums = np.stack([np.bincount(which, weights=coord[:, axis]) for axis in range(3)], axis=1)
    return (sums / np.bincount(which)[:, None]).astype(np.float32)


def _middles_batch(coord: Tensor, groups: BatchGroups) -> Tensor:
    """The same of the instances of a batch."""
    sums = coord.new_zeros((len(groups.names), 3), dtype=torch.float64).index_add_(0, groups.which, coord.double())
    return (sums / torch.bincount(groups.which, minlength=len(sums))[:, None]).float()
