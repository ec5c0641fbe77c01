"""Parts that many pieces of furniture share; the back is at y = 0, the front looks along +y, x is centered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.recipes.registry import Surface
from data_prep.rooms.shapes import Color, Mesh, box, cylinder, sheet, superellipsoid, tube

Rng = np.random.Generator
Range = tuple[float, float]


def sizes(rng: Rng, *ranges: Range) -> list[float]:
    """Return one uniform draw from each range, meters."""
    return [float(low + (high - low) * value) for (low, high), value in zip(ranges, rng.random(len(ranges)))]


def chance(rng: Rng, probability: float) -> bool:
    """Return True with the probability given."""
    return bool(rng.random() < probability)


def legs(
    width: float, depth: float, height: float, color: Color, thick: float = 0.04, inset: float = 0.0
) -> list[Mesh]:
    """Return four upright legs under the corners of a rectangle, ``inset`` meters from its edges."""
    x, y = width / 2 - thick / 2 - inset, thick / 2 + inset
    return [box((thick, thick, height), color, (side * x, row, 0)) for side in (-1, 1) for row in (y, depth - y)]


def round_legs(
    width: float, depth: float, height: float, color: Color, thick: float = 0.03, splay: float = 0.04
) -> list[Mesh]:
    """Return four round legs that stand ``splay`` meters wider at the floor than above."""
    x, y = width / 2 - thick - splay, depth / 2 - thick - splay
    return [
        tube(
            [(a * (x + splay), depth / 2 + b * (y + splay), 0.0), (a * x, depth / 2 + b * y, height)],
            thick / 2,
            color,
        )
        for a in (-1, 1)
        for b in (-1, 1)
    ]


def panel(width: float, depth: float, thick: float, color: Color, z: float = 0.0) -> Mesh:
    """Return a horizontal board whose underside is at height ``z``."""
    return box((width, depth, thick), color, (0, depth / 2, z))


def top_of(width: float, depth: float, z: float, back: float = 0.0, clear: float = 10.0) -> Surface:
    """Return the surface over ``width`` x ``depth`` whose back edge is at y = ``back``."""
    return Surface((-width / 2, width / 2), (back, back + depth), z, clear)


def fronts(
    width: float, height: float, y: float, color: Color, handle: Color, columns: int, rows: int, z: float = 0.0
) -> list[Mesh]:
    """Return a grid of doors or drawers with handles in the plane y, from height ``z`` upwards."""
    w, h, gap = width / columns, height / rows, 0.012
    parts = []
    for column in range(columns):
        x = (column + 0.5) * w - width / 2
        for row in range(rows):
            parts.append(box((w - gap, 0.018, h - gap), color, (x, y + 0.009, z + row * h + gap / 2)))
            if h > w:  # a door: upright handle at the side that opens
                side = x + (0.5 * w - 0.05) * (1 if column % 2 == 0 else -1)
                parts.append(box((0.015, 0.025, 0.12), handle, (side, y + 0.03, z + row * h + h / 2 - 0.06)))
            else:
                long = min(0.14, 0.5 * w)
                parts.append(box((long, 0.025, 0.015), handle, (x, y + 0.03, z + row * h + h * 0.55)))
    return parts


def carcass(
    width: float,
    depth: float,
    height: float,
    color: Color,
    columns: int,
    rows: int,
    front: Color | None = None,
    handle: Color = (90, 90, 90),
    plinth: float = 0.06,
) -> list[Mesh]:
    """Return a cabinet's body of the outer size given, on a plinth, with a grid of fronts."""
    deep = depth - 0.018
    return [
        box((width - 0.04, deep - 0.04, plinth), handle, (0, deep / 2 - 0.01, 0)),
        box((width, deep, height - plinth), color, (0, deep / 2, plinth)),
        *fronts(width, height - plinth - 0.02, deep, front or color, handle, columns, rows, plinth),
    ]


def open_shelves(
    width: float, depth: float, height: float, color: Color, levels: int, back: bool = True, plinth: float = 0.05
) -> tuple[list[Mesh], list[Surface]]:
    """Return an open case with ``levels`` compartments above each other, and their floors and the top."""
    thick = 0.022
    parts = [box((thick, depth, height), color, (side * (width - thick) / 2, depth / 2, 0)) for side in (-1, 1)]
    if back:
        parts.append(box((width - 2 * thick, 0.01, height - plinth), color, (0, 0.005, plinth)))
    rise = (height - plinth - thick) / levels
    surfaces = []
    for level in range(levels + 1):
        z = plinth + level * rise
        parts.append(box((width - 2 * thick, depth - 0.012, thick), color, (0, depth / 2 + 0.006, z)))
        inside = width - 2 * thick - 0.01
        clear = rise - thick - 0.005 if level < levels else 10.0
        surfaces.append(top_of(inside, depth - 0.02, z + thick, 0.015, clear))
    return parts, surfaces


def hang(mesh: Mesh) -> Mesh:
    """Return a sheet that lay on z = 0 hanging upright: its upper side looks along +y, its first row is on top."""
    return mesh.turned(-np.pi / 2, "x")


def canvas(rng: Rng, width: float, height: float, colors: Sequence[Color], cells: int = 4, y: float = 0.0) -> Mesh:
    """Return an upright panel, 1 cm thick, of random patches in ``colors``; its base is at z = 0."""
    rows, columns = max(2, round(cells * height / width)), cells
    choice = np.array(colors)[rng.integers(len(colors), size=(rows, columns))]
    flat = np.full((rows + 1, columns + 1), 0.01)
    return hang(sheet((width, height), choice, flat)).moved(0, y, height / 2)


def frame(width: float, height: float, bar: float, depth: float, color: Color) -> list[Mesh]:
    """Return four bars around an upright opening of the outer size given, from y = 0 to ``depth``."""
    return [
        box((bar, depth, height), color, (-(width - bar) / 2, depth / 2, 0)),
        box((bar, depth, height), color, ((width - bar) / 2, depth / 2, 0)),
        box((width - 2 * bar, depth, bar), color, (0, depth / 2, 0)),
        box((width - 2 * bar, depth, bar), color, (0, depth / 2, height - bar)),
    ]


def ripple(rng: Rng, rows: int, columns: int, height: float, amount: float) -> NDArray[np.float64]:
    """Return (rows, columns) heights of rumpled cloth: ``height`` plus waves of at most ``amount`` meters."""
    x, y = np.linspace(0, 1, columns), np.linspace(0, 1, rows)[:, None]
    wave = np.zeros((rows, columns))
    for _ in range(4):
        fx, fy = rng.uniform(-3, 3, 2)
        wave += np.sin(2 * np.pi * (fx * x + fy * y + rng.random()))
    return height + amount * wave / 4


def star_base(radius: float, color: Color, height: float) -> list[Mesh]:
    """Return the five-armed base of a swivel chair with castors, and its column up to ``height``."""
    parts = [cylinder(0.03, height - 0.07, color, (0, 0, 0.07))]
    for angle in np.arange(5) * (2 * np.pi / 5) + np.pi / 2:
        x, y = radius * np.cos(angle), radius * np.sin(angle)
        parts.append(tube([(0, 0, 0.11), (x, y, 0.075)], 0.02, color, 6))
        parts.append(superellipsoid((0.05, 0.05, 0.06), (30, 30, 30), (x, y, 0), flat=1))
    return parts


def knob(x: float, y: float, z: float, color: Color, size: float = 0.025) -> Mesh:
    """Return a small round knob."""
    return superellipsoid((size, size, size), color, (x, y, z), flat=1)
