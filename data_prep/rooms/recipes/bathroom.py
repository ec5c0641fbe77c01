"""Toilets, basins, tubs and what hangs around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data_prep.rooms.recipes.palette import (
    any_of,
    ceramic,
    colorful,
    dark,
    fabric,
    furniture,
    metal,
    muted,
    white,
    wood,
)
from data_prep.rooms.recipes.parts import carcass, chance, fronts, hang, panel, ripple, sizes, top_of
from data_prep.rooms.recipes.registry import BATHROOM, KITCHEN, Model, recipe
from data_prep.rooms.shapes import Color, Mesh, box, cylinder, join, lathe, loft, rounded_box, sheet, tube

Rng = np.random.Generator
Extent = NDArray[np.float64]


def bowl(profile: ArrayLike, color: Color, points: int = 24) -> Mesh:
    """Return a vessel of superelliptic rings.

    Args:
        profile: (R, 5) rows of width, depth, exponent of the outline (1 round, small rectangular), y and z of each
            ring, from the foot up its outside and down its inside.
        color: RGB.
        points: number of points of a ring.
    """
    width, depth, flat, y, z = np.asarray(profile, np.float64).T
    angle = (np.arange(points) + 0.5) * (2 * np.pi / points)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    outline = np.sign(circle) * np.abs(circle) ** flat[:, None, None]
    outline /= np.abs(outline).max(axis=1, keepdims=True)
    rings = np.empty((len(z), points, 3))
    rings[:, :, 0] = outline[:, :, 0] * width[:, None] / 2
    rings[:, :, 1] = outline[:, :, 1] * depth[:, None] / 2 + y[:, None]
    rings[:, :, 2] = z[:, None]
    return loft(rings, color)


def faucet(rng: Rng, y: float, z: float, color: Color) -> list[Mesh]:
    """Return a tap that rises at ``y`` from height ``z`` and reaches forward, with one or two levers."""
    high, far = sizes(rng, (0.1, 0.3), (0.1, 0.18))
    parts = [tube([(0, y, z), (0, y, z + high), (0, y + far, z + high), (0, y + far, z + 0.8 * high)], 0.013, color)]
    levers = (-0.09, 0.09) if chance(rng, 0.4) else (0.05,)
    return parts + [cylinder(0.018, 0.05, color, (x, y, z)) for x in levers]


@recipe("toilet", 33, rooms={BATHROOM: 30}, most=1, free=0.5)
def toilet(rng: Rng) -> Model:
    """A bowl on a foot with seat and lid, and mostly a cistern behind."""
    w, d, z, back = sizes(rng, (0.35, 0.41), (0.46, 0.54), (0.36, 0.43), (0.16, 0.2))
    color, lid = ceramic(rng), any_of(ceramic, ceramic, ceramic, wood, dark)(rng)
    y = back + d / 2
    rings = [
        (0.6 * w, 0.72 * d, 0.8, y - 0.06, 0), (0.55 * w, 0.62 * d, 0.8, y - 0.06, 0.45 * z),
        (0.95 * w, 0.95 * d, 0.85, y, 0.85 * z),
        (w, d, 0.85, y, z), (0.72 * w, 0.74 * d, 0.9, y, z), (0.45 * w, 0.45 * d, 1, y - 0.03, 0.5 * z),
    ]  # fmt: skip
    parts = [bowl(rings, color), box((0.55 * w, back + 0.12, 0.8 * z), color, (0, (back + 0.12) / 2, 0.1))]
    seat = [
        (w, d, 0.85, 0, 0),
        (w + 0.01, d + 0.01, 0.85, 0, 0.02),
        (0.62 * w, 0.66 * d, 0.95, 0, 0.025),
        (0.6 * w, 0.64 * d, 0.95, 0, 0),
    ]
    cover = bowl([(w, d, 0.85, 0, 0), (w, d, 0.85, 0, 0.02), (0.9 * w, 0.92 * d, 0.85, 0, 0.03)], lid)
    if chance(rng, 0.5):
        parts.append(cover.moved(0, y, z + 0.01))
    else:
        parts.append(bowl([*seat[:3], (0.5 * w, 0.55 * d, 0.95, 0, -0.02)], lid).moved(0, y, z))
        parts.append(cover.moved(0, d / 2).turned(np.pi / 2 - 0.05 + 0.12, "x").moved(0, back + 0.06, z + 0.02))
    if chance(rng, 0.2):
        parts.append(tube([(0, 0, 0.75), (0, 0.08, 0.75), (0, 0.08, z)], 0.02, metal(rng)))
        return Model(join(*parts))
    tall, wide = sizes(rng, (0.3, 0.4), (0.38, 0.48))
    parts += [
        rounded_box((wide, back, tall), color, (0, back / 2, z - 0.02), 0.03),
        rounded_box((wide + 0.02, back + 0.02, 0.04), color, (0, back / 2, z + tall - 0.03), 0.015),
    ]
    parts.append(box((0.06, 0.02, 0.015), metal(rng), (-0.3 * wide, back + 0.01, z + tall - 0.1)))
    return Model(join(*parts), (top_of(wide - 0.04, back - 0.03, z + tall + 0.01, 0.02, 0.8),))


@recipe(
    "sink", 34, rooms={BATHROOM: 20, KITCHEN: 14}, most=2,
    fits=("bathroom vanity", "bathroom counter", "kitchen counter", "counter"),
)  # fmt: skip
def sink(rng: Rng, top: Extent) -> Mesh:
    """A basin with a tap that stands on a top or is let into it, so that only its rim rises."""
    wide, deep, z = (float(value) for value in top)
    w, d = min(rng.uniform(0.4, 0.62), 0.85 * wide), min(rng.uniform(0.34, 0.46), deep - 0.16)
    h = rng.uniform(0.1, 0.16) if chance(rng, 0.35) else rng.uniform(0.02, 0.05)
    x = rng.uniform(-0.5, 0.5) * max(0.0, wide - w - 0.2)
    color, tap, flat = (
        any_of(ceramic, ceramic, metal)(rng),
        any_of(metal, metal, dark)(rng),
        float(rng.choice([0.3, 0.6, 1.0])),
    )
    y = 0.11 + d / 2
    rings = [
        (0.9 * w, 0.9 * d, flat, y, -0.005), (w, d, flat, y, h), (w - 0.04, d - 0.04, flat, y, h),
        (0.7 * w, 0.66 * d, flat, y, 0.006), (0.08, 0.08, 1, y, 0.003),
    ]  # fmt: skip
    return join(bowl(rings, color), *faucet(rng, 0.07, 0.0, tap)).moved(x, 0, z)


@recipe("bathtub", 36, rooms={BATHROOM: 16}, where="corner", most=1, free=0.4)
def bathtub(rng: Rng) -> Mesh:
    """A hollow tub along the wall: behind an apron, or free-standing and rounded."""
    w, d, h = sizes(rng, (1.4, 1.75), (0.68, 0.82), (0.42, 0.6))
    color, y = ceramic(rng), d / 2
    free = chance(rng, 0.2)
    flat, foot = (0.6, 0.75) if free else (0.12, 1.0)
    rings = [
        (foot * w, foot * d, flat, y, 0), (w, d, flat, y, h), (w - 0.13, d - 0.13, max(flat, 0.25), y, h),
        (0.78 * w, 0.62 * d, 0.4, y, 0.16), (0.6 * w, 0.4 * d, 0.5, y, 0.12),
    ]  # fmt: skip
    side = (1 if chance(rng, 0.5) else -1) * (w / 2 - 0.1)
    tap = faucet(rng, 0, 0, any_of(metal, dark)(rng))
    return join(
        bowl(rings, color, 32), *[part.turned(np.pi / 2 * np.sign(side)).moved(side, y, h - 0.01) for part in tap]
    )


def _vanity(rng: Rng, w: float, d: float, z: float) -> list[Mesh]:
    """Return a case with doors and drawers under a washable top."""
    color, top = any_of(white, white, wood, dark, muted)(rng), any_of(white, white, muted, dark)(rng)
    case = carcass(
        w - 0.03,
        d - 0.02,
        z - 0.03,
        color,
        max(1, round(w / 0.4)),
        int(rng.integers(1, 3)),
        handle=metal(rng),
        plinth=0.08,
    )
    return [*case, panel(w, d, 0.03, top, z - 0.03)]


@recipe("bathroom vanity", 3, rooms={BATHROOM: 20}, most=1, free=0.6)
def bathroom_vanity(rng: Rng) -> Model:
    """The cabinet under a wash basin, with its top."""
    w, d, z = sizes(rng, (0.55, 1.3), (0.45, 0.58), (0.74, 0.88))
    return Model(join(*_vanity(rng, w, d, z)), (top_of(w - 0.04, d - 0.05, z, 0.03, 0.8),))


@recipe("bathroom counter", 12, rooms={BATHROOM: 6}, most=1, free=0.6)
def bathroom_counter(rng: Rng) -> Model:
    """A washable top on side panels or on base units, with an apron in front."""
    w, d, z, t = sizes(rng, (0.8, 1.8), (0.48, 0.62), (0.76, 0.88), (0.04, 0.1))
    color = any_of(white, muted, muted, dark)(rng)
    if chance(rng, 0.4):
        parts = _vanity(rng, w, d, z)
    else:
        parts = [panel(w, d, t, color, z - t), box((w, 0.03, 0.18), color, (0, d - 0.015, z - 0.18))]
        parts += [
            box((0.04, d - 0.05, z - t), any_of(white, wood)(rng), (side * (w / 2 - 0.03), d / 2, 0))
            for side in (-1, 1)
        ]
    return Model(join(*parts), (top_of(w - 0.04, d - 0.05, z, 0.03, 0.8),))


@recipe("bathroom cabinet", 3, rooms={BATHROOM: 5}, on="wall", where="random", height=(1.15, 1.45), most=1)
def bathroom_cabinet(rng: Rng) -> Model:
    """A shallow wall cabinet, its doors plain or mirrored."""
    w, d, h = sizes(rng, (0.4, 0.95), (0.12, 0.24), (0.5, 0.8))
    color = any_of(white, white, wood, metal)(rng)
    front: Color = (196, 206, 212) if chance(rng, 0.4) else any_of(white, furniture)(rng)
    parts = [
        box((w, d - 0.018, h), color, (0, d / 2 - 0.009, 0)),
        *fronts(w, h, d - 0.018, front, metal(rng), max(1, round(w / 0.35)), 1),
    ]
    return Model(join(*parts), (top_of(w - 0.03, d - 0.04, h, 0.01, 0.4),))


@recipe("towel", 27, rooms={BATHROOM: 14, KITCHEN: 2}, on="wall", where="random", height=(0.75, 1.15), most=4)
def towel(rng: Rng) -> Mesh:
    """Cloth over a bar, or gathered from a hook."""
    w, h = sizes(rng, (0.25, 0.7), (0.4, 0.85))
    color = any_of(white, muted, fabric, colorful)(rng)
    if chance(rng, 0.3):
        r = 0.25 * w
        cloth = lathe([(r, 0), (0.8 * r, 0.5 * h), (0.25 * r, h)], color, (0, r, 0))
        return join(
            cloth,
            box((0.03, 0.04, 0.03), metal(rng), (0, 0.02, h)),
            cylinder(0.012, 0.06, metal(rng), (0, r, h - 0.02)),
        )
    bar, y = any_of(metal, white, dark)(rng), 0.07
    parts = [tube([(-0.55 * w, 0, h), (-0.55 * w, y, h), (0.55 * w, y, h), (0.55 * w, 0, h)], 0.009, bar, 6)]
    for depth, long in ((y + 0.006, h), (y - 0.026, h * rng.uniform(0.5, 0.95))):
        cloth = hang(sheet((w, long), color, ripple(rng, 8, 10, 0.018, 0.01), 0.0))
        parts.append(cloth.moved(0, depth, h + 0.008 - long / 2))
    return join(*parts, box((w, 0.05, 0.016), color, (0, y, h)))


def _roll(rng: Rng, x: float, y: float, z: float) -> Mesh:
    """Return a roll whose axis lies along x, its center at (x, y, z)."""
    radius, width = sizes(rng, (0.04, 0.06), (0.09, 0.11))
    return cylinder(radius, width, white(rng)).turned(np.pi / 2, "y").moved(x - width / 2, y, z)


@recipe(
    "toilet paper", 40, rooms={BATHROOM: 14}, on="wall", where="beside", near=("toilet",), height=(0.5, 0.75), most=3
)
def toilet_paper(rng: Rng) -> Mesh:
    """A roll on the wall, a sheet hanging from it; sometimes two above each other."""
    hanging = box((0.1, 0.004, rng.uniform(0.06, 0.16)), white(rng), (0, 0.107, 0))
    parts = [_roll(rng, 0, 0.06, hanging.bounds[1, 2] + 0.01), hanging]
    if chance(rng, 0.25):
        parts.append(_roll(rng, 0, 0.06, hanging.bounds[1, 2] + 0.14))
    return join(*parts, box((0.02, 0.06, 0.02), metal(rng), (0, 0.03, hanging.bounds[1, 2])))


@recipe(
    "toilet paper holder",
    40,
    rooms={BATHROOM: 8},
    on="wall",
    where="beside",
    near=("toilet",),
    height=(0.5, 0.75),
    most=2,
)
def toilet_paper_holder(rng: Rng) -> Mesh:
    """A bent bar or a spindle between two arms, some with a cover."""
    color, w = any_of(metal, metal, white, dark)(rng), rng.uniform(0.12, 0.17)
    bar = tube([(-w / 2, 0, 0.05), (-w / 2, 0.07, 0.05), (w / 2, 0.07, 0.05), (w / 2, 0, 0.05)], 0.01, color, 6)
    parts = [bar, *[box((0.05, 0.012, 0.06), color, (side * w / 2, 0.006, 0.02)) for side in (-1, 1)]]
    if chance(rng, 0.4):
        parts.append(rounded_box((w + 0.02, 0.13, 0.02), color, (0, 0.065, 0.11), 0.008).turned(-0.2, "x"))
    return join(*parts)
