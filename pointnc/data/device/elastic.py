"""Elastic distortion: the device version of :mod:`pointnc.data.transforms.elastic`."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from torch import Tensor

from pointnc.data.device.points import PointBatch
from pointnc.data.device.step import Draw, Parameters
from pointnc.data.transforms import elastic


class ElasticDistortion:
    """Device version of :class:`~pointnc.data.transforms.ElasticDistortion`.

    The host draws the noise of the grids' nodes, a few thousand numbers a scene; blurring and looking up is the
    device's. The scenes' grids lie in one tensor, padded to the largest.
    """

    def __init__(self, host: elastic.ElasticDistortion) -> None:
        self.levels, self.p = host.levels, host.p

    def draw(self, length: int, colored: bool, rng: np.random.Generator) -> Draw:
        """Draw the seed of the noise."""
        if rng.random() >= self.p:
            return Draw(length, False)
        return Draw(length, seed=int(rng.integers(2**63)))

    def __call__(self, points: PointBatch, parameters: Parameters) -> PointBatch:
        """Return the distorted scenes."""
        if not any(parameters.chosen):
            return points
        generators = [
            np.random.default_rng(seed) if chosen else None for seed, chosen in zip(parameters.seeds, parameters.chosen)
        ]
        coord = points.coord
        for granularity, magnitude in self.levels:
            low, high = points.layout.extremes(coord)
            # The host must wait for the device here: the extent decides how much noise is drawn.
            bounds = torch.stack([low, high], dim=1).cpu().numpy()
            shapes = [elastic.nodes(least, greatest, granularity) for least, greatest in bounds]
            field = _noise(generators, shapes, coord.device)
            sizes = _send(np.array(shapes), coord.device)
            field = blur(field, sizes).mul_(magnitude)
            coord = displace(points, coord, field, sizes, low - np.float32(granularity).item(), granularity)
        return points.replace(coord=parameters.only_chosen(points, coord, points.coord))


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


def _send(array: np.ndarray, device: torch.device) -> Tensor:
    """Return the array on the device; from page-locked memory, so that the copy waits for nothing."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def blur(field: Tensor, sizes: Tensor) -> Tensor:
    """Average each (X, Y, Z) grid of an (S, X, Y, Z, C) field over three neighbors along x, y and z.

    As :func:`pointnc.data.transforms.elastic.blur`: ``BLURS`` times; outside is 0.

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
    for _ in range(elastic.BLURS):
        for axis in (1, 2, 3):
            before, after = field.narrow(axis, 0, field.shape[axis] - 1), field.narrow(axis, 1, field.shape[axis] - 1)
            result = field.clone()
            result.narrow(axis, 1, field.shape[axis] - 1).add_(before)
            result.narrow(axis, 0, field.shape[axis] - 1).add_(after)
            # What was blurred out of a grid must not come back with the next pass.
            field = result.mul_(third).mul_(inside)
    return field


def displace(
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
