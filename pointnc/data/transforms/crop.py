"""Transforms that leave points out; the rest keep their order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointnc.scenes import Scene


class RandomDropout:
    """Leaves out points at random.

    Args:
        ratio: how likely each point is to be left out, once the scene is thinned at all.
        p: how likely the scene is thinned.
    """

    def __init__(self, ratio: float = 0.2, p: float = 0.2) -> None:
        self.ratio, self.p = ratio, p

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Return the thinned scene; at least one point stays."""
        if rng.random() >= self.p:
            return scene
        kept = np.flatnonzero(rng.random(len(scene), np.float32) >= self.ratio)
        return take(scene, kept if len(kept) else np.array([rng.integers(len(scene))]))


class SphereCrop:
    """Keeps the points that are closest to a random one, so that a large scene fits into memory.

    Args:
        max_points: how many are kept; a scene of no more points stays whole.
        class_balanced: how likely the one in the middle is a point of a class drawn from those of the scene, each as
            likely as any other, instead of any point: rare classes are then in more crops. Without labels it is any
            point.
    """

    def __init__(self, max_points: int = 100_000, class_balanced: float = 0.0) -> None:
        if max_points < 1:
            raise ValueError(f"max_points is {max_points}")
        if not 0 <= class_balanced <= 1:
            raise ValueError(f"class_balanced is {class_balanced}; it must be a probability")
        self.max_points, self.class_balanced = max_points, class_balanced

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Return the cropped scene."""
        if len(scene) <= self.max_points:
            return scene
        point, which, place = self.draw(len(scene), rng)
        if point < 0:
            point = point_of_a_class(scene, which, place)
        return take(scene, nearest(scene.coord, scene.coord[point], self.max_points))

    def draw(self, length: int, rng: np.random.Generator) -> tuple[int, float, float]:
        """Return the point in the middle, or -1 and two numbers in [0, 1) that choose a class and one of its points."""
        if self.class_balanced > 0 and rng.random() < self.class_balanced:
            return -1, rng.random(), rng.random()
        return int(rng.integers(length)), 0.0, 0.0


def point_of_a_class(scene: Scene, which: float, place: float) -> int:
    """Return the index of a point: ``which`` in [0, 1) chooses among the scene's classes, ``place`` among their points.

    If no point has a class, ``place`` chooses among all.
    """
    if scene.semantic is None or not (present := np.flatnonzero(_class_counts(scene))).size:
        return int(place * len(scene))
    points = np.flatnonzero(np.asarray(scene.semantic) == present[int(which * len(present))])
    return int(points[int(place * len(points))])


def _class_counts(scene: Scene) -> NDArray[np.int64]:
    assert scene.semantic is not None
    return np.bincount(np.maximum(scene.semantic, -1).astype(np.int64) + 1)[1:]


def take(scene: Scene, index: NDArray[np.int64]) -> Scene:
    """Return the scene of the points at ``index``; ``take`` gathers rows several times faster than brackets."""
    return scene.replace(**{key: value.take(index, axis=0) for key, value in scene.arrays().items()})


def nearest(coord: NDArray[np.float32], center: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the sorted indices of the ``count`` points closest to ``center``; of equals the first."""
    distance = np.zeros(len(coord), np.float32)
    for axis in range(3):
        offset = coord[:, axis] - center[axis]
        offset *= offset
        distance += offset
    limit = np.partition(distance, count - 1)[count - 1]
    # A threshold instead of a partition of indices: it is faster, and the points stay in their order.
    inside = distance < limit
    ties = np.flatnonzero(distance == limit)
    inside[ties[: count - np.count_nonzero(inside)]] = True
    return np.flatnonzero(inside)
