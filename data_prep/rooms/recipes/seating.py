"""Chairs, stools, sofas and benches."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.palette import any_of, dark, fabric, furniture, metal, muted, plastic, white, wood
from data_prep.rooms.recipes.parts import chance, legs, panel, round_legs, sizes, star_base, top_of
from data_prep.rooms.recipes.registry import BEDROOM, CORRIDOR, KITCHEN, LIVING, OFFICE, Model, recipe
from data_prep.rooms.shapes import Color, Mesh, box, cylinder, join, rounded_box, tube

Rng = np.random.Generator
TABLES = ("table", "dining table", "desk")


def _back(rng: Rng, w: float, z: float, h: float, color: Color, tilt: float) -> list[Mesh]:
    """Return a chair's back from height ``z``: a panel, slats or a cushion, tilted backwards."""
    style = rng.integers(3)
    if style == 0:
        parts = [box((w, 0.02, h * 0.6), color, (0, 0.01, h * 0.4))]
    elif style == 1:
        parts = [box((w, 0.02, 0.05), color, (0, 0.01, h * f)) for f in (0.3, 0.6, 0.88)]
    else:
        parts = [rounded_box((w, 0.06, h * 0.75), color, (0, 0.03, h * 0.25), 0.03)]
    parts += [box((0.03, 0.03, h), color, (side * (w / 2 - 0.015), 0.015, 0)) for side in (-1, 1)]
    return [part.turned(tilt, "x").moved(0, 0, z) for part in parts]


@recipe(
    "chair", 5, rooms={OFFICE: 3, KITCHEN: 3, LIVING: 3, BEDROOM: 1, CORRIDOR: 1},
    where="around", near=(*TABLES, "counter"), most=8,
)  # fmt: skip
def chair(rng: Rng) -> Model:
    """Four legs or a cantilever, a seat, a back; sometimes arms."""
    w, d, z, h = sizes(rng, (0.38, 0.5), (0.38, 0.5), (0.42, 0.48), (0.35, 0.55))
    color, leg = any_of(furniture, fabric, plastic)(rng), any_of(wood, metal, dark)(rng)
    thick = rng.uniform(0.03, 0.07)
    parts = [rounded_box((w, d, thick), color, (0, d / 2, z - thick), 0.015)]
    parts += legs(w, d, z - thick, leg, 0.03) if chance(rng, 0.6) else round_legs(w, d, z - thick, leg)
    parts += _back(rng, w, z, h, color if chance(rng, 0.6) else leg, rng.uniform(0, 0.2))
    if chance(rng, 0.2):
        for side in (-1, 1):
            x = side * w / 2
            parts.append(tube([(x, 0.02, z + 0.2), (x, d - 0.05, z + 0.2), (x, d - 0.05, z)], 0.015, leg))
    return Model(join(*parts), (top_of(w - 0.06, d - 0.12, z, 0.1),))


@recipe(
    "office chair", 5, rooms={OFFICE: 8, BEDROOM: 1, LIVING: 0.5},
    where="before", near=("desk", "table"), most=5,
)  # fmt: skip
def office_chair(rng: Rng) -> Mesh:
    """Swivel chair on a star of five castors, mostly with arm rests."""
    w, d, z, h = sizes(rng, (0.45, 0.54), (0.43, 0.52), (0.44, 0.54), (0.4, 0.7))
    color, base = any_of(dark, dark, fabric)(rng), any_of(dark, metal)(rng)
    back = rounded_box((w * 0.92, 0.08, h), color, (0, 0.04, 0), 0.04).turned(rng.uniform(0.05, 0.2), "x")
    parts = [
        *star_base(rng.uniform(0.28, 0.33), base, z - 0.08),
        rounded_box((w, d, 0.09), color, (0, 0, z - 0.09), 0.04),
        back.moved(0, -d / 2, z + 0.06),
        box((0.08, 0.03, 0.22), base, (0, -d / 2 + 0.01, z - 0.09)),
    ]
    if chance(rng, 0.75):
        for x in (-w / 2 - 0.03, w / 2 + 0.03):
            parts.append(rounded_box((0.06, 0.26, 0.035), base, (x, 0.0, z + 0.2), 0.015))
            parts.append(tube([(x, 0, z + 0.2), (x, 0, z - 0.05), (0, 0, z - 0.05)], 0.018, base))
    return join(*parts)


def upholstered(rng: Rng, seats: int, seat: float, arm: float, color: Color) -> Model:
    """Return a sofa of ``seats`` seats of the width given, with padded arms, back and cushions."""
    d, z, h, a = sizes(rng, (0.78, 0.98), (0.38, 0.46), (0.72, 0.95), (0.54, 0.66))
    inside, deep, foot = seats * seat, 0.2, rng.uniform(0.03, 0.12)
    parts = [
        box((inside + 2 * arm, d - 0.02, z - 0.14 - foot), color, (0, d / 2, foot)),
        rounded_box((inside + 2 * arm, deep, h - foot), color, (0, deep / 2, foot), 0.06),
        *legs(inside + 2 * arm, d, foot, any_of(wood, dark, metal)(rng), 0.05, 0.03),
    ]
    for side in (-1, 1):
        x = side * (inside + arm) / 2
        parts.append(rounded_box((arm, d, a - foot), color, (x, d / 2, foot), min(arm / 2.2, 0.07)))
    for index in range(seats):
        x = (index - (seats - 1) / 2) * seat
        parts.append(rounded_box((seat - 0.01, d - deep + 0.02, 0.15), color, (x, (d + deep) / 2, z - 0.15), 0.03))
        back = rounded_box((seat - 0.02, 0.16, h - z), color, (x, 0, 0), 0.06).turned(0.12, "x")
        parts.append(back.moved(0, deep + 0.04, z - 0.02))
    return Model(join(*parts), (top_of(inside - 0.06, d - deep - 0.22, z, deep + 0.16),))


@recipe("couch", 6, rooms={LIVING: 8, OFFICE: 1, BEDROOM: 0.5, CORRIDOR: 0.2}, most=2, free=0.3)
def couch(rng: Rng) -> Model:
    """Two to four upholstered seats."""
    seat, arm = sizes(rng, (0.55, 0.75), (0.1, 0.25))
    return upholstered(rng, int(rng.integers(2, 5)), seat, arm, fabric(rng))


@recipe("sofa chair", 5, rooms={LIVING: 6, CORRIDOR: 0.3, OFFICE: 0.7}, where="close", near=("couch", "coffee table"))
def sofa_chair(rng: Rng) -> Model:
    """One upholstered seat: a couch for one."""
    seat, arm = sizes(rng, (0.52, 0.68), (0.12, 0.24))
    return upholstered(rng, 1, seat, arm, fabric(rng))


@recipe(
    "armchair", 5, rooms={LIVING: 4, OFFICE: 1.5, BEDROOM: 1, CORRIDOR: 0.5},
    where="close", near=("couch", "coffee table", "table"), most=4,
)  # fmt: skip
def armchair(rng: Rng) -> Model:
    """Either a padded shell with thin arms on legs, or a small upholstered seat."""
    if chance(rng, 0.3):
        seat, arm = sizes(rng, (0.48, 0.56), (0.07, 0.13))
        return upholstered(rng, 1, seat, arm, fabric(rng))
    w, d, z, h = sizes(rng, (0.52, 0.62), (0.52, 0.66), (0.4, 0.46), (0.42, 0.55))
    color, leg = fabric(rng), any_of(wood, wood, metal, dark)(rng)
    parts = [
        rounded_box((w, d, 0.13), color, (0, d / 2, z - 0.13), 0.04),
        rounded_box((w, 0.12, h), color, (0, 0.06, 0), 0.05).turned(rng.uniform(0.1, 0.25), "x").moved(0, 0, z - 0.05),
        *legs(w, d, z - 0.12, leg, 0.045),
    ]
    for side in (-1, 1):
        x = side * (w / 2 + 0.02)
        parts.append(rounded_box((0.06, d - 0.05, 0.04), leg, (x, d / 2, z + 0.2), 0.015))
        parts += [box((0.04, 0.04, z + 0.21), leg, (x, y, 0)) for y in (0.06, d - 0.06)]
    return Model(join(*parts), (top_of(w - 0.06, d - 0.2, z, 0.16),))


@recipe(
    "stool", 40, rooms={KITCHEN: 3, OFFICE: 1, LIVING: 1, BEDROOM: 0.5},
    where="around", near=("counter", "table", "bar"), most=4,
)  # fmt: skip
def stool(rng: Rng) -> Model:
    """A seat without a back, low or of a bar's height."""
    w = rng.uniform(0.3, 0.42)
    z = rng.uniform(0.42, 0.5) if chance(rng, 0.5) else rng.uniform(0.6, 0.76)
    color, leg = any_of(furniture, fabric)(rng), any_of(wood, metal, dark)(rng)
    if chance(rng, 0.3):
        parts = [cylinder(0.5 * w, 0.03, leg), cylinder(0.03, z - 0.05, leg)]
        return Model(
            join(*parts, cylinder(0.5 * w, 0.05, color, (0, 0, z - 0.05))),
            (top_of(0.6 * w, 0.6 * w, z, -0.3 * w),),
        )
    top = rounded_box((w, w, 0.05), color, (0, w / 2, z - 0.05), 0.02)
    bars = [box((w - 0.06, 0.02, 0.02), leg, (0, y, 0.2)) for y in (0.03, w - 0.03)]
    return Model(join(top, *bars, *legs(w, w, z - 0.05, leg, 0.035)), (top_of(w - 0.05, w - 0.05, z, 0.025),))


@recipe("bench", 39, rooms={CORRIDOR: 3, BEDROOM: 1, LIVING: 1, KITCHEN: 0.5}, most=2)
def bench(rng: Rng) -> Model:
    """A long seat, sometimes with a back."""
    w, d, z = sizes(rng, (0.9, 1.6), (0.32, 0.45), (0.42, 0.48))
    color, leg = any_of(wood, wood, fabric)(rng), any_of(wood, metal, dark)(rng)
    parts = [panel(w, d, 0.05, color, z - 0.05), *legs(w, d, z - 0.05, leg, 0.06, 0.04)]
    deep = 0.0
    if chance(rng, 0.3):
        deep = 0.05
        parts.append(box((w, 0.03, 0.35), color, (0, 0.015, z)))
    return Model(join(*parts), (top_of(w - 0.04, d - deep - 0.02, z, deep + 0.01),))


@recipe(
    "ottoman", 39, rooms={LIVING: 5, BEDROOM: 0.7, CORRIDOR: 0.2},
    where="close", near=("couch", "armchair", "sofa chair"), most=2,
)  # fmt: skip
def ottoman(rng: Rng) -> Model:
    """A low padded block or drum."""
    w, d, z = sizes(rng, (0.45, 0.9), (0.4, 0.65), (0.33, 0.46))
    color = fabric(rng)
    if chance(rng, 0.3):
        return Model(cylinder(d / 2, z, color), (top_of(0.6 * d, 0.6 * d, z, -0.3 * d),))
    foot = rng.uniform(0.02, 0.1)
    block = rounded_box((w, d, z - foot), color, (0, d / 2, foot), 0.05)
    parts = [block, *legs(w, d, foot + 0.05, wood(rng), 0.05, 0.03)]
    return Model(join(*parts), (top_of(w - 0.12, d - 0.12, z, 0.06),))


@recipe("folded chair", 5, rooms={OFFICE: 1, CORRIDOR: 1, BEDROOM: 0.5, LIVING: 0.5}, most=3)
def folded_chair(rng: Rng) -> Mesh:
    """A folding chair leaning flat against the wall."""
    w, h = sizes(rng, (0.4, 0.46), (0.85, 1.0))
    color, bar = any_of(metal, dark, plastic)(rng), any_of(metal, dark, white)(rng)
    parts = [tube([(side * w / 2, 0.02, 0), (side * w / 2, 0.02, h)], 0.013, bar) for side in (-1, 1)]
    parts += [tube([(x, 0.07, 0), (x, 0.04, h * 0.7)], 0.013, bar) for x in (0.04 - w / 2, w / 2 - 0.04)]
    parts.append(box((w - 0.03, 0.025, 0.2), color, (0, 0.02, h - 0.22)))
    parts.append(box((w - 0.08, 0.03, 0.38), color, (0, 0.05, 0.3)))
    return join(*parts)


@recipe("seat", 39, rooms={CORRIDOR: 3, OFFICE: 0.6}, most=2)
def seats(rng: Rng) -> Mesh:
    """Waiting-room shells side by side on one beam."""
    count, w = int(rng.integers(2, 5)), rng.uniform(0.48, 0.56)
    color, bar = any_of(plastic, muted)(rng), metal(rng)
    parts = [box((count * w, 0.06, 0.05), bar, (0, 0.28, 0.33))]
    for side in (-1, 1):
        parts.append(box((0.05, 0.5, 0.04), bar, (side * (count * w / 2 - 0.15), 0.28, 0)))
        parts.append(box((0.05, 0.06, 0.34), bar, (side * (count * w / 2 - 0.15), 0.28, 0)))
    for index in range(count):
        x = (index - (count - 1) / 2) * w
        parts.append(rounded_box((w - 0.05, 0.44, 0.06), color, (x, 0.3, 0.38), 0.025))
        parts.append(rounded_box((w - 0.05, 0.05, 0.42), color, (x, 0, 0), 0.02).turned(0.15, "x").moved(0, 0.1, 0.42))
    return join(*parts)
