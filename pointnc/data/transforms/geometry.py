"""Rigid motions, scaling and noise of coordinates; normals move along."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.checks import OptionError, check_factors, check_number, check_probability, check_switch
from pointnc.data.bounding_box import bounds
from pointnc.data.transforms.columns import by_column
from pointnc.data.transforms.draws import Draw, Draws, Outline
from pointnc.data.transforms.points import PointBatch
from pointnc.data.transforms.transform import Transform
from pointnc.runtime.compiled import loops
from pointnc.scenes import Scene


class CenterShift(Transform):
    """Moves the middle of the scene's bounding box to x = y = 0 and, with ``z``, its lowest point to z = 0.

    The scene's ``origin`` takes the shift up, so that world coordinates stay.

    Args:
        z: whether the height is shifted too.
    """

    def __init__(self, z: bool = True) -> None:
        check_switch("z", z)
        self.z = z

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw nothing."""
        return Draw(scene.length)

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the shifted scene."""
        low, high = bounds(scene.coord)
        shift = (low + high) / 2
        shift[2] = low[2] if self.z else 0
        return scene.replace(coord=by_column(np.subtract, scene.coord, shift), origin=scene.origin + shift)

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the shifted scenes; without an origin, which training does not use."""
        low, high = points.layout.extremes(points.coord)
        shift = (low + high) / 2
        shift[:, 2] = low[:, 2] if self.z else 0
        return points.replace(coord=points.coord - points.spread(shift))


class RandomRotate(Transform):
    """Rotates about the axes through the coordinate origin: first z, then x, then y.

    Args:
        degrees: greatest angle about (x, y, z) in degrees; the angle is uniform between its negative and itself.
        p: how likely the rotation about each axis is, independently of the others.
    """

    def __init__(self, degrees: Sequence[float] = (2.8125, 2.8125, 180.0), p: float = 0.5) -> None:
        if isinstance(degrees, str) or not isinstance(degrees, Sequence) or len(degrees) != 3:
            raise OptionError(f"degrees={degrees}: it must be three numbers, for x, y and z")
        for angle in degrees:
            check_number("degrees", angle, least=0)
        check_probability("p", p)
        self.radians = np.deg2rad(np.asarray(degrees, np.float64))
        self.p = p

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw a (3, 3) rotation."""
        matrix = np.eye(3)
        for axis in (2, 0, 1):
            if rng.random() < self.p:
                limit = self.radians[axis]
                matrix = rotation(axis, rng.uniform(-limit, limit)) @ matrix
        return Draw(scene.length, not np.array_equal(matrix, np.eye(3)), matrix.astype(np.float32))

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the rotated scene."""
        return transform_linearly(scene, draw.values)

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the rotated scenes."""
        normal = None if points.normal is None else multiply_batch(points, points.normal, draws.values)
        return points.replace(coord=multiply_batch(points, points.coord, draws.values), normal=normal)


class RandomScale(Transform):
    """Scales all axes by one factor, uniform between ``low`` and ``high``."""

    def __init__(self, low: float = 0.9, high: float = 1.1) -> None:
        check_factors(low, high)
        self.low, self.high = low, high

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw a (1,) factor."""
        return Draw(scene.length, values=np.array([rng.uniform(self.low, self.high)], np.float32))

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the scaled scene; normals stay."""
        return scene.replace(coord=scene.coord * draw.values)

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the scaled scenes."""
        return points.replace(coord=points.coord * points.spread(draws.values))


class RandomFlip(Transform):
    """Mirrors x and y, each with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        check_probability("p", p)
        self.p = p

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw (3,) signs."""
        signs = np.ones(3, np.float32)
        signs[:2][rng.random(2) < self.p] = -1
        return Draw(scene.length, bool((signs < 0).any()), signs)

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the mirrored scene."""
        normal = None if scene.normal is None else by_column(np.multiply, scene.normal, draw.values)
        return scene.replace(coord=by_column(np.multiply, scene.coord, draw.values), normal=normal)

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the mirrored scenes."""
        signs = points.spread(draws.values)
        normal = None if points.normal is None else points.normal * signs
        return points.replace(coord=points.coord * signs, normal=normal)


class RandomJitter(Transform):
    """Moves every point by Gaussian noise along each axis.

    Args:
        sigma: standard deviation in meters.
        clip: greatest shift along an axis in meters.
    """

    def __init__(self, sigma: float = 0.005, clip: float = 0.02) -> None:
        check_number("sigma", sigma, least=0)
        check_number("clip", clip, least=0)
        self.sigma, self.clip = sigma, clip

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw the noise."""
        return Draw(scene.length, noise=rng.standard_normal((scene.length, 3), np.float32))

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the scene with moved points; normals stay."""
        coord = draw.noise * np.float32(self.sigma)
        np.clip(coord, -self.clip, self.clip, out=coord)
        coord += scene.coord
        return scene.replace(coord=coord)

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the scenes with moved points."""
        shift = (draws.noise * self.sigma).clamp_(-self.clip, self.clip)
        return points.replace(coord=shift.add_(points.coord))


def rotation(axis: int, angle: float) -> NDArray[np.float64]:
    """Return the (3, 3) matrix that rotates column vectors by ``angle`` radians about the axis 0, 1 or 2."""
    sine, cosine = np.sin(angle), np.cos(angle)
    matrix = np.eye(3)
    second, third = (axis + 1) % 3, (axis + 2) % 3
    matrix[[second, third], [second, third]] = cosine
    matrix[second, third], matrix[third, second] = -sine, sine
    return matrix


def transform_linearly(scene: Scene, matrix: NDArray[np.floating]) -> Scene:
    """Return the scene with coordinates and normals multiplied by an orthogonal (3, 3) matrix, in float32."""
    if np.array_equal(matrix, np.eye(3)):
        return scene
    normal = None if scene.normal is None else multiply(scene.normal, matrix)
    return scene.replace(coord=multiply(scene.coord, matrix), normal=normal)


def multiply(vectors: NDArray[np.float32], matrix: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the (N, 3) vectors, each multiplied by a (3, 3) matrix from the left.

    Without BLAS: its threads would fight with the other workers' for the cores, and its rounding is not the same on
    every machine.
    """
    single = np.ascontiguousarray(matrix, np.float32)
    result = np.empty_like(vectors)
    loops("pointnc.data.loops").multiply(vectors, single, result)
    return result


def multiply_batch(points: PointBatch, vectors: Tensor, matrices: Tensor) -> Tensor:
    """Return the (N, 3) vectors, each multiplied from the left by its scene's matrix out of (S, 3, 3).

    Products and sums in the order of :func:`multiply`; a matrix product would round otherwise, or use TF32.
    """
    x, y, z = vectors.unbind(1)
    columns = []
    for axis in range(3):
        a, b, c = (points.spread(matrices[:, axis, other]) for other in range(3))
        columns.append(a * x + b * y + c * z)
    return torch.stack(columns, dim=1)
