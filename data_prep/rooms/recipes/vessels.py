"""Hollow shapes that many small things share, centered on the z axis: tubs, pots, bottles, tufts of leaves."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.palette import leaf
from data_prep.rooms.shapes import Color, Mesh, box, lathe, loft, superellipsoid

Rng = np.random.Generator
_CORNERS = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)], np.float64) / 2


def tub(bottom: tuple[float, float], top: tuple[float, float], height: float, color: Color, wall: float = 0.01) -> Mesh:
    """Return an open rectangular tub whose outer size (x, y) goes from ``bottom`` to ``top``, meters."""
    rings = np.empty((4, 4, 3))
    rims = (bottom, top, np.subtract(top, 2 * wall), np.subtract(bottom, 2 * wall))
    for ring, rim, z in zip(rings, rims, (0.0, height, height, wall)):
        ring[:, :2], ring[:, 2] = _CORNERS * rim, z
    return loft(rings, color)


def pot(bottom: float, top: float, height: float, color: Color, wall: float = 0.008) -> Mesh:
    """Return an open round pot whose outer radius goes from ``bottom`` to ``top``, meters."""
    return lathe([(bottom, 0), (top, height), (top - wall, height), (bottom - wall, wall)], color)


def flask(radius: float, height: float, neck: float, color: Color, cap: Color) -> list[Mesh]:
    """Return a bottle of ``radius`` with a neck of radius ``neck``, and its cap."""
    shoulder = 0.68 * height
    profile = [(0.9 * radius, 0), (radius, 0.06 * height), (radius, shoulder), (neck, 0.85 * height), (neck, height)]
    return [lathe(profile, color), lathe([(1.1 * neck, 0), (1.1 * neck, 0.08 * height)], cap, (0, 0, 0.93 * height))]


def stripes(size: tuple[float, float, float], colors: tuple[Color, Color], z: float = 0.0) -> list[Mesh]:
    """Return a box of ``size`` with a band of the second color around the middle third of its height."""
    x, y, h = size
    band = box((x + 0.004, y + 0.004, h / 3), colors[1], (0, 0, z + h / 3))
    return [box(size, colors[0], (0, 0, z)), band]


def blades(rng: Rng, count: int, long: float, z: float, width: float = 0.05) -> list[Mesh]:
    """Return ``count`` leaves of about ``long`` meters that rise from height ``z`` and lean outwards."""
    parts = []
    for angle in 2 * np.pi * (np.arange(count) + rng.random(count) / 2) / count:
        length = long * rng.uniform(0.6, 1)
        blade = superellipsoid((width, 0.012, length), leaf(rng), flat=1)
        parts.append(blade.turned(rng.uniform(0.15, 1.0), "x").turned(float(angle)).moved(0, 0, z))
    return parts


def foliage(rng: Rng, count: int, spread: float, low: float, high: float) -> list[Mesh]:
    """Return ``count`` leafy clumps within ``spread`` meters of the axis, from height ``low`` to ``high``."""
    parts = []
    for _ in range(count):
        size = spread * rng.uniform(0.5, 0.9)
        x, y = rng.uniform(-1, 1, 2) * (spread - size / 2)
        z = rng.uniform(low, max(low + 0.01, high - 0.7 * size))
        parts.append(superellipsoid((size, size, 0.7 * size), leaf(rng), (x, y, z), flat=1))
    return parts
