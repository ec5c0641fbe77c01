"""Elastic distortion: points follow a smooth random field, so that straight walls bend.

A grid of Gaussian noise, blurred, and looked up between its nodes by trilinear interpolation.
Paper: Choy et al., 4D Spatio-Temporal ConvNets, CVPR 2019 (after Simard et al., ICDAR 2003).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pointnc.compiled import loops
from pointnc.data.bounding_box import bounds
from pointnc.scenes import Scene

BLURS = 2
"""How often the noise is averaged over three neighbors along each axis."""


class ElasticDistortion:
    """Displaces points by smooth random fields, one after the other; normals stay.

    Args:
        levels: (granularity, magnitude) of each field in meters: the distance of the grid's nodes, and the factor
            of the blurred unit noise.
        p: how likely the change is.
    """

    def __init__(self, levels: Sequence[Sequence[float]] = ((0.2, 0.4), (0.8, 1.6)), p: float = 1.0) -> None:
        self.levels = tuple((float(granularity), float(magnitude)) for granularity, magnitude in levels)
        self.p = p

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Return the distorted scene."""
        if rng.random() >= self.p:
            return scene
        # The noise has a generator of its own: how much is drawn depends on the scene's extent, and what later
        # transforms draw should not.
        noise = np.random.default_rng(rng.integers(2**63))
        coord = scene.coord
        for granularity, magnitude in self.levels:
            low, high = bounds(coord)
            field = blur(noise.standard_normal((*nodes(low, high, granularity), 3), np.float32))
            field *= np.float32(magnitude)
            coord = displace(coord, field, low - np.float32(granularity), granularity)
        return scene.replace(coord=coord)


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
