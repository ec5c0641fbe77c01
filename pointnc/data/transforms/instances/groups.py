"""Which points belong to which instance, in one scene and in a batch of scenes, and the numbers that each draws."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.checks import check_probability
from pointnc.data.transforms.draws import Draw, Draws, Outline
from pointnc.data.transforms.points import PointBatch
from pointnc.data.transforms.transform import Transform
from pointnc.scenes import Scene

ROWS = 512
"""Instances that draw numbers of their own; further ones share them, since a draw does not know how many there are."""


class Groups(NamedTuple):
    """The instances of a scene.

    Attributes:
        points: (M,) int64 the points of instances.
        which: (M,) int64 the instance of each of these, counted from 0.
        names: (I,) the numbers that the instances have in the scene, ascending.
    """

    points: NDArray[np.int64]
    which: NDArray[np.int64]
    names: NDArray[np.int64]

    @classmethod
    def of(cls, instance: NDArray[np.integer] | None) -> Groups:
        """Group (N,) instance numbers, negative where a point belongs to none; None: no point belongs to any."""
        numbers = np.empty(0, np.int64) if instance is None else np.asarray(instance)
        points = np.flatnonzero(numbers >= 0)
        names, which = np.unique(numbers.take(points), return_inverse=True)
        return cls(points, which.reshape(-1), names)


class BatchGroups(NamedTuple):
    """The instances of several scenes, scene after scene.

    Attributes:
        points: (M,) int64 the points of instances.
        which: (M,) int64 the instance of each of these, counted through from 0.
        names: (I,) int64 the numbers that the instances have in their scenes.
        scenes: (I,) int64 their scenes.
    """

    points: Tensor
    which: Tensor
    names: Tensor
    scenes: Tensor

    @classmethod
    def of(cls, batch: PointBatch, mask: Tensor) -> BatchGroups:
        """Group the points of the scenes that a (S,) mask names. The host waits for the device."""
        if batch.instance is None:
            nothing = batch.layout.offsets.new_empty(0)
            return cls(nothing, nothing, nothing, nothing)
        numbers = batch.instance.long()
        points = ((numbers >= 0) & batch.spread(mask)).nonzero()[:, 0]
        key = batch.layout.segment.index_select(0, points) << 32 | numbers.index_select(0, points)
        names, which = torch.unique(key, return_inverse=True)  # sorted, as numpy's
        return cls(points, which, names & 0xFFFFFFFF, names >> 32)


class InstanceTransform(Transform):
    """A change of each instance by numbers of its own; a subclass says which numbers and which change.

    Args:
        p: how likely the scene is changed.
    """

    by_instance = True

    def __init__(self, p: float = 0.2) -> None:
        check_probability("p", p)
        self.p = p

    @abstractmethod
    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``, …) the numbers of the instances."""

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw whether the scene is changed, and the numbers of its instances."""
        if rng.random() >= self.p:
            return Draw(scene.length, chosen=False)
        return Draw(scene.length, values=self.numbers(rng))


def own_numbers(values: NDArray[np.float32], groups: Groups) -> NDArray[np.float32]:
    """Return (I, …) the numbers of the instances of a scene, out of (``ROWS``, …)."""
    return values.take(groups.names % ROWS, axis=0)


def own_numbers_batch(draws: Draws, groups: BatchGroups) -> Tensor:
    """Return (I, …) the numbers of the instances of a batch."""
    values: Tensor = draws.values[groups.scenes, groups.names % ROWS]
    return values


def with_rows(scene: Scene, key: str, points: NDArray[np.int64], values: NDArray[np.float32]) -> Scene:
    """Return the scene with other values of some points, in float32."""
    array = np.array(getattr(scene, key), np.float32)
    array[points] = values
    return scene.replace(**{key: array})


def with_rows_batch(batch: PointBatch, key: str, points: Tensor, values: Tensor) -> PointBatch:
    """Return the batch with other values of some points, in float32."""
    return batch.replace(**{key: getattr(batch, key).float().index_copy(0, points, values)})
