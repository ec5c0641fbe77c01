"""What belongs to the building: doors, windows, columns, radiators, stairs, closets, partitions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.recipes.palette import any_of, colorful, dark, fabric, metal, muted, white, wood
from data_prep.rooms.recipes.parts import chance, frame, knob, panel, sizes, top_of
from data_prep.rooms.recipes.registry import (
    BATHROOM,
    BEDROOM,
    CORRIDOR,
    EVERYWHERE,
    KITCHEN,
    LIVING,
    OFFICE,
    Model,
    recipe,
)
from data_prep.rooms.shapes import Color, Mesh, box, cylinder, join, lathe, rounded_box, tube

Rng = np.random.Generator
Extent = NDArray[np.float64]

leafs = any_of(wood, wood, white, white, muted, metal)
plaster = any_of(white, white, muted)


def _leaf(rng: Rng, w: float, h: float, color: Color, thick: float = 0.035) -> list[Mesh]:
    """Return a door leaf from y = 0: plain, with a glass pane, or with raised panels."""
    parts = [box((w, thick, h), color, (0, thick / 2, 0))]
    style = rng.integers(3)
    if style == 1:
        low, wide = sizes(rng, (0.25, 1.1), (0.25, 0.65))
        parts.append(box((wide * w, 0.01, 0.92 * h - low), (195, 212, 222), (0, thick + 0.003, low)))
    elif style == 2:
        rows = int(rng.integers(2, 4))
        for row in range(rows):
            for side in (-1, 1):
                rise = (h - 0.2) / rows
                parts.append(box((0.36 * w, 0.014, rise - 0.1), color, (side * 0.22 * w, thick, 0.15 + row * rise)))
    return parts


@recipe("door", 8, rooms=EVERYWHERE, on="wall", where="random", most=3, free=0.9)
def door(rng: Rng) -> Mesh:
    """A closed leaf in the plane of the wall, sometimes two, with a lever or a knob."""
    w, h = sizes(rng, (0.72, 0.98), (1.95, 2.15))
    color, handle = leafs(rng), any_of(metal, dark)(rng)
    sides = (-1, 1) if chance(rng, 0.1) else (1,)
    parts = []
    for side in sides:
        x = side * w / 2 if len(sides) == 2 else 0.0
        parts += [part.moved(x) for part in _leaf(rng, w - 0.01, h, color)]
        grip = x - side * (w / 2 - 0.07)
        if chance(rng, 0.5):
            parts.append(knob(grip, 0.07, 0.98, handle, 0.06))
        else:
            parts.append(box((0.03, 0.05, 0.03), handle, (grip, 0.06, 1.0)))
            parts.append(box((0.13, 0.02, 0.025), handle, (grip + side * 0.045, 0.085, 1.0)))
    return join(*parts)


@recipe("doorframe", 8, fits=("door",), most=3)
def doorframe(rng: Rng, door: Extent) -> Mesh:
    """Jambs and a lintel around a door."""
    bar, deep = sizes(rng, (0.06, 0.12), (0.035, 0.07))
    color, w, h = any_of(wood, white, white, metal, dark)(rng), float(door[0]), float(door[2])
    jambs = [box((bar, deep, h + bar), color, (side * (w + bar) / 2, deep / 2, 0)) for side in (-1, 1)]
    return join(*jambs, box((w, deep, bar), color, (0, deep / 2, h)))


@recipe(
    "window", 9, rooms={OFFICE: 2, BEDROOM: 2, KITCHEN: 1.5, LIVING: 2.5, BATHROOM: 0.6, CORRIDOR: 0.4},
    on="wall", where="random", height=(0.75, 1.05), most=4,
)  # fmt: skip
def window(rng: Rng) -> Mesh:
    """A frame of one to three casements with bright panes."""
    w, h, bar, deep = sizes(rng, (0.7, 1.9), (0.8, 1.3), (0.04, 0.08), (0.04, 0.08))
    color, glass = any_of(white, white, wood, dark, metal)(rng), rng.uniform(0.6, 1.0) * np.array([205, 222, 236])
    parts = [*frame(w, h, bar, deep, color), box((w - bar, 0.012, h - bar), tuple(glass), (0, 0.014, bar / 2))]
    casements = int(rng.integers(1, 4))
    mullion, middles = (0.8 * bar, 0.8 * deep, h - bar), (np.arange(1, casements) / casements - 0.5) * w
    parts += [box(mullion, color, (x, 0.4 * deep, bar / 2)) for x in middles]
    if chance(rng, 0.4):
        parts.append(box((w - bar, 0.8 * deep, 0.8 * bar), color, (0, 0.4 * deep, h * rng.uniform(0.3, 0.7))))
    return join(*parts)


@recipe("windowsill", 38, fits=("window",), most=4)
def windowsill(rng: Rng, window: Extent) -> Model:
    """A board under a window."""
    deep, thick, over = sizes(rng, (0.17, 0.32), (0.025, 0.05), (0.0, 0.08))
    w = float(window[0]) + 2 * over
    board = panel(w, deep, thick, any_of(white, white, wood, muted)(rng), -thick)
    return Model(board, (top_of(w - 0.04, deep - 0.1, 0, 0.09, 0.8),))


@recipe("column", 38, rooms={OFFICE: 1, CORRIDOR: 1.5, LIVING: 0.4}, where="free", tall=True, most=2)
def column(rng: Rng) -> Mesh:
    """A round or square shaft from floor to ceiling, sometimes with base and capital."""
    w = rng.uniform(0.22, 0.5)
    color = plaster(rng)
    if chance(rng, 0.35):
        return box((w, w, 2.5), color)
    base = w / 2 * (1.25 if chance(rng, 0.4) else 1.0)
    r = w / 2
    return lathe([(base, 0), (base, 0.12), (r, 0.2), (r * 0.95, 2.3), (base, 2.4), (base, 2.5)], color, points=20)


@recipe("pillar", 38, rooms={OFFICE: 1, CORRIDOR: 1.5, LIVING: 0.4}, where="corner", tall=True, most=2)
def pillar(rng: Rng) -> Mesh:
    """A square shaft from floor to ceiling at a wall, sometimes clad below."""
    w, d = sizes(rng, (0.3, 0.7), (0.2, 0.55))
    parts = [box((w, d, 2.5), plaster(rng), (0, d / 2, 0))]
    if chance(rng, 0.4):
        parts.append(
            box((w + 0.03, d + 0.015, rng.uniform(0.1, 1.1)), any_of(wood, white)(rng), (0, d / 2 + 0.0075, 0))
        )
    return join(*parts)


@recipe("radiator", 39, rooms=EVERYWHERE, on="wall", where="random", height=(0.08, 0.16), most=3)
def radiator(rng: Rng) -> Mesh:
    """Upright ribs or a grooved panel on brackets."""
    w, h, d = sizes(rng, (0.5, 1.6), (0.35, 0.7), (0.07, 0.14))
    color = any_of(white, white, white, metal, muted)(rng)
    gap, ribs = 0.03, max(4, round(w / rng.uniform(0.05, 0.09)))
    parts = [box((w - 0.02, d * 0.4, h - 0.06), color, (0, gap + d / 2, 0.03))]
    parts += [box((0.05, gap + 0.04, 0.05), color, (side * 0.35 * w, (gap + 0.04) / 2, 0.6 * h)) for side in (-1, 1)]
    for x in (np.arange(ribs) + 0.5) * w / ribs - w / 2:
        parts.append(rounded_box((0.6 * w / ribs, d, h), color, (x, gap + d / 2, 0), 0.015))
    return join(*parts)


@recipe("stairs", 38, rooms={CORRIDOR: 3, LIVING: 0.4}, where="corner", most=1, free=0.6)
def stairs(rng: Rng) -> Mesh:
    """A short flight that climbs toward the wall."""
    w, rise, run = sizes(rng, (0.8, 1.3), (0.15, 0.19), (0.25, 0.3))
    steps, color = int(rng.integers(3, 7)), any_of(wood, white, muted)(rng)
    tread = any_of(wood, muted, dark)(rng) if chance(rng, 0.5) else color
    parts = []
    for step in range(steps):
        deep, z = (steps - step) * run, step * rise
        parts.append(box((w, deep, rise - 0.03), color, (0, deep / 2, z)))
        parts.append(box((w, deep + 0.02, 0.03), tread, (0, deep / 2 + 0.01, z + rise - 0.03)))
    return join(*parts)


@recipe("stair rail", 38, fits=("stairs",), most=2)
def stair_rail(rng: Rng, stairs: Extent) -> Mesh:
    """Balusters and a sloping hand rail along one side of the stairs."""
    w, d, h = (float(value) for value in stairs)
    color, rail = any_of(white, metal, dark, wood)(rng), any_of(wood, dark, metal)(rng)
    x, tall = (w / 2 - 0.04) * (1 if chance(rng, 0.5) else -1), rng.uniform(0.8, 0.95)
    rows = np.linspace(0.1, d - 0.06, max(3, round(d / rng.uniform(0.14, 0.3))))
    # A baluster starts inside its step, and the rail falls with the flight.
    top = h * (1 - rows / d) + tall
    parts = [
        box((0.03, 0.03, t - max(t - tall - 0.25, 0)), color, (x, y, max(t - tall - 0.25, 0)))
        for y, t in zip(rows, top)
    ]
    return join(*parts, tube([(x, rows[0], top[0]), (x, rows[-1], top[-1])], 0.03, rail))


@recipe("rail", 38, rooms={CORRIDOR: 2, BATHROOM: 0.5}, on="wall", where="random", height=(0.78, 0.95), most=2)
def rail(rng: Rng) -> Mesh:
    """A hand rail along a wall on brackets."""
    w, r = sizes(rng, (0.8, 2.4), (0.017, 0.028))
    color, y = any_of(metal, wood, dark)(rng), 0.075
    bar = tube([(-w / 2, 0, 0), (-w / 2, y, 0), (w / 2, y, 0), (w / 2, 0, 0)], r, color)
    return join(bar, *[tube([(x, 0, -0.05), (x, y, -0.01)], 0.01, color) for x in (-w / 4, w / 4)])


@recipe("closet", 39, rooms={BEDROOM: 4, CORRIDOR: 1, OFFICE: 0.3}, where="corner", most=1, free=0.5)
def closet(rng: Rng) -> Model:
    """A niche from floor to ceiling height with a shelf above, open to the front."""
    w, d, h = sizes(rng, (1.0, 2.2), (0.5, 0.65), (2.0, 2.35))
    color, t = any_of(white, white, wood, muted)(rng), 0.05
    parts = [box((t, d, h), color, (side * (w - t) / 2, d / 2, 0)) for side in (-1, 1)]
    parts += [box((w, 0.02, h), color, (0, 0.01, 0)), box((w, d, 0.08), color, (0, d / 2, h - 0.08))]
    parts += [panel(w - t, d * 0.7, 0.02, color, h - 0.45), panel(w - t, d - 0.02, 0.03, color)]
    floor = top_of(w - 2 * t, d - 0.05, 0.03, 0.03, 0.9)
    return Model(join(*parts), (floor, top_of(w - 2 * t, 0.6 * d, h - 0.43, 0.03, 0.33)))


@recipe("closet rod", 40, fits=("closet",), most=1)
def closet_rod(rng: Rng, closet: Extent) -> Mesh:
    """The bar for hangers between a closet's sides."""
    w, y, z = float(closet[0]) - 0.08, 0.55 * float(closet[1]), float(closet[2]) - rng.uniform(0.5, 0.56)
    return tube([(-w / 2, y, z), (w / 2, y, z)], rng.uniform(0.013, 0.02), any_of(metal, wood, white)(rng))


@recipe("closet door", 8, fits=("closet",), most=1)
def closet_door(rng: Rng, closet: Extent) -> Mesh:
    """Sliding leaves in front of a closet; mostly a part of it stays open."""
    w, d, h = (float(value) for value in closet)
    color, handle = leafs(rng), any_of(metal, dark)(rng)
    count = 2 if chance(rng, 0.6) else 1
    leaf, parts = w / 2, []
    for index in range(count):
        x = (index - 0.5) * leaf * (1.0 if chance(rng, 0.5) else 0.8)
        y = d + 0.03 * index
        parts += [part.moved(x, y) for part in _leaf(rng, leaf, h - 0.04, color, 0.025)]
        parts.append(box((0.02, 0.03, 0.16), handle, (x + (0.5 - index) * 0.8 * leaf, y + 0.035, 0.95)))
    return join(*parts)


@recipe("divider", 38, rooms={OFFICE: 3, CORRIDOR: 0.3, BEDROOM: 0.3}, where="middle", most=2)
def divider(rng: Rng) -> Mesh:
    """A free-standing partition of one to three panels on feet."""
    w, h, foot = sizes(rng, (0.6, 1.1), (1.1, 1.8), (0.02, 0.1))
    color, bar = any_of(fabric, muted, colorful)(rng), any_of(metal, dark, wood)(rng)
    parts, count = [], int(rng.integers(1, 4))
    for index in range(count):
        x = (index - (count - 1) / 2) * w
        parts.append(box((w - 0.04, 0.05, h - foot - 0.03), color, (x, 0, foot)))
        parts += [box((0.03, 0.06, h), bar, (x + side * (w - 0.03) / 2, 0, 0)) for side in (-1, 1)]
        parts.append(box((0.05, 0.4, 0.02), bar, (x, 0, 0)))
        parts += [box((0.03, 0.03, foot + 0.01), bar, (x, 0, 0)), box((w, 0.06, 0.03), bar, (x, 0, h - 0.03))]
    return join(*parts)


@recipe(
    "ledge",
    38,
    rooms={CORRIDOR: 1, BATHROOM: 1, LIVING: 0.5, OFFICE: 0.3},
    on="wall",
    where="random",
    height=(0.4, 1.1),
)
def ledge(rng: Rng) -> Model:
    """A long narrow step in a wall."""
    w, d, h = sizes(rng, (0.7, 2.2), (0.08, 0.2), (0.05, 0.3))
    return Model(panel(w, d, h, plaster(rng)), (top_of(w - 0.04, d - 0.02, h, 0.01, 1.0),))


@recipe("pipe", 40, rooms={CORRIDOR: 1, BATHROOM: 1, KITCHEN: 0.5}, where="corner", tall=True, most=2)
def pipe(rng: Rng) -> Mesh:
    """One or two pipes from floor to ceiling, with collars."""
    parts, r = [], rng.uniform(0.02, 0.06)
    color = any_of(metal, white, muted, colorful)(rng)
    for index in range(int(rng.integers(1, 3))):
        x = 3 * r * index
        parts.append(cylinder(r, 2.5, color, (x, r + 0.02, 0)))
        parts += [cylinder(1.25 * r, 0.05, color, (x, r + 0.02, z)) for z in (0.3, 1.4, 2.3)]
    return join(*parts)
