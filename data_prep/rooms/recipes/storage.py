"""Cabinets, dressers, wardrobes, shelves, racks and boxes to keep things in."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.palette import (
    any_of,
    colorful,
    dark,
    furniture,
    metal,
    muted,
    plastic,
    white,
    wood,
)
from data_prep.rooms.recipes.parts import carcass, chance, fronts, legs, open_shelves, panel, sizes, top_of
from data_prep.rooms.recipes.registry import (
    BATHROOM,
    BEDROOM,
    CORRIDOR,
    KITCHEN,
    LIVING,
    OFFICE,
    Model,
    Surface,
    recipe,
)
from data_prep.rooms.shapes import Mesh, box, join, rounded_box, tube

Rng = np.random.Generator

handles = any_of(metal, metal, dark, wood)


@recipe(
    "cabinet", 3, rooms={OFFICE: 4, KITCHEN: 2, LIVING: 2, BEDROOM: 1.5, BATHROOM: 1, CORRIDOR: 1.5},
    most=4, free=0.4,
)  # fmt: skip
def cabinet(rng: Rng) -> Model:
    """Any closed case: low or high, doors or drawers, sometimes open above."""
    w, d, h = sizes(rng, (0.5, 1.5), (0.35, 0.6), (0.6, 1.2))
    color = furniture(rng)
    front = color if chance(rng, 0.7) else furniture(rng)
    if chance(rng, 0.25):
        low, lower = 0.75 * h, [top_of(w - 0.04, d - 0.05, 0.75 * h, 0.02, 0.3)]
        parts = carcass(w, d, low, color, max(1, round(w / 0.5)), 1, front, handles(rng))
        case, floors = open_shelves(w, d - 0.04, rng.uniform(0.5, 1.0), color, int(rng.integers(1, 4)), plinth=0.0)
        parts += [part.moved(0, 0, low) for part in case]
        lower = [top_of(f.x[1] - f.x[0], f.y[1] - f.y[0], low + f.z, f.y[0], f.clear) for f in floors]
        return Model(join(*parts), tuple(lower))
    h += rng.uniform(0, 0.9) if chance(rng, 0.25) else 0
    rows = int(rng.integers(1, 4))
    parts = carcass(
        w, d, h, color, max(1, round(w / rng.uniform(0.4, 0.7))), rows, front, handles(rng), rng.uniform(0.03, 0.1)
    )
    return Model(join(*parts), (top_of(w - 0.04, d - 0.05, h, 0.02),))


@recipe(
    "kitchen cabinet", 3, rooms={KITCHEN: 10}, where="beside",
    near=("kitchen counter", "refrigerator", "stove", "counter"), most=4, free=0.5,
)  # fmt: skip
def kitchen_cabinet(rng: Rng) -> Model:
    """A base unit with a worktop, often with a wall unit over its splashback, or a larder of full height."""
    w, d, z = sizes(rng, (0.4, 1.3), (0.56, 0.64), (0.86, 0.94))
    color, handle = any_of(wood, wood, white, white, muted, dark)(rng), handles(rng)
    columns = max(1, round(w / 0.5))
    if chance(rng, 0.2):
        h, w = rng.uniform(1.9, 2.25), min(w, 0.65)
        return Model(join(*carcass(w, d, h, color, 1, int(rng.integers(1, 3)), handle=handle, plinth=0.1)))
    stone = any_of(wood, white, dark, muted)(rng)
    parts = [*carcass(w, d - 0.02, z - 0.04, color, columns, int(rng.integers(1, 3)), handle=handle, plinth=0.1)]
    parts.append(panel(w, d, 0.04, stone, z - 0.04))
    if chance(rng, 0.4):
        return Model(join(*parts), (top_of(w - 0.04, d - 0.06, z, 0.03),))
    gap, deep, tall = sizes(rng, (0.48, 0.6), (0.3, 0.37), (0.55, 0.85))
    upper = [
        box((w, deep - 0.018, tall), color, (0, deep / 2, 0)),
        *fronts(w, tall, deep - 0.01, color, handle, columns, 1),
    ]
    parts += [part.moved(0, 0, z + gap) for part in upper]
    parts.append(box((w, 0.012, gap), white(rng), (0, 0.006, z)))
    return Model(
        join(*parts),
        (top_of(w - 0.04, d - 0.08, z, 0.05, gap - 0.02), top_of(w - 0.04, deep - 0.04, z + gap + tall, 0.02, 0.3)),
    )


@recipe("file cabinet", 3, rooms={OFFICE: 8, CORRIDOR: 0.5}, most=3, free=0.4)
def file_cabinet(rng: Rng) -> Model:
    """Two to five equal drawers in a narrow case, mostly of steel."""
    drawers = int(rng.integers(2, 6))
    w, d, drawer = sizes(rng, (0.38, 0.5), (0.45, 0.65), (0.26, 0.33))
    w *= 2 if chance(rng, 0.15) else 1
    h, color = drawers * drawer + 0.05, any_of(metal, metal, white, dark, wood)(rng)
    columns = 2 if w > 0.7 else 1
    parts = [box((w, d - 0.018, h), color, (0, d / 2 - 0.009, 0))]
    parts += fronts(w, h - 0.05, d - 0.018, color, handles(rng), columns, drawers, 0.03)
    return Model(join(*parts), (top_of(w - 0.04, d - 0.05, h, 0.02),))


@recipe("dresser", 17, rooms={BEDROOM: 8, LIVING: 0.5}, most=2, free=0.5)
def dresser(rng: Rng) -> Model:
    """A wide chest of drawers on a plinth or short legs."""
    w, d, h = sizes(rng, (0.75, 1.6), (0.42, 0.55), (0.7, 1.2))
    color, foot = furniture(rng), rng.uniform(0.04, 0.16)
    columns, rows = (2 if w > 1.05 else 1), int(rng.integers(3, 6))
    case = carcass(w, d, h - foot, color, columns, rows, handle=handles(rng), plinth=0.02)
    parts = [part.moved(0, 0, foot) for part in case] + legs(w, d - 0.02, foot + 0.02, color, 0.05)
    parts.append(panel(w + 0.03, d + 0.015, 0.025, color, h - 0.005))
    return Model(join(*parts), (top_of(w - 0.02, d - 0.02, h + 0.02, 0.01),))


@recipe("wardrobe", 39, rooms={BEDROOM: 7, CORRIDOR: 0.7}, where="corner", most=1, free=0.6)
def wardrobe(rng: Rng) -> Model:
    """A tall case with doors, sometimes with drawers below and a cornice."""
    w, d, h = sizes(rng, (0.8, 2.2), (0.52, 0.65), (1.8, 2.25))
    color, handle = any_of(wood, wood, white, white, dark)(rng), handles(rng)
    columns, drawers = max(2, round(w / 0.5)), rng.uniform(0.3, 0.5) if chance(rng, 0.35) else 0.0
    parts = [
        box((w, d - 0.018, h - 0.04), color, (0, d / 2 - 0.009, 0.04)),
        box((w - 0.04, d - 0.06, 0.05), color, (0, d / 2, 0)),
    ]
    parts += fronts(w, h - 0.12 - drawers, d - 0.018, color, handle, columns, 1, 0.08 + drawers)
    if drawers:
        parts += fronts(w, drawers, d - 0.018, color, handle, max(1, columns // 2), 2, 0.07)
    if chance(rng, 0.4):
        parts.append(panel(w + 0.05, d + 0.03, 0.05, color, h - 0.01))
        h += 0.04
    return Model(join(*parts), (top_of(w - 0.06, d - 0.08, h, 0.03),))


@recipe("bookshelf", 10, rooms={OFFICE: 5, LIVING: 3, BEDROOM: 1.5, CORRIDOR: 0.5}, most=4, free=0.4)
def bookshelf(rng: Rng) -> Model:
    """An upright open case of three to six compartments, sometimes two or three side by side."""
    w, d, levels = rng.uniform(0.6, 1.1), rng.uniform(0.24, 0.36), int(rng.integers(3, 7))
    h, color, bays = levels * rng.uniform(0.3, 0.38) + 0.08, furniture(rng), 1 + int(rng.integers(3) * chance(rng, 0.3))
    parts: list[Mesh] = []
    surfaces: list[Surface] = []
    for bay in range(bays):
        x = (bay - (bays - 1) / 2) * w
        case, floors = open_shelves(w, d, h, color, levels, back=chance(rng, 0.8))
        model = Model(join(*case), tuple(floors)).moved(x, 0, 0)
        parts.append(model.mesh)
        surfaces += model.surfaces
    return Model(join(*parts), tuple(surfaces))


@recipe(
    "shelf", 15, rooms={OFFICE: 3, LIVING: 2, BEDROOM: 2, KITCHEN: 2, BATHROOM: 1.5, CORRIDOR: 1},
    on="wall", where="random", height=(1.1, 1.45), most=4,
)  # fmt: skip
def shelf(rng: Rng) -> Model:
    """One to three boards on the wall, on brackets or between sides."""
    w, d, gap, t = sizes(rng, (0.5, 1.5), (0.18, 0.32), (0.28, 0.38), (0.018, 0.035))
    boards, color, bracket = int(rng.integers(1, 4)), furniture(rng), any_of(metal, dark, white)(rng)
    parts = []
    for board in range(boards):
        z = 0.1 + board * gap
        parts.append(panel(w, d, t, color, z))
        parts += [tube([(x, 0, z - 0.09), (x, 0.7 * d, z - 0.005)], 0.012, bracket, 6) for x in (-0.35 * w, 0.35 * w)]
        parts += [box((0.02, 0.014, 0.12), bracket, (x, 0.007, z - 0.11)) for x in (-0.35 * w, 0.35 * w)]
    if chance(rng, 0.3):
        parts += [box((t, d, boards * gap), color, (side * (w + t) / 2, d / 2, 0.1)) for side in (-1, 1)]
    clears = [gap - t - 0.1] * (boards - 1) + [0.6]
    return Model(
        join(*parts), tuple(top_of(w - 0.03, d - 0.03, 0.1 + i * gap + t, 0.015, c) for i, c in enumerate(clears))
    )


@recipe("rack", 39, rooms={KITCHEN: 2, OFFICE: 1.5, BATHROOM: 1, BEDROOM: 1, CORRIDOR: 2, LIVING: 0.5}, most=2)
def rack(rng: Rng) -> Model:
    """Two to five tiers on four posts: slotted boards, or the sloping bars of a shoe rack."""
    w, d, h = sizes(rng, (0.5, 1.1), (0.28, 0.5), (0.45, 1.9))
    color, levels = any_of(metal, metal, white, dark, wood)(rng), max(2, round(h / rng.uniform(0.28, 0.45)))
    parts = [tube([(x, y, 0), (x, y, h)], 0.014, color, 6) for x in (-w / 2, w / 2) for y in (0, d)]
    heights = np.linspace(0.1, h - 0.04, levels)
    bars = int(rng.integers(4, 9))
    for z in heights:
        parts += [box((w, 0.5 * d / bars, 0.016), color, (0, y, z)) for y in np.linspace(0.02, d - 0.02, bars)]
        parts += [box((0.016, d, 0.02), color, (x, d / 2, z - 0.012)) for x in (-w / 2, w / 2)]
    clears = [*(np.diff(heights) - 0.06), 10.0]
    surfaces = tuple(top_of(w - 0.06, d - 0.04, z + 0.016, 0.02, float(c)) for z, c in zip(heights, clears))
    return Model(join(*parts), surfaces)


@recipe("storage organizer", 40, rooms={OFFICE: 2, BEDROOM: 1, LIVING: 0.5}, most=2)
def storage_organizer(rng: Rng) -> Model:
    """A tower of small plastic drawers, each of another color or all alike."""
    w, d, drawer = sizes(rng, (0.28, 0.42), (0.3, 0.42), (0.13, 0.22))
    rows, body, one = int(rng.integers(3, 7)), any_of(white, dark, metal)(rng), plastic(rng)
    h, same = rows * drawer + 0.04, chance(rng, 0.5)
    parts = [box((w, d - 0.02, 0.02), body, (0, d / 2 - 0.01, z)) for z in np.linspace(0, h - 0.02, rows + 1)]
    parts += [box((0.015, d - 0.02, h), body, (side * (w / 2 - 0.0075), d / 2 - 0.01, 0)) for side in (-1, 1)]
    for row in range(rows):
        color = one if same else colorful(rng)
        z = row * drawer + 0.03
        parts.append(rounded_box((w - 0.035, d - 0.02, drawer - 0.03), color, (0, d / 2 + 0.01, z), 0.015))
        parts.append(box((0.1, 0.02, 0.02), body, (0, d + 0.01, z + 0.55 * drawer)))
    return Model(join(*parts), (top_of(w - 0.05, d - 0.05, h, 0.02),))
