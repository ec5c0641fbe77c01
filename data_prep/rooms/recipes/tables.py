"""Tables, desks, counters and stands."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.palette import any_of, dark, furniture, metal, muted, white, wood
from data_prep.rooms.recipes.parts import carcass, chance, fronts, legs, open_shelves, panel, round_legs, sizes, top_of
from data_prep.rooms.recipes.registry import BATHROOM, BEDROOM, CORRIDOR, KITCHEN, LIVING, OFFICE, Model, recipe
from data_prep.rooms.shapes import Color, Mesh, box, cylinder, join, rounded_box, superellipsoid, tube

Rng = np.random.Generator


def _round(w: float, z: float, thick: float, color: Color, leg: Color) -> Model:
    """Return a round table on one foot."""
    parts = [
        cylinder(w / 2, thick, color, (0, 0, z - thick)),
        cylinder(0.04, z - thick, leg),
        cylinder(0.28 * w, 0.03, leg, top=0.25 * w),
    ]
    return Model(join(*parts), (top_of(0.64 * w, 0.64 * w, z, -0.32 * w),)).moved(0, w / 2, 0)


def _four_legs(rng: Rng, w: float, d: float, z: float, thick: float, color: Color, leg: Color) -> Model:
    """Return a table on square legs with an apron, on splayed legs, on side panels or on two T-shaped feet."""
    under, style = z - thick, rng.integers(4)
    parts = [
        panel(w, d, thick, color, under)
        if chance(rng, 0.7)
        else rounded_box((w, d, thick), color, (0, d / 2, under), 0.015)
    ]
    if style == 0:
        parts += legs(w, d, under, leg, float(rng.uniform(0.035, 0.08)), 0.02)
        parts += [box((w - 0.1, 0.02, 0.07), leg, (0, y, under - 0.07)) for y in (0.05, d - 0.05)]
    elif style == 1:
        parts += round_legs(w, d, under, leg, 0.04, 0.05)
    elif style == 2:
        parts += [box((0.03, d - 0.04, under), leg, (side * (w / 2 - 0.03), d / 2, 0)) for side in (-1, 1)]
        parts.append(box((w - 0.06, 0.02, 0.3 * z), leg, (0, 0.1, under - 0.3 * z)))
    else:
        for x in (-0.38 * w, 0.38 * w):
            parts += [box((0.06, 0.06, under), leg, (x, d / 2, 0)), box((0.06, 0.85 * d, 0.04), leg, (x, d / 2, 0))]
        parts.append(box((0.76 * w, 0.04, 0.05), leg, (0, d / 2, under - 0.05)))
    return Model(join(*parts), (top_of(w - 0.02, d - 0.02, z, 0.01),))


@recipe(
    "table",
    7,
    rooms={OFFICE: 3, LIVING: 2, KITCHEN: 1.5, BEDROOM: 0.7, CORRIDOR: 1, BATHROOM: 0.1},
    where="free",
    most=3,
)
def table(rng: Rng) -> Model:
    """Any table: work, meeting, side; often a desk or a dining table that nobody called so."""
    w, d, z, thick = sizes(rng, (0.7, 2.0), (0.5, 1.0), (0.65, 0.78), (0.02, 0.05))
    color, leg = furniture(rng), any_of(wood, metal, dark, white)(rng)
    if chance(rng, 0.25):
        return _round(0.5 + 0.35 * w, z, thick, color, leg)
    return _four_legs(rng, w, d, z, thick, color, leg)


@recipe("dining table", 7, rooms={KITCHEN: 4, LIVING: 2}, where="middle", most=1)
def dining_table(rng: Rng) -> Model:
    """A table for four or more, mostly of wood."""
    w, d, z, thick = sizes(rng, (1.1, 2.2), (0.75, 1.05), (0.71, 0.78), (0.025, 0.06))
    color = any_of(wood, wood, wood, white, dark)(rng)
    leg = color if chance(rng, 0.6) else any_of(wood, metal, dark)(rng)
    if chance(rng, 0.25):
        return _round(w * 0.6 + 0.3, z, thick, color, leg)
    return _four_legs(rng, w, d, z, thick, color, leg)


@recipe("desk", 14, rooms={OFFICE: 8, BEDROOM: 2, LIVING: 0.7}, most=5, free=0.5)
def desk(rng: Rng) -> Model:
    """A work table at the wall: mostly with a pedestal of drawers, sometimes with a hutch."""
    w, d, z, thick = sizes(rng, (1.0, 1.8), (0.55, 0.85), (0.71, 0.77), (0.02, 0.04))
    color, leg = furniture(rng), any_of(wood, metal, dark)(rng)
    top = _four_legs(rng, w, d, z, thick, color, leg)
    parts, surfaces = [top.mesh], list(top.surfaces)
    for side in (-1, 1):
        if chance(rng, 0.45):
            body = carcass(
                0.4, d - 0.08, z - thick, color if chance(rng, 0.5) else leg, 1, int(rng.integers(2, 4)), plinth=0.04
            )
            parts += [part.moved(side * (w / 2 - 0.23), 0.03) for part in body]
    if chance(rng, 0.2):
        case, floors = open_shelves(w, 0.26, rng.uniform(0.45, 0.8), color, 1, plinth=0.3)
        parts += [part.moved(0, 0, z) for part in case]
        surfaces += [Model(top.mesh, (floor,)).moved(0, 0, z).surfaces[0] for floor in floors]
    return Model(join(*parts), tuple(surfaces))


@recipe("coffee table", 7, rooms={LIVING: 8, OFFICE: 0.5, CORRIDOR: 0.3}, where="before", near=("couch",), most=1)
def coffee_table(rng: Rng) -> Model:
    """A low table before a couch, sometimes with a shelf below."""
    w, d, z, thick = sizes(rng, (0.75, 1.3), (0.45, 0.75), (0.34, 0.5), (0.02, 0.06))
    color, leg = furniture(rng), any_of(wood, metal, dark)(rng)
    if chance(rng, 0.25):
        return _round(0.3 + 0.5 * w, z, thick, color, leg)
    model = _four_legs(rng, w, d, z, thick, color, leg)
    if chance(rng, 0.35):
        shelf = panel(w - 0.1, d - 0.1, 0.02, color, 0.12).moved(0, 0.05)
        model = Model(join(model.mesh, shelf), (*model.surfaces, top_of(w - 0.3, d - 0.2, 0.14, 0.1, z - thick - 0.2)))
    return model


@recipe(
    "end table",
    7,
    rooms={LIVING: 5, BEDROOM: 1.5, OFFICE: 0.5},
    where="beside",
    near=("couch", "armchair", "sofa chair"),
    most=2,
)
def end_table(rng: Rng) -> Model:
    """A small table at the end of a couch; some have a drawer."""
    w, d, z, thick = sizes(rng, (0.38, 0.65), (0.38, 0.6), (0.45, 0.65), (0.02, 0.04))
    color, leg = furniture(rng), any_of(wood, metal, dark)(rng)
    if chance(rng, 0.35):
        return _round(w, z, thick, color, leg)
    parts = [panel(w, d, thick, color, z - thick), *legs(w, d, z - thick, leg if chance(rng, 0.5) else color, 0.035)]
    if chance(rng, 0.5):
        parts.append(panel(w - 0.06, d - 0.06, 0.02, color, rng.uniform(0.1, 0.2)).moved(0, 0.03))
    if chance(rng, 0.4):
        parts.append(box((w - 0.05, d - 0.05, 0.12), color, (0, d / 2, z - thick - 0.12)))
        parts += fronts(w - 0.06, 0.11, d - 0.03, color, leg, 1, 1, z - thick - 0.115)
    return Model(join(*parts), (top_of(w - 0.02, d - 0.02, z, 0.01),))


@recipe("nightstand", 32, rooms={BEDROOM: 8}, where="beside", near=("bed",), most=2)
def nightstand(rng: Rng) -> Model:
    """A bedside cabinet with drawers; some on legs with an open compartment."""
    w, d, z = sizes(rng, (0.38, 0.6), (0.35, 0.48), (0.45, 0.68))
    color, handle = furniture(rng), any_of(metal, dark, wood)(rng)
    if chance(rng, 0.35):
        drawer = rng.uniform(0.14, 0.2)
        parts = [
            box((w, d - 0.02, drawer), color, (0, d / 2 - 0.01, z - drawer)),
            *legs(w, d - 0.02, z - drawer, color, 0.035),
        ]
        parts += fronts(w, drawer, d - 0.02, color, handle, 1, 1, z - drawer)
        parts.append(panel(w - 0.04, d - 0.04, 0.02, color, 0.12))
    else:
        parts = carcass(w, d, z, color, 1, int(rng.integers(1, 4)), handle=handle, plinth=0.05)
    if chance(rng, 0.5):
        parts.append(panel(w + 0.02, d + 0.01, 0.02, color, z - 0.005))
        z += 0.015
    return Model(join(*parts), (top_of(w - 0.02, d - 0.03, z, 0.01),))


def worktop(rng: Rng, w: float, d: float, z: float, columns: int) -> Model:
    """Return a closed run of base units under a worktop that overhangs in front; nothing rises above it."""
    color = any_of(wood, white, muted, dark)(rng)
    stone = any_of(wood, white, dark, muted, metal)(rng)
    thick = rng.uniform(0.03, 0.05)
    parts = [
        *carcass(
            w - 0.01,
            d - 0.03,
            z - thick,
            color,
            columns,
            int(rng.integers(1, 3)),
            handle=any_of(metal, dark)(rng),
            plinth=0.09,
        ),
        panel(w, d, thick, stone, z - thick),
    ]
    return Model(join(*parts), (top_of(w - 0.04, d - 0.06, z, 0.03, 0.5),))


@recipe("kitchen counter", 12, rooms={KITCHEN: 14}, most=2, free=0.6)
def kitchen_counter(rng: Rng) -> Model:
    """A run of base units with a worktop, at the wall."""
    w, d, z = sizes(rng, (1.2, 2.6), (0.58, 0.68), (0.86, 0.94))
    return worktop(rng, w, d, z, max(2, round(w / 0.5)))


@recipe("counter", 12, rooms={KITCHEN: 5, OFFICE: 0.7, BATHROOM: 1, CORRIDOR: 0.5}, most=2, free=0.5)
def counter(rng: Rng) -> Model:
    """A worktop on base units, on plain panels, or an island."""
    w, d, z = sizes(rng, (0.9, 2.2), (0.45, 0.8), (0.8, 1.05))
    if chance(rng, 0.4):
        return worktop(rng, w, d, z, max(2, round(w / 0.6)))
    color, side = any_of(wood, white, dark, muted)(rng), any_of(wood, white, muted)(rng)
    parts = [panel(w, d, 0.045, color, z - 0.045), box((w - 0.08, 0.04, z - 0.045), side, (0, 0.4 * d, 0))]
    parts += [box((0.04, d - 0.06, z - 0.045), side, (sign * (w / 2 - 0.05), d / 2, 0)) for sign in (-1, 1)]
    return Model(join(*parts), (top_of(w - 0.04, d - 0.04, z, 0.02),))


@recipe("bar", 38, rooms={KITCHEN: 1.5, LIVING: 1}, where="free", most=1, free=0.6)
def bar(rng: Rng) -> Model:
    """A high counter with a foot rail, behind it a lower shelf."""
    w, d, z = sizes(rng, (1.2, 2.2), (0.4, 0.6), (1.0, 1.15))
    color, top = any_of(wood, wood, dark, white)(rng), any_of(wood, dark, white)(rng)
    parts = [
        box((w - 0.06, 0.06, z - 0.05), color, (0, 0.6 * d, 0)),
        panel(w, d, 0.05, top, z - 0.05),
        panel(w - 0.1, 0.5 * d, 0.02, color, 0.55).moved(0, 0.06),
        tube([(-0.45 * w, 0.6 * d + 0.16, 0.2), (0.45 * w, 0.6 * d + 0.16, 0.2)], 0.02, metal(rng)),
    ]
    parts += [box((0.03, 0.17, 0.03), color, (x, 0.6 * d + 0.09, 0.185)) for x in (-0.4 * w, 0.4 * w)]
    parts += [box((0.04, 0.55 * d, z - 0.05), color, (side * (w / 2 - 0.05), 0.33 * d, 0)) for side in (-1, 1)]
    return Model(join(*parts), (top_of(w - 0.04, d - 0.04, z, 0.02), top_of(w - 0.2, 0.5 * d - 0.06, 0.57, 0.08, 0.3)))


@recipe("tv stand", 39, rooms={LIVING: 7, BEDROOM: 1.5}, where="wall", most=1, free=0.8)
def tv_stand(rng: Rng) -> Model:
    """A low wide board with open compartments, sometimes with doors at its ends."""
    w, d, h = sizes(rng, (1.0, 1.9), (0.35, 0.5), (0.4, 0.65))
    color = furniture(rng)
    parts, floors = open_shelves(w, d, h, color, int(rng.integers(1, 3)))
    if chance(rng, 0.6):
        handle, wide = any_of(metal, dark)(rng), 0.3 * w
        for side in (-1, 1):
            x = side * (w - wide) / 2
            parts += [part.moved(x) for part in fronts(wide, h - 0.09, d, color, handle, 1, 1, 0.06)]
        floors = [top_of(w - 2 * wide - 0.05, d - 0.04, floor.z, 0.02, floor.clear) for floor in floors[:-1]] + floors[
            -1:
        ]
    return Model(join(*parts), tuple(floors))


@recipe("stand", 39, rooms={LIVING: 1.5, OFFICE: 1.5, BEDROOM: 1, CORRIDOR: 1.5, KITCHEN: 0.5, BATHROOM: 0.5}, most=2)
def stand(rng: Rng) -> Model:
    """A small high support: plates on four posts, or a pedestal."""
    w, d, z = sizes(rng, (0.3, 0.6), (0.28, 0.5), (0.5, 1.0))
    color, post = furniture(rng), any_of(metal, wood, dark)(rng)
    if chance(rng, 0.35):
        parts: list[Mesh] = [superellipsoid((w, w, 0.06), post, flat=1), cylinder(0.05, z - 0.03, post)]
        return Model(
            join(*parts, cylinder(w / 2, 0.03, color, (0, 0, z - 0.03))), (top_of(0.6 * w, 0.6 * w, z, -0.3 * w),)
        )
    levels = int(rng.integers(2, 4))
    heights = np.linspace(0.15, z - 0.02, levels)
    parts = [panel(w, d, 0.02, color, height) for height in heights] + legs(w, d, z - 0.002, post, 0.03)
    clears = [*(np.diff(heights) - 0.04), 10.0]
    surfaces = tuple(top_of(w - 0.08, d - 0.08, h + 0.02, 0.04, float(clear)) for h, clear in zip(heights, clears))
    return Model(join(*parts), surfaces)
