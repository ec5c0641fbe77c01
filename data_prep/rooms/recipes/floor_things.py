"""Bins, baskets, mats and computer cases: what stands about on the floor."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.carriers import DESKS
from data_prep.rooms.recipes.palette import any_of, colorful, dark, fabric, metal, muted, plastic, white, wood
from data_prep.rooms.recipes.parts import chance, ripple, sizes
from data_prep.rooms.recipes.registry import BATHROOM, BEDROOM, CORRIDOR, EVERYWHERE, KITCHEN, LIVING, OFFICE, recipe
from data_prep.rooms.recipes.vessels import pot, tub
from data_prep.rooms.shapes import Color, Mesh, box, cylinder, join, rounded_box, sheet, superellipsoid, tube

Rng = np.random.Generator
BLUE: Color = (40, 80, 150)
GREEN: Color = (50, 110, 65)


def _bin(rng: Rng, color: Color, low: float, high: float) -> list[Mesh]:
    """Return an open waste bin from ``low`` to ``high`` meters tall: round or rectangular, with a little in it."""
    h = rng.uniform(low, high)
    w, taper = h * rng.uniform(0.32, 0.45), rng.uniform(0.75, 1)
    waste = any_of(white, dark, muted)(rng)
    if chance(rng, 0.45):
        return [pot(taper * w, w, h, color, 0.012), cylinder(0.8 * taper * w, 0.4 * h, waste)]
    d = 1.4 * w
    return [
        tub((2 * taper * w, taper * d), (2 * w, d), h, color, 0.012),
        box((1.7 * taper * w, 0.8 * taper * d, 0.4 * h), waste),
    ]


@recipe(
    "trash can", 39, rooms={**EVERYWHERE, OFFICE: 4, BATHROOM: 3, KITCHEN: 2},
    where="beside", near=("desk", "toilet", "sink", "kitchen counter", "copier"), most=4,
)  # fmt: skip
def trash_can(rng: Rng) -> Mesh:
    """An open bin, or a closed one with a pedal, a dome or a swing lid."""
    color = any_of(dark, dark, metal, white, plastic)(rng)
    if chance(rng, 0.65):
        return join(*_bin(rng, color, 0.26, 0.5))
    r, h, lid = rng.uniform(0.12, 0.2), rng.uniform(0.35, 0.7), any_of(dark, metal, white)(rng)
    dome = superellipsoid((2 * r, 2 * r, 0.5 * r), lid, (0, 0, h - 0.25 * r), flat=1)
    return join(cylinder(r, h, color), dome, box((0.09, 0.05, 0.02), dark(rng), (0, r, 0.01)))


@recipe(
    "recycling bin",
    39,
    rooms={OFFICE: 4, CORRIDOR: 2, KITCHEN: 1.5},
    where="beside",
    near=("trash can", "desk", "copier"),
    most=2,
)
def recycling_bin(rng: Rng) -> Mesh:
    """A blue or green bin, mostly rectangular, with a white mark; taller ones have a slotted lid."""
    color = tuple(
        np.clip(np.multiply((BLUE, GREEN, metal(rng))[rng.choice(3, p=(0.7, 0.2, 0.1))], rng.uniform(0.7, 1.4)), 0, 255)
    )
    h, mark = rng.uniform(0.35, 0.75), white(rng)
    w, d = 0.5 * h + rng.uniform(0.05, 0.15), rng.uniform(0.25, 0.35)
    parts = [
        tub((0.85 * w, 0.85 * d), (w, d), h, color, 0.015),
        box((0.25 * w, 0.02, 0.2 * h), mark, (0, 0.47 * d, 0.5 * h)),
    ]
    if h > 0.55:
        lid = rounded_box((w + 0.02, d + 0.02, 0.06), color, (0, 0, h), 0.015)
        parts += [lid, box((0.5 * w, 0.06, 0.004), dark(rng), (0, 0, h + 0.06))]
    else:
        parts.append(box((0.7 * w, 0.7 * d, 0.45 * h), any_of(white, muted)(rng)))
    return join(*parts)


@recipe("bin", 39, rooms={OFFICE: 1, KITCHEN: 1, BEDROOM: 1, CORRIDOR: 1}, most=2)
def bin_(rng: Rng) -> Mesh:
    """A larger open tub of any color."""
    return join(*_bin(rng, plastic(rng), 0.32, 0.65))


@recipe("trash bin", 39, rooms={OFFICE: 1.5, BATHROOM: 1.5, KITCHEN: 1.5, CORRIDOR: 1}, where="corner", most=2)
def trash_bin(rng: Rng) -> Mesh:
    """A tall bin with a lid that swings, or one on wheels."""
    color, lid = any_of(dark, metal, white, muted)(rng), any_of(dark, metal, white)(rng)
    w, d, h = sizes(rng, (0.32, 0.48), (0.28, 0.42), (0.55, 0.85))
    slope = box((0.92 * w, 0.55 * d, 0.02), lid)
    flaps = [slope.turned(-side * 0.6, "x").moved(0, side * 0.24 * d, h + 0.05) for side in (-1, 1)]
    body = tub((0.85 * w, 0.85 * d), (w, d), h, color)
    return join(body, box((w - 0.02, d - 0.02, 0.03), lid, (0, 0, h - 0.03)), *flaps)


@recipe("crate", 40, rooms={KITCHEN: 1, OFFICE: 1, BEDROOM: 1}, most=2)
def crate(rng: Rng) -> Mesh:
    """Slats with gaps around corner posts: wood, or a milk crate."""
    w, d, h = sizes(rng, (0.34, 0.5), (0.3, 0.38), (0.22, 0.32))
    color, rows = any_of(wood, wood, colorful, muted)(rng), int(rng.integers(3, 5))
    parts = [
        box((w, d, 0.015), color),
        *(box((0.03, 0.03, h), color, (a * (w / 2 - 0.025), b * (d / 2 - 0.025), 0)) for a in (-1, 1) for b in (-1, 1)),
    ]
    for row in range(rows):
        z, tall = row * h / rows, 0.6 * h / rows
        parts += [box((w, 0.012, tall), color, (0, y, z)) for y in (-d / 2, d / 2)]
        parts += [box((0.012, d, tall), color, (x, 0, z)) for x in (-w / 2, w / 2)]
    return join(*parts)


@recipe("laundry basket", 40, rooms={BEDROOM: 3, BATHROOM: 2}, most=2)
def laundry_basket(rng: Rng) -> Mesh:
    """A wide low basket with grips, heaped with clothes."""
    w, d, h = sizes(rng, (0.5, 0.65), (0.36, 0.46), (0.24, 0.36))
    color = any_of(white, white, muted, colorful)(rng)
    parts = [
        tub((0.75 * w, 0.75 * d), (w, d), h, color, 0.012),
        *(rounded_box((0.05, 0.16, 0.03), color, (x, 0, h - 0.02), 0.01) for x in (-w / 2, w / 2)),
    ]
    parts += [box((0.01, 0.04, 0.5 * h), dark(rng), (x, 0.47 * d, 0.3 * h)) for x in np.linspace(-0.35, 0.35, 6) * w]
    if chance(rng, 0.7):
        for x in (-0.18 * w, 0.15 * w):
            parts.append(
                superellipsoid((0.45 * w, 0.6 * d, 0.28), fabric(rng), (x, rng.uniform(-0.03, 0.03), 0.4 * h), flat=0.8)
            )
    return join(*parts)


@recipe("laundry hamper", 40, rooms={BEDROOM: 4, BATHROOM: 3}, where="corner", most=2)
def laundry_hamper(rng: Rng) -> Mesh:
    """A tall soft bag, a crossed frame with a sack, or a wicker chest with a lid."""
    w, d, h = sizes(rng, (0.34, 0.5), (0.3, 0.4), (0.52, 0.72))
    color, style = fabric(rng), rng.integers(3)
    if style == 0:
        return join(
            pot(0.42 * w, 0.5 * w, h, color, 0.012),
            superellipsoid((0.7 * w, 0.7 * w, 0.3), fabric(rng), (0, 0, h - 0.24), flat=0.9),
        )
    if style == 1:
        bar = any_of(metal, wood)(rng)
        cross = [
            tube([(x, -s * 0.5 * d, 0), (x, s * 0.5 * d, h)], 0.012, bar) for x in (-w / 2, w / 2) for s in (-1, 1)
        ]
        return join(tub((0.85 * w, 0.4 * d), (w - 0.03, 0.95 * d), 0.85 * h, color).moved(0, 0, 0.13 * h), *cross)
    weave = any_of(wood, white, dark)(rng)
    bands = [box((w + 0.008, d + 0.008, 0.02), weave, (0, 0, f * h)) for f in (0.1, 0.35, 0.6, 0.85)]
    return join(box((w, d, h), weave), *bands, rounded_box((w + 0.03, d + 0.03, 0.05), weave, (0, 0, h), 0.015))


@recipe(
    "mat", 20, rooms={BATHROOM: 4, KITCHEN: 1.5, CORRIDOR: 1.5, LIVING: 1},
    where="before", near=("bathtub", "sink", "toilet", "shower", "door"), most=2,
)  # fmt: skip
def mat(rng: Rng) -> Mesh:
    """A flat piece of cloth or rubber with a border."""
    w, d = sizes(rng, (0.5, 0.95), (0.38, 0.6))
    color, edge, thick = fabric(rng), any_of(fabric, dark)(rng), rng.uniform(0.012, 0.03)
    top = ripple(rng, 7, 11, thick, 0.004)
    if chance(rng, 0.5):
        return sheet((w, d), color, top)
    return join(sheet((w, d), edge, top), sheet((0.8 * w, 0.8 * d), color, top + 0.004))


@recipe("computer tower", 40, rooms={OFFICE: 6, BEDROOM: 1, LIVING: 0.3}, where="beside", near=DESKS, most=4)
def computer_tower(rng: Rng) -> Mesh:
    """A narrow case with drive bays and a button in its front."""
    w, d, h = sizes(rng, (0.16, 0.22), (0.38, 0.5), (0.36, 0.48))
    color, front = any_of(dark, dark, dark, white, metal)(rng), any_of(dark, metal)(rng)
    parts = [box((w, d, h), color), box((0.94 * w, 0.02, 0.96 * h), front, (0, d / 2, 0.02 * h))]
    parts += [box((0.75 * w, 0.008, 0.035), color, (0, d / 2 + 0.01, f * h)) for f in (0.72, 0.82)]
    button = cylinder(0.014, 0.008, metal(rng)).turned(-np.pi / 2, "x").moved(0, d / 2 + 0.008, 0.6 * h)
    return join(*parts, button)


@recipe("storage bin", 40, rooms={BEDROOM: 2, LIVING: 1, OFFICE: 1, CORRIDOR: 0.5}, most=4)
def storage_bin(rng: Rng) -> Mesh:
    """A long plastic tub with ribs and a lid, sometimes two on top of each other."""
    w, d, h = sizes(rng, (0.42, 0.7), (0.32, 0.45), (0.2, 0.36))
    parts = []
    for level in range(2 if chance(rng, 0.3) else 1):
        color, lid, z = any_of(white, muted, colorful)(rng), plastic(rng), level * (h + 0.025)
        parts.append(tub((0.88 * w, 0.88 * d), (w - 0.02, d - 0.02), h, color, 0.012).moved(0, 0, z))
        parts.append(rounded_box((w, d, 0.035), lid, (0, 0, z + h - 0.01), 0.012))
    return join(*parts)
