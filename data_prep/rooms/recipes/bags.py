"""What people carry and wear: backpacks, bags, suitcases, shoes, clothes, hats."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.carriers import ANY_TOP, DESKS, SEATS, TABLES
from data_prep.rooms.recipes.palette import (
    any_of,
    cardboard,
    colorful,
    dark,
    fabric,
    metal,
    muted,
    white,
    wood,
)
from data_prep.rooms.recipes.parts import chance, sizes
from data_prep.rooms.recipes.registry import BATHROOM, BEDROOM, CORRIDOR, KITCHEN, LIVING, OFFICE, recipe
from data_prep.rooms.recipes.vessels import tub
from data_prep.rooms.shapes import Mesh, box, join, lathe, rounded_box, sheet, superellipsoid, tube

Rng = np.random.Generator


@recipe(
    "backpack",
    40,
    rooms={OFFICE: 4, BEDROOM: 3, LIVING: 1.5, CORRIDOR: 0.5},
    where="beside",
    near=(*DESKS, "bed", "couch"),
    most=4,
)
def backpack(rng: Rng) -> Mesh:
    """A soft sack with a front pocket, a grip and two straps behind, leaning back."""
    w, d, h = sizes(rng, (0.27, 0.36), (0.15, 0.24), (0.38, 0.52))
    color, strap = any_of(dark, dark, muted, colorful)(rng), dark(rng)
    parts = [
        superellipsoid((w, d, h), color, flat=0.45, profile=0.45),
        superellipsoid(
            (0.75 * w, 0.5 * d, 0.45 * h),
            any_of(dark, muted)(rng) if chance(rng, 0.3) else color,
            (0, 0.42 * d, 0.06 * h),
            0.5,
            0.5,
        ),
        tube(
            [
                (-0.04, -0.2 * d, 0.95 * h),
                (-0.03, -0.2 * d, h + 0.05),
                (0.03, -0.2 * d, h + 0.05),
                (0.04, -0.2 * d, 0.95 * h),
            ],
            0.01,
            strap,
        ),
    ]
    carry = np.array([(0.25 * w, -0.35 * d, 0.9 * h), (0.25 * w, -0.65 * d, 0.6 * h), (0.32 * w, -0.42 * d, 0.15 * h)])
    straps = [tube(carry * [side, 1, 1], 0.018, strap) for side in (-1, 1)]
    return join(*parts, *straps).turned(rng.uniform(0, 0.25), "x")


@recipe(
    "bag",
    37,
    rooms={OFFICE: 3, BEDROOM: 2, LIVING: 2, KITCHEN: 1.5, CORRIDOR: 0.5},
    where="beside",
    near=(*DESKS, "couch", "bed"),
    most=3,
)
def bag(rng: Rng) -> Mesh:
    """A carrier bag with handles, a duffel bag, or a slack plastic sack."""
    color, style = any_of(fabric, dark, colorful)(rng), rng.integers(3)
    w, d, h = sizes(rng, (0.3, 0.45), (0.14, 0.22), (0.26, 0.4))
    if style == 0:
        angle = np.linspace(0, np.pi, 9)
        bow = np.stack([0.2 * w * np.cos(angle), 0 * angle, 0.95 * h + 0.16 * np.sin(angle)], 1)
        return join(
            tub((0.85 * w, d), (w, 0.6 * d), h, color),
            *(tube(np.add(bow, (0, y, 0)), 0.012, color) for y in (-0.25 * d, 0.25 * d)),
        )
    if style == 1:
        long, angle = 1.5 * w, np.linspace(0.1, np.pi - 0.1, 9)
        bow = np.stack([0.3 * long * np.cos(angle), 0 * angle, 0.7 * h + 0.15 * np.sin(angle)], 1)
        return join(superellipsoid((long, 1.3 * d, 0.8 * h), color, flat=0.4, profile=0.6), tube(bow, 0.014, dark(rng)))
    neck = rng.uniform(0.02, 0.06)
    return lathe(
        [(0.35 * w, 0), (0.5 * w, 0.25 * h), (0.42 * w, 0.6 * h), (neck, 0.85 * h), (2 * neck, h)], color, points=10
    )


def _trolley_case(rng: Rng, low: float, high: float, wheels: bool) -> list[Mesh]:
    """Return an upright case with ribs, a grip and, mostly, wheels and a pulled-out handle."""
    h = rng.uniform(low, high)
    w, d, color = h * rng.uniform(0.6, 0.72), h * rng.uniform(0.33, 0.42), any_of(dark, dark, colorful, muted)(rng)
    black, lift = dark(rng), 0.05 if wheels else 0.0
    parts = [rounded_box((w, d, h), color, (0, 0, lift), 0.05)]
    parts += [box((0.03, 0.012, 0.8 * h), color, (x, d / 2, lift + 0.1 * h)) for x in np.linspace(-0.3, 0.3, 4) * w]
    parts.append(
        tube(
            [(-0.06, 0, h + lift), (-0.05, 0, h + lift + 0.03), (0.05, 0, h + lift + 0.03), (0.06, 0, h + lift)],
            0.012,
            black,
        )
    )
    if wheels:
        for x in (-0.4 * w, 0.4 * w):
            parts += [superellipsoid((0.03, 0.06, 0.06), black, (x, y, 0), flat=1) for y in (-0.35 * d, 0.35 * d)]
        if chance(rng, 0.5):
            z, up, y = h + lift, rng.uniform(0.15, 0.4), -0.4 * d
            bars = [tube([(x, y, z - 0.05), (x, y, z + up)], 0.009, metal(rng)) for x in (-0.2 * w, 0.2 * w)]
            parts += [*bars, box((0.45 * w, 0.03, 0.03), black, (0, y, z + up - 0.02))]
    return parts


@recipe("suitcase", 40, rooms={BEDROOM: 4, LIVING: 0.7, CORRIDOR: 0.5, OFFICE: 0.3}, most=3)
def suitcase(rng: Rng) -> Mesh:
    """A case on wheels, upright or lying flat."""
    if chance(rng, 0.25):
        return join(*_trolley_case(rng, 0.5, 0.72, False)).turned(np.pi / 2, "x")
    return join(*_trolley_case(rng, 0.5, 0.75, True))


@recipe("luggage", 40, rooms={BEDROOM: 2, CORRIDOR: 0.5}, most=2)
def luggage(rng: Rng) -> Mesh:
    """A small case beside or under a travel bag."""
    case = join(*_trolley_case(rng, 0.42, 0.55, True))
    w, color = rng.uniform(0.42, 0.55), any_of(dark, muted, colorful)(rng)
    sack = superellipsoid((w, 0.28, 0.28), color, flat=0.4, profile=0.6)
    return join(case, sack.moved(0.5 * w + 0.2, 0, 0))


@recipe(
    "shoe",
    40,
    rooms={BEDROOM: 4, CORRIDOR: 3, LIVING: 1.5},
    where="beside",
    near=("bed", "door", "closet", "wardrobe"),
    most=8,
)
def shoe(rng: Rng) -> Mesh:
    """One shoe or a pair: a sole, a toe, a shaft of any height."""
    color, sole, long = (
        any_of(dark, dark, white, colorful, wood)(rng),
        any_of(white, dark)(rng),
        rng.uniform(0.24, 0.31),
    )
    shaft = rng.uniform(0.08, 0.13) if chance(rng, 0.8) else rng.uniform(0.2, 0.35)
    one = join(
        superellipsoid((0.105, long, 0.035), sole, flat=0.7, profile=0.5),
        superellipsoid((0.095, 0.65 * long, 0.1), color, (0, 0.14 * long, 0.01), flat=0.8),
        superellipsoid(
            (0.085, 0.45 * long, 1.2 * shaft), color, (0, -0.25 * long, -0.1 * shaft + 0.012), flat=0.8, profile=0.4
        ),
    )
    if chance(rng, 0.35):
        return one
    return join(one, one.turned(rng.uniform(-0.5, 0.5)).moved(rng.uniform(0.12, 0.2), rng.uniform(-0.08, 0.08)))


@recipe(
    "clothes",
    21,
    rooms={BEDROOM: 6, BATHROOM: 1, LIVING: 0.7, OFFICE: 0.4},
    on=("bed", "chair", "couch", "armchair", "dresser", "closet"),
    where="top",
    most=5,
)
def clothes(rng: Rng) -> Mesh:
    """A rumpled heap or a folded pile."""
    if chance(rng, 0.4):
        count = int(rng.integers(1, 6))
        return join(
            *(rounded_box((0.34, 0.28, 0.04), fabric(rng), (0, 0, 0.036 * level), 0.018) for level in range(count))
        )
    parts = []
    for _ in range(int(rng.integers(1, 4))):
        w, d, h = sizes(rng, (0.3, 0.6), (0.25, 0.5), (0.05, 0.14))
        x, y = np.linspace(-1, 1, 12), np.linspace(-1, 1, 10)[:, None]
        dome = np.clip(1 - x**2, 0, 1) * np.clip(1 - y**2, 0, 1)
        top = 0.012 + h * dome**0.6 * rng.uniform(0.6, 1.0, (10, 12))
        heap = sheet((w, d), fabric(rng), top).turned(rng.uniform(-3, 3))
        parts.append(heap.moved(*rng.uniform(-0.08, 0.08, 2)))
    return join(*parts)


@recipe("hat", 40, rooms={BEDROOM: 2, LIVING: 1, OFFICE: 0.5}, on=(*ANY_TOP, *SEATS), where="top", most=1)
def hat(rng: Rng) -> Mesh:
    """A crown with a brim all round, or a cap with a peak."""
    color, h = fabric(rng), rng.uniform(0.1, 0.14)
    if chance(rng, 0.5):
        return lathe([(rng.uniform(0.14, 0.2), 0), (0.15, 0.012), (0.095, 0.02), (0.085, h), (0.05, h + 0.01)], color)
    peak = superellipsoid((0.15, 0.14, 0.012), color, (0, 0.12, 0), flat=1)
    return join(superellipsoid((0.18, 0.2, 2 * h), color, (0, 0, -h), flat=1), peak.moved(0, 0, 0.0))


@recipe("purse", 40, rooms={BEDROOM: 2, LIVING: 2, OFFICE: 1.5}, on=(*TABLES, *SEATS), where="top", most=2)
def purse(rng: Rng) -> Mesh:
    """A soft body with a strap arching over it."""
    w, d, h = sizes(rng, (0.22, 0.34), (0.08, 0.14), (0.15, 0.24))
    color, angle = any_of(dark, colorful, wood, muted)(rng), np.linspace(0, np.pi, 9)
    arch = np.stack([0.33 * w * np.cos(angle), np.zeros(9), 0.9 * h + rng.uniform(0.07, 0.14) * np.sin(angle)], 1)
    clasp = box((0.04, 0.01, 0.03), metal(rng), (0, d / 2 - 0.006, 0.6 * h))
    return join(superellipsoid((w, d, h), color, flat=0.5, profile=0.45), tube(arch, 0.01, color), clasp)


@recipe("paper bag", 37, rooms={KITCHEN: 1.5, OFFICE: 1, BEDROOM: 1, LIVING: 1}, where="wall", most=2)
def paper_bag(rng: Rng) -> Mesh:
    """An upright open bag with creased sides, some with handles."""
    w, d, h = sizes(rng, (0.22, 0.34), (0.11, 0.18), (0.28, 0.42))
    color = any_of(cardboard, cardboard, white, colorful)(rng)
    parts = [tub((w, d), (w, 0.8 * d), h, color, 0.006)]
    if chance(rng, 0.5):
        angle = np.linspace(0, np.pi, 7)
        bow = np.stack([0.05 * np.cos(angle), 0 * angle, h - 0.02 + 0.09 * np.sin(angle)], 1)
        parts += [tube(np.add(bow, (0, y, 0)), 0.005, color) for y in (-0.38 * d, 0.38 * d)]
    return join(*parts)
