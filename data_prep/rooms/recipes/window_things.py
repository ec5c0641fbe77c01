"""What hangs: curtains and blinds at windows, coats on hooks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.recipes.palette import any_of, dark, fabric, metal, muted, white, wood
from data_prep.rooms.recipes.parts import chance, hang, sizes
from data_prep.rooms.recipes.registry import BEDROOM, CORRIDOR, KITCHEN, LIVING, OFFICE, recipe
from data_prep.rooms.shapes import Color, Mesh, box, cylinder, join, sheet, superellipsoid, tube

Rng = np.random.Generator
Extent = NDArray[np.float64]


def _pleats(rng: Rng, w: float, h: float, color: Color, deep: float) -> Mesh:
    """Return a hanging cloth of the size given whose folds stand out between 0 and ``deep``."""
    columns = max(12, round(w / 0.025))
    phase = np.linspace(0, 2 * np.pi * w / rng.uniform(0.1, 0.18), columns) + rng.uniform(0, 6)
    folds = 0.5 * deep * (1 + np.sin(phase)) * np.linspace(0.6, 1, 6)[:, None]
    return hang(sheet((w, h), color, folds + 0.012, folds)).moved(0, 0, h / 2)


@recipe("curtain", 16, rooms={BEDROOM: 3, LIVING: 3, KITCHEN: 1, OFFICE: 0.5}, fits=("window",), where="fit", most=3)
def curtain(rng: Rng, window: Extent) -> Mesh:
    """Pleated cloth on a rod: drawn to one side, to both, or closed over the window."""
    w, y = float(window[0]) + rng.uniform(0.2, 0.5), float(window[1]) + 0.02
    over, below = sizes(rng, (0.08, 0.2), (0.05, 0.65))
    h, color, bar = float(window[2]) + over + below, fabric(rng), any_of(metal, wood, dark, white)(rng)
    deep, style, share = rng.uniform(0.05, 0.1), rng.integers(3), rng.uniform(0.18, 0.4)
    rod = tube([(-w / 2 - 0.1, y + 0.05, h - below), (w / 2 + 0.1, y + 0.05, h - below)], 0.012, bar)
    if style == 2:
        panels = [_pleats(rng, w, h, color, deep).moved(0, y, -below)]
    else:
        sides = (-1, 1) if style == 1 else (1 if chance(rng, 0.5) else -1,)
        panels = [
            _pleats(rng, share * w, h, color, deep).moved(side * (1 - share) * w / 2, y, -below) for side in sides
        ]
    return join(rod, *panels)


@recipe("blinds", 13, rooms={OFFICE: 4, BEDROOM: 1.5, KITCHEN: 0.7, LIVING: 0.7}, fits=("window",), where="fit", most=3)
def blinds(rng: Rng, window: Extent) -> Mesh:
    """A headrail with slats let down over part of the window, or a roller of cloth."""
    w, h, y = float(window[0]) - 0.04, float(window[2]), float(window[1]) + 0.03
    drop, color = h * rng.uniform(0.3, 1.0), any_of(white, white, wood, muted, metal)(rng)
    parts = [box((w, 0.05, 0.05), color, (0, y, h - 0.05))]
    if chance(rng, 0.2):
        return join(
            *parts, box((w, 0.01, drop), color, (0, y, h - drop)), box((w, 0.02, 0.03), color, (0, y, h - drop))
        )
    tilt, pitch = rng.uniform(0.2, 1.3), rng.uniform(0.025, 0.05)
    for z in np.arange(h - drop, h - 0.06, pitch):
        slat = box((w, 1.1 * pitch, 0.004), color).turned(tilt, "x")
        parts.append(slat.moved(0, y, float(z) + pitch / 2))
    return join(*parts, box((w, 0.03, 0.02), color, (0, y, h - drop)))


@recipe(
    "coat rack", 40, rooms={CORRIDOR: 3, BEDROOM: 0.7, OFFICE: 1}, on="wall", where="random", height=(1.4, 1.65), most=1
)
def coat_rack(rng: Rng) -> Mesh:
    """A board with a row of hooks or pegs, some with a coat on one."""
    w, count, color, hook = (
        rng.uniform(0.5, 1.1),
        int(rng.integers(3, 8)),
        any_of(wood, white, dark)(rng),
        any_of(metal, dark, wood)(rng),
    )
    parts = [box((w, 0.025, 0.1), color, (0, 0.0125, 0))]
    peg = tube([(0, 0.02, 0.03), (0, 0.07, 0.025), (0, 0.1, 0.07)], 0.01, hook)
    return join(*parts, *(peg.moved(float(x)) for x in np.linspace(-0.42, 0.42, count) * w))


@recipe("jacket", 21, rooms={CORRIDOR: 2, BEDROOM: 2, OFFICE: 2}, on="wall", where="random", height=(0.75, 1.0), most=3)
def jacket(rng: Rng) -> Mesh:
    """A coat on a hook: a trunk that widens downwards between two hanging sleeves."""
    h, w, color = rng.uniform(0.65, 0.95), rng.uniform(0.34, 0.46), fabric(rng)
    rise = np.array([0.0, 0.5, 0.85, 0.97, 1.0])
    folds = 0.09 + 0.02 * np.sin(np.linspace(0, 14, 14) + rng.uniform(0, 6)) * np.linspace(0.3, 1, 8)[::-1, None]
    trunk = hang(sheet((w, 0.9 * h), color, folds[::-1])).moved(0, 0, 0.45 * h)
    sleeves = []
    for side in (-1, 1):
        path = np.stack([side * w * (0.62 - 0.32 * rise**3), 0.06 + 0 * rise, 0.15 * h + 0.75 * h * rise], 1)
        sleeves.append(tube(path, 0.055, color))
    return join(
        trunk,
        *sleeves,
        superellipsoid((0.16, 0.1, 0.12), color, (0, 0.055, 0.85 * h), flat=1),
        cylinder(0.012, 0.03, metal(rng), (0, 0.03, h)),
    )
