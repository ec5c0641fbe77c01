"""Elastic distortion: points follow a smooth random field, so that straight walls bend.

A grid of Gaussian noise, blurred, and looked up between its nodes by trilinear interpolation.
Paper: Choy et al., 4D Spatio-Temporal ConvNets, CVPR 2019 (after Simard et al., ICDAR 2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.checks import OptionError, check_number, check_probability
from pointnc.data.bounding_box import bounds
from pointnc.data.transforms.draws import Draw, Draws, Outline
from pointnc.data.transforms.points import PointBatch
from pointnc.data.transforms.transform import Transform
from pointnc.runtime.compiled import loops
from pointnc.scenes import Scene

BLURS = 2
"""How often the noise is averaged over three neighbors along each axis."""


class ElasticDistortion(Transform):
    """Displaces points by smooth random fields, one after the other; normals stay.

    Args:
        levels: (granularity, magnitude) of each field in meters: the distance of the grid's nodes, and the factor
            of the blurred unit noise.
        p: how likely the change is.
    """

    def __init__(self, levels: Sequence[Sequence[float]] = ((0.2, 0.4), (0.8, 1.6)), p: float = 1.0) -> None:
        check_probability("p", p)
        if not isinstance(levels, Sequence) or not all(
            isinstance(level, Sequence) and len(level) == 2 for level in levels
        ):
            raise OptionError(f"levels={levels}: it must be pairs of (granularity, magnitude), in meters")
        for granularity, magnitude in levels:
            check_number("levels' granularity", granularity, above=0)
            check_number("levels' magnitude", magnitude, least=0)
        self.levels = tuple((float(granularity), float(magnitude)) for granularity, magnitude in levels)
        self.p = p

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw the seed of the noise.

        The noise has a generator of its own: how much is drawn depends on the scene's extent, and what later transforms
        draw should not.
        """
        if rng.random() >= self.p:
            return Draw(scene.length, chosen=False)
        return Draw(scene.length, seed=int(rng.integers(2**63)))

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the distorted scene."""
        noise, coord = np.random.default_rng(draw.seed), scene.coord
        for granularity, magnitude in self.levels:
            low, high = bounds(coord)
            field = blur(noise.standard_normal((*nodes(low, high, granularity), 3), np.float32))
            field *= np.float32(magnitude)
            coord = displace(coord, field, low - np.float32(granularity), granularity)
        return scene.replace(coord=coord)

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the distorted scenes.

        The host makes the noise of the grids' nodes, a few thousand numbers a scene; blurring and looking up is the
        device's. The scenes' grids lie in one tensor, padded to the largest.
        """
        generators = [
            np.random.default_rng(seed) if chosen else None for seed, chosen in zip(draws.seeds, draws.chosen)
        ]
        coord = points.coord
        for granularity, magnitude in self.levels:
            low, high = points.layout.extremes(coord)
            # The host must wait for the device here: the extent decides how much noise is drawn.
            extent = torch.stack([low, high], dim=1).cpu().numpy()
            shapes = [nodes(least, greatest, granularity) for least, greatest in extent]
            field = _noise(generators, shapes, coord.device)
            sizes = _send(np.array(shapes), coord.device)
            field = blur_batch(field, sizes).mul_(magnitude)
            coord = displace_batch(points, coord, field, sizes, low - np.float32(granularity).item(), granularity)
        return points.replace(coord=coord)


def nodes(low: NDArray[np.float32], high: NDArray[np.float32], granularity: float) -> tuple[int, int, int]:
    """Return the number of nodes along each axis of the grid over a bounding box, with one node to spare around."""
    x, y, z = np.ceil((high - low) / np.float32(granularity)).astype(int) + 3
    return int(x), int(y), int(z)


def blur(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average an (X, Y, Z, C) field over three neighbors along x, y and z, ``BLURS`` times; outside is 0."""
    third = np.float32(1 / 3)
    for _ in range(BLURS):
        for axis in range(3):
            source = np.moveaxis(field, axis, 0)
            result = source.copy()
            result[1:] += source[:-1]
            result[:-1] += source[1:]
            result *= third
            field = np.moveaxis(result, 0, axis)
    return np.ascontiguousarray(field)


def displace(
    coord: NDArray[np.float32], field: NDArray[np.float32], start: NDArray[np.float32], granularity: float
) -> NDArray[np.float32]:
    """Return the points moved by the field, interpolated trilinearly between its nodes.

    Args:
        coord: (N, 3) meters.
        field: (X, Y, Z, 3) displacements in meters at the nodes.
        start: (3,) position of node (0, 0, 0); every point lies between it and the last node.
        granularity: distance of the nodes in meters.
    """
    step = np.float32(granularity)
    moved = np.empty_like(coord)
    loops("pointnc.data.loops").displace(coord, field, start, step, moved)
    return moved


def _noise(
    generators: list[np.random.Generator | None], shapes: list[tuple[int, int, int]], device: torch.device
) -> Tensor:
    """Return (S, X, Y, Z, 3) unit noise in the nodes of each scene's grid, 0 outside and without a generator."""
    largest = np.max(shapes, axis=0)
    field = np.zeros((len(shapes), *largest, 3), np.float32)
    for scene, rng, (x, y, z) in zip(field, generators, shapes):
        if rng is not None:
            scene[:x, :y, :z] = rng.standard_normal((x, y, z, 3), np.float32)
    return _send(field, device)


def _send(array: NDArray[Any], device: torch.device) -> Tensor:
    """Return the array on the device; from page-locked memory, so that the copy waits for nothing."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def blur_batch(field: Tensor, sizes: Tensor) -> Tensor:
    """Average each (X, Y, Z) grid of an (S, X, Y, Z, C) field over three neighbors along x, y and z.

    As :func:`blur`: ``BLURS`` times; outside is 0.

    Args:
        field: zeros outside of each scene's grid.
        sizes: (S, 3) each scene's number of nodes along each axis.
    """
    inside = torch.ones(1, dtype=torch.bool, device=field.device)
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[axis + 1] = -1
        nodes = torch.arange(field.shape[axis + 1], device=field.device).view(shape)
        inside = inside & (nodes < sizes[:, axis].view(-1, 1, 1, 1, 1))
    third = np.float32(1 / 3).item()
    for _ in range(BLURS):
        for axis in (1, 2, 3):
            before, after = field.narrow(axis, 0, field.shape[axis] - 1), field.narrow(axis, 1, field.shape[axis] - 1)
            result = field.clone()
            result.narrow(axis, 1, field.shape[axis] - 1).add_(before)
            result.narrow(axis, 0, field.shape[axis] - 1).add_(after)
            # What was blurred out of a grid must not come back with the next pass.
            field = result.mul_(third).mul_(inside)
    return field


def displace_batch(
    points: PointBatch, coord: Tensor, field: Tensor, sizes: Tensor, start: Tensor, granularity: float
) -> Tensor:
    """Return the points moved by their scenes' fields, interpolated trilinearly between the nodes.

    Args:
        points: they say which scene a point belongs to.
        coord: (N, 3) meters, where the points are now.
        field: (S, X, Y, Z, 3) displacements in meters at the nodes.
        sizes: (S, 3) each scene's number of nodes along each axis.
        start: (S, 3) position of each scene's node (0, 0, 0).
        granularity: distance of the nodes in meters.
    """
    step = torch.full((), granularity, dtype=torch.float32, device=coord.device)
    nodes, fractions = [], []
    for axis in range(3):
        position = (coord[:, axis] - points.spread(start[:, axis])) / step
        # Rounding can put the farthest point onto the last node, which has no neighbor.
        node = torch.minimum(position.long(), points.spread(sizes[:, axis] - 2))
        nodes.append(node)
        fractions.append(position - node.float())
    _, X, Y, Z, _ = field.shape
    first = ((points.layout.segment * X + nodes[0]) * Y + nodes[1]) * Z + nodes[2]
    table = field.view(-1, 3)
    moved = coord.clone()
    for x, y, z in product((0, 1), repeat=3):
        weight = torch.ones_like(fractions[0])
        for fraction, upper in zip(fractions, (x, y, z)):
            weight *= fraction if upper else 1 - fraction
        moved += weight[:, None] * table.index_select(0, first + ((x * Y + y) * Z + z))
    return moved
