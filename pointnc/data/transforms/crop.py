"""Transforms that leave points out; the rest keep their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pointnc.checks import check_probability, check_whole
from pointnc.data.transforms.draws import Draw, Draws, Outline
from pointnc.data.transforms.points import PointBatch
from pointnc.data.transforms.transform import Transform
from pointnc.scenes import Scene
from pointnc.scenes.scene import IGNORE


class RandomDropout(Transform):
    """Leaves out points at random.

    Args:
        ratio: how likely each point is to be left out, once the scene is thinned at all.
        p: how likely the scene is thinned.
    """

    def __init__(self, ratio: float = 0.2, p: float = 0.2) -> None:
        check_probability("ratio", ratio)
        check_probability("p", p)
        self.ratio, self.p = ratio, p

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw which points stay; at least one does."""
        if rng.random() >= self.p:
            return Draw(scene.length, chosen=False)
        kept = np.flatnonzero(rng.random(scene.length, np.float32) >= self.ratio)
        kept = kept if len(kept) else np.array([rng.integers(scene.length)])
        return Draw(len(kept), kept=kept)

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the thinned scene."""
        return scene.select(draw.kept)

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the thinned scenes."""
        return take_kept(points, draws)


def take_kept(points: PointBatch, draws: Draws) -> PointBatch:
    """Return the scenes with the points alone that were drawn to stay."""
    starts = points.layout.offsets.index_select(0, draws.layout.segment)
    return points.take(draws.kept + starts, draws.layout)


class SphereCrop(Transform):
    """Keeps the points that are closest to a random one, so that a large scene fits into memory.

    Args:
        max_points: how many are kept; a scene of no more points stays whole.
        class_balanced: how likely the one in the middle is a point of a class drawn from those of the scene, each as
            likely as any other, instead of any point: rare classes are then in more crops. Without labels it is any
            point.
    """

    def __init__(self, max_points: int = 100_000, class_balanced: float = 0.0) -> None:
        check_whole("max_points", max_points, least=1)
        check_probability("class_balanced", class_balanced)
        self.max_points, self.class_balanced = max_points, class_balanced

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw the point in the middle, or -1 and two numbers in [0, 1) that choose a class and one of its points."""
        if scene.length <= self.max_points:
            return Draw(scene.length, chosen=False)
        if self.class_balanced > 0 and rng.random() < self.class_balanced:
            middle = (-1, rng.random(), rng.random())
        else:
            middle = (int(rng.integers(scene.length)), 0.0, 0.0)
        return Draw(self.max_points, values=np.array(middle))

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the cropped scene."""
        point, which, place = draw.values
        if point < 0:
            semantic = np.full(len(scene), IGNORE) if scene.semantic is None else scene.semantic
            point = point_of_a_class(semantic, which, place)
        return scene.select(nearest(scene.coord, scene.coord[int(point)], self.max_points))

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the cropped scenes.

        One stable sort of the points by (scene, distance) in place of a selection in each scene. Of equal distances
        the first points stay, as in a scene alone; distances are computed in the same order, so that the same points
        stay as long as the coordinates are the same to the bit. Where an earlier step rounded otherwise on the device,
        points at nearly the same distance may change places at the edge of the crop. How many points stay is known
        before anything is computed, so that nothing waits for the device.
        """
        before, after = points.layout, draws.layout
        point = draws.values[:, 0].long()
        if self.class_balanced > 0:  # the host looks for these points, and waits for the device
            rows = zip(points.semantic.split(before.lengths), draws.values.tolist())
            found = [
                int(index) if index >= 0 else point_of_a_class(semantic.cpu().numpy(), which, place)
                for semantic, (index, which, place) in rows
            ]
            point = torch.tensor(found, device=point.device)
        center = points.coord.index_select(0, before.offsets[:-1] + point)
        distance = torch.zeros_like(points.coord[:, 0])
        for axis in range(3):
            offset = points.coord[:, axis] - points.spread(center[:, axis])
            distance += offset * offset
        # The bits of floats that are not negative are in the order of the floats.
        key = before.segment << 32 | distance.view(torch.int32)
        order = key.argsort(stable=True)
        # Within the order each scene still begins at its offset; its first ones are the nearest.
        place = torch.arange(len(after), device=order.device)
        place += (before.offsets - after.offsets).index_select(0, after.segment)
        return points.take(order.index_select(0, place).sort().values, after)


def point_of_a_class(semantic: NDArray[Any], which: float, place: float) -> int:
    """Return the index of one of N points: ``which`` in [0, 1) chooses among the classes, ``place`` among their points.

    If no point has a class, ``place`` chooses among all.

    Args:
        semantic: (N,) class of each point, negative where it has none.
        which: see above.
        place: see above.
    """
    present = np.flatnonzero(np.bincount(np.maximum(semantic, -1).astype(np.int64) + 1)[1:])
    if not len(present):
        return int(place * len(semantic))
    points = np.flatnonzero(semantic == present[int(which * len(present))])
    return int(points[int(place * len(points))])


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
