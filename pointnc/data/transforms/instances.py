"""Changes of the instances of a scene, each by itself: what stands in a room varies more than the room does.

As in the recipe of Volt (arXiv 2604.19609): ``p`` is how likely a scene is changed at all; then each of its instances
draws its own numbers. Points of no instance stay, and a scene without instances stays as it is. These transforms have
no device version.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from pointnc.data.transforms.draws import Draw, Outline
from pointnc.data.transforms.transform import Transform
from pointnc.scenes import Scene

ROWS = 512
"""Instances that draw numbers of their own; further ones share them, since a draw does not know how many there are."""


class InstanceTransform(Transform):
    """A change of each instance by numbers of its own; a subclass says which numbers and which change.

    Args:
        p: how likely the scene is changed.
    """

    def __init__(self, p: float = 0.2) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p is {p}; it must be a probability")
        self.p = p

    @abstractmethod
    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``, …) the numbers of the instances."""

    @abstractmethod
    def change(
        self, scene: Scene, which: NDArray[np.int64], points: NDArray[np.int64], values: NDArray[np.float32]
    ) -> Scene:
        """Return the changed scene.

        Args:
            scene: N points.
            which: (M,) for each point of an instance the number of that one, from 0.
            points: (M,) the points of instances.
            values: (I, …) the numbers of the I instances.
        """

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw whether the scene is changed, and the numbers of its instances."""
        if rng.random() >= self.p:
            return Draw(scene.length, chosen=False)
        return Draw(scene.length, values=self.numbers(rng))

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the changed scene."""
        points = (
            np.flatnonzero(np.asarray(scene.instance) >= 0) if scene.instance is not None else np.empty(0, np.int64)
        )
        if not len(points):
            return scene
        assert scene.instance is not None
        names, which = np.unique(np.asarray(scene.instance).take(points), return_inverse=True)
        return self.change(scene, which.reshape(-1), points, draw.values.take(names % ROWS, axis=0))


class InstanceShift(InstanceTransform):
    """Moves each instance by up to ``distance`` meters along each axis."""

    def __init__(self, distance: float = 0.1, p: float = 0.2) -> None:
        super().__init__(p)
        self.distance = distance

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``, 3) shifts in meters."""
        return rng.uniform(-self.distance, self.distance, (ROWS, 3)).astype(np.float32)

    def change(
        self, scene: Scene, which: NDArray[np.int64], points: NDArray[np.int64], values: NDArray[np.float32]
    ) -> Scene:
        """Return the scene with its instances moved."""
        return _moved(scene, points, scene.coord.take(points, axis=0) + values.take(which, axis=0))


class InstanceRotate(InstanceTransform):
    """Turns each instance by up to ``degrees`` about the vertical through its middle."""

    def __init__(self, degrees: float = 45.0, p: float = 0.2) -> None:
        super().__init__(p)
        self.radians = float(np.deg2rad(degrees))

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``, 2) cosines and sines."""
        angle = rng.uniform(-self.radians, self.radians, ROWS)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)

    def change(
        self, scene: Scene, which: NDArray[np.int64], points: NDArray[np.int64], values: NDArray[np.float32]
    ) -> Scene:
        """Return the scene with its instances turned, normals too."""
        turns = values.take(which, axis=0)
        middle = _middles(scene, which, points).take(which, axis=0)
        coord = _turned(scene.coord.take(points, axis=0) - middle, turns) + middle
        changed = _moved(scene, points, coord)
        if scene.normal is None:
            return changed
        return _with(changed, "normal", points, _turned(scene.normal.take(points, axis=0).astype(np.float32), turns))


class InstanceFlip(InstanceTransform):
    """Mirrors each instance about its middle, in x, in y, in both or not at all, all as likely."""

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``, 3) signs."""
        signs = np.ones((ROWS, 3), np.float32)
        signs[:, :2][rng.random((ROWS, 2)) < 0.5] = -1
        return signs

    def change(
        self, scene: Scene, which: NDArray[np.int64], points: NDArray[np.int64], values: NDArray[np.float32]
    ) -> Scene:
        """Return the scene with its instances mirrored, normals too."""
        signs = values.take(which, axis=0)
        middle = _middles(scene, which, points).take(which, axis=0)
        changed = _moved(scene, points, (scene.coord.take(points, axis=0) - middle) * signs + middle)
        if scene.normal is None:
            return changed
        return _with(changed, "normal", points, scene.normal.take(points, axis=0) * signs)


class InstanceScale(InstanceTransform):
    """Scales each instance about its middle by a factor between ``low`` and ``high``."""

    def __init__(self, low: float = 0.9, high: float = 1.1, p: float = 0.2) -> None:
        super().__init__(p)
        self.low, self.high = low, high

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``, 1) factors."""
        return rng.uniform(self.low, self.high, (ROWS, 1)).astype(np.float32)

    def change(
        self, scene: Scene, which: NDArray[np.int64], points: NDArray[np.int64], values: NDArray[np.float32]
    ) -> Scene:
        """Return the scene with its instances scaled; normals stay."""
        middle = _middles(scene, which, points).take(which, axis=0)
        return _moved(scene, points, (scene.coord.take(points, axis=0) - middle) * values.take(which, axis=0) + middle)


class InstanceDropout(InstanceTransform):
    """Leaves out a share of the instances; at least one point stays.

    Args:
        share: of the instances, rounded down.
        p: how likely the scene is thinned.
    """

    def __init__(self, share: float = 0.5, p: float = 0.1) -> None:
        super().__init__(p)
        self.share = share

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``,) numbers; instances with the least are left out."""
        return rng.random(ROWS, np.float32)

    def change(
        self, scene: Scene, which: NDArray[np.int64], points: NDArray[np.int64], values: NDArray[np.float32]
    ) -> Scene:
        """Return the thinned scene."""
        gone = np.zeros(len(values), np.bool_)
        gone[values.argsort(kind="stable")[: int(self.share * len(values))]] = True
        kept = np.ones(len(scene), np.bool_)
        kept[points] = ~gone.take(which)
        kept[0] |= not kept.any()
        return scene.select(np.flatnonzero(kept))


class InstanceColorDrop(InstanceTransform):
    """Makes each instance black with probability ``share``.

    Args:
        share: how likely each instance loses its color, once any may.
        p: how likely any may.
    """

    def __init__(self, share: float = 0.5, p: float = 0.2) -> None:
        super().__init__(p)
        self.share = share

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``,) 0 for the instances that become black, else 1."""
        return (rng.random(ROWS) >= self.share).astype(np.float32)

    def change(
        self, scene: Scene, which: NDArray[np.int64], points: NDArray[np.int64], values: NDArray[np.float32]
    ) -> Scene:
        """Return the scene with colors in float32."""
        if scene.color is None:
            return scene
        return _with(scene, "color", points, scene.color.take(points, axis=0) * values.take(which)[:, None])


class SwapInstances(InstanceTransform):
    """Lets two instances change places: the middles of their boxes along x and y, and their lowest points."""

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``,) numbers; the two instances with the least change places."""
        return rng.random(ROWS, np.float32)

    def change(
        self, scene: Scene, which: NDArray[np.int64], points: NDArray[np.int64], values: NDArray[np.float32]
    ) -> Scene:
        """Return the scene with two instances exchanged; one alone stays."""
        if len(values) < 2:
            return scene
        pair = values.argsort(kind="stable")[:2]
        rows = [points[which == number] for number in pair]
        feet = [_foot(scene.coord.take(row, axis=0)) for row in rows]
        coord = [scene.coord.take(row, axis=0) + (feet[1 - number] - feet[number]) for number, row in enumerate(rows)]
        return _moved(scene, np.concatenate(rows), np.concatenate(coord))


def _middles(scene: Scene, which: NDArray[np.int64], points: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (I, 3) the mean of the points of each instance."""
    coord = scene.coord.take(points, axis=0)
    sums = np.stack([np.bincount(which, weights=coord[:, axis]) for axis in range(3)], axis=1)
    return (sums / np.bincount(which)[:, None]).astype(np.float32)


def _foot(coord: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (3,) the middle of a box along x and y, and its lowest z."""
    low, high = coord.min(axis=0), coord.max(axis=0)
    return np.array([*((low + high) / 2)[:2], low[2]], np.float32)


def _turned(vectors: NDArray[np.float32], turns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (M, 3) vectors turned about z by (M, 2) cosines and sines."""
    (x, y, z), (cosine, sine) = vectors.T, turns.T
    return np.stack([cosine * x - sine * y, sine * x + cosine * y, z], axis=1)


def _moved(scene: Scene, points: NDArray[np.int64], coord: NDArray[np.float32]) -> Scene:
    return _with(scene, "coord", points, coord)


def _with(scene: Scene, key: str, points: NDArray[np.int64], values: NDArray[np.float32]) -> Scene:
    """Return the scene with other values of some points, in float32."""
    array = np.array(getattr(scene, key), np.float32)
    array[points] = values
    return scene.replace(**{key: array})
