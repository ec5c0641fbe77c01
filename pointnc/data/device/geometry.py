"""Rigid motions, scaling and noise of coordinates: device versions of :mod:`pointnc.data.transforms.geometry`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pointnc.data.device.points import PointBatch
from pointnc.data.device.step import Draw, Parameters
from pointnc.data.transforms import geometry


class CenterShift:
    """Device version of :class:`~pointnc.data.transforms.CenterShift`; no origin, which training does not use."""

    def __init__(self, host: geometry.CenterShift) -> None:
        self.z = host.z

    def draw(self, length: int, colored: bool, rng: np.random.Generator) -> Draw:
        """Draw nothing."""
        return Draw(length)

    def __call__(self, points: PointBatch, parameters: Parameters) -> PointBatch:
        """Return the shifted scenes."""
        low, high = points.layout.extremes(points.coord)
        shift = (low + high) / 2
        shift[:, 2] = low[:, 2] if self.z else 0
        return points.replace(coord=points.coord - points.spread(shift))


class RandomRotate:
    """Device version of :class:`~pointnc.data.transforms.RandomRotate`."""

    def __init__(self, host: geometry.RandomRotate) -> None:
        self.radians, self.p = host.radians, host.p

    def draw(self, length: int, colored: bool, rng: np.random.Generator) -> Draw:
        """Draw a (3, 3) rotation."""
        matrix = np.eye(3)
        for axis in (2, 0, 1):
            if rng.random() < self.p:
                limit = self.radians[axis]
                matrix = geometry.rotation(axis, rng.uniform(-limit, limit)) @ matrix
        return Draw(length, not np.array_equal(matrix, np.eye(3)), matrix.astype(np.float32))

    def __call__(self, points: PointBatch, parameters: Parameters) -> PointBatch:
        """Return the rotated scenes."""
        if parameters.values is None:
            return points
        rotated = {
            key: parameters.only_chosen(points, multiply(points, vectors, parameters.values), vectors)
            for key, vectors in (("coord", points.coord), ("normal", points.normal))
            if vectors is not None
        }
        return points.replace(**rotated)


class RandomScale:
    """Device version of :class:`~pointnc.data.transforms.RandomScale`."""

    def __init__(self, host: geometry.RandomScale) -> None:
        self.low, self.high = host.low, host.high

    def draw(self, length: int, colored: bool, rng: np.random.Generator) -> Draw:
        """Draw a (1,) factor."""
        return Draw(length, values=np.array([rng.uniform(self.low, self.high)], np.float32))

    def __call__(self, points: PointBatch, parameters: Parameters) -> PointBatch:
        """Return the scaled scenes."""
        assert parameters.values is not None
        return points.replace(coord=points.coord * points.spread(parameters.values))


class RandomFlip:
    """Device version of :class:`~pointnc.data.transforms.RandomFlip`."""

    def __init__(self, host: geometry.RandomFlip) -> None:
        self.p = host.p

    def draw(self, length: int, colored: bool, rng: np.random.Generator) -> Draw:
        """Draw (3,) signs."""
        signs = np.ones(3, np.float32)
        signs[:2][rng.random(2) < self.p] = -1
        return Draw(length, bool((signs < 0).any()), signs)

    def __call__(self, points: PointBatch, parameters: Parameters) -> PointBatch:
        """Return the mirrored scenes."""
        if parameters.values is None:
            return points
        signs = points.spread(parameters.values)
        normal = None if points.normal is None else points.normal * signs
        return points.replace(coord=points.coord * signs, normal=normal)


class RandomJitter:
    """Device version of :class:`~pointnc.data.transforms.RandomJitter`; the noise comes from the host."""

    def __init__(self, host: geometry.RandomJitter) -> None:
        self.sigma, self.clip = host.sigma, host.clip

    def draw(self, length: int, colored: bool, rng: np.random.Generator) -> Draw:
        """Draw (N, 3) unit noise."""
        return Draw(length, rows=rng.standard_normal((length, 3), np.float32))

    def __call__(self, points: PointBatch, parameters: Parameters) -> PointBatch:
        """Return the scenes with moved points."""
        assert parameters.rows is not None
        shift = (parameters.rows * self.sigma).clamp_(-self.clip, self.clip)
        return points.replace(coord=shift.add_(points.coord))


def multiply(points: PointBatch, vectors: Tensor, matrices: Tensor) -> Tensor:
    """Return the (N, 3) vectors, each multiplied from the left by its scene's matrix out of (S, 3, 3).

    Products and sums in the order of the host's loop; a matrix product would round otherwise, or use TF32.
    """
    x, y, z = vectors.unbind(1)
    columns = []
    for axis in range(3):
        a, b, c = (points.spread(matrices[:, axis, other]) for other in range(3))
        columns.append(a * x + b * y + c * z)
    return torch.stack(columns, dim=1)
