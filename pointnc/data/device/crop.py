"""Transforms that leave points out: device versions of :mod:`pointnc.data.transforms.crop`.

How many points stay is known on the host before anything is computed, so that nothing waits for the device.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pointnc.data.device.points import PointBatch
from pointnc.data.device.step import Draw, Parameters
from pointnc.data.transforms import crop


class RandomDropout:
    """Device version of :class:`~pointnc.data.transforms.RandomDropout`."""

    def __init__(self, host: crop.RandomDropout) -> None:
        self.ratio, self.p = host.ratio, host.p

    def draw(self, length: int, colored: bool, rng: np.random.Generator) -> Draw:
        """Draw which points stay, as (M,) indices into the scene."""
        if rng.random() >= self.p:
            return Draw(length, False, rows=np.arange(length))
        kept = np.flatnonzero(rng.random(length, np.float32) >= self.ratio)
        kept = kept if len(kept) else np.array([rng.integers(length)])
        return Draw(len(kept), rows=kept)

    def __call__(self, points: PointBatch, parameters: Parameters) -> PointBatch:
        """Return the thinned scenes."""
        if parameters.rows is None:
            return points
        starts = points.layout.offsets.index_select(0, parameters.layout.segment)
        return points.take(parameters.rows + starts, parameters.layout)


class SphereCrop:
    """Device version of :class:`~pointnc.data.transforms.SphereCrop`.

    One stable sort of the points by (scene, distance) in place of a selection in each scene. Of equal distances the
    first points stay, as on the host; distances are computed in the host's order, so that the same points stay as
    long as the coordinates are the same to the bit. Where an earlier step rounded otherwise on the device, points at
    nearly the same distance may change places at the edge of the crop.
    """

    def __init__(self, host: crop.SphereCrop) -> None:
        self.host = host

    def draw(self, length: int, colored: bool, rng: np.random.Generator) -> Draw:
        """Draw the index of the point in the middle, or the two numbers that choose it by its class."""
        if length <= self.host.max_points:
            return Draw(length, False, np.zeros(3))
        return Draw(self.host.max_points, values=np.array(self.host.draw(length, rng)))

    def __call__(self, points: PointBatch, parameters: Parameters) -> PointBatch:
        """Return the cropped scenes."""
        if parameters.values is None:
            return points
        before, after = points.layout, parameters.layout
        point = parameters.values[:, 0].long()
        if self.host.class_balanced > 0:
            point = self._points_of_classes(points, point, parameters.values)
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

    @staticmethod
    def _points_of_classes(points: PointBatch, point: Tensor, values: Tensor) -> Tensor:
        """Return (S,) indices into the scenes, those of -1 chosen by class; this waits for the device."""
        chosen = []
        rows = zip(point.tolist(), values.tolist(), points.semantic.split(points.layout.lengths))
        for index, (_, which, place), semantic in rows:
            if index < 0:
                present = semantic.unique()
                present = present[present >= 0]
                if len(present):
                    of_class = (semantic == present[int(which * len(present))]).nonzero()[:, 0]
                    index = int(of_class[int(place * len(of_class))])
                else:
                    index = int(place * len(semantic))
            chosen.append(index)
        return torch.tensor(chosen, device=point.device)
