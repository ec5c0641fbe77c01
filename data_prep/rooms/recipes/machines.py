"""Televisions, microwaves, copiers, water coolers; fireplaces and pianos."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.palette import any_of, appliance, colorful, dark, metal, muted, white, wood
from data_prep.rooms.recipes.parts import chance, legs, panel, sizes, top_of
from data_prep.rooms.recipes.registry import BEDROOM, CORRIDOR, KITCHEN, LIVING, OFFICE, Model, recipe
from data_prep.rooms.shapes import Color, Mesh, box, cylinder, join, lathe, rounded_box, tube

Rng = np.random.Generator
GLASS: Color = (28, 30, 34)


@recipe(
    "tv",
    25,
    rooms={LIVING: 8, BEDROOM: 2, OFFICE: 1},
    on=("tv stand", "dresser", "cabinet", "stand"),
    where="back",
    most=1,
)
def tv(rng: Rng) -> Mesh:
    """A wide flat screen on one or two feet, or an old deep tube."""
    if chance(rng, 0.15):
        w, h, d = sizes(rng, (0.5, 0.75), (0.42, 0.6), (0.4, 0.5))
        color = any_of(dark, dark, metal)(rng)
        parts = [
            rounded_box((w, 0.12, h), color, (0, d - 0.06, 0), 0.03),
            rounded_box((0.75 * w, d - 0.1, 0.75 * h), color, (0, d / 2 - 0.05, 0.05), 0.08),
        ]
        return join(*parts, box((w - 0.1, 0.02, h - 0.12), (60, 66, 64), (0, d, 0.08)))
    w, deep, foot = sizes(rng, (0.75, 1.4), (0.03, 0.08), (0.05, 0.1))
    h, color = 0.58 * w, dark(rng)
    parts = [
        rounded_box((w, deep, h), color, (0, 0, foot), 0.012),
        box((w - 0.03, 0.006, h - 0.04), GLASS, (0, deep / 2, foot + 0.02)),
    ]
    if chance(rng, 0.5):
        parts += [box((0.35 * w, 0.22, 0.015), color), box((0.08, 0.04, foot + 0.05), color)]
    else:
        parts += [box((0.03, 0.2, 0.015), color, (x, 0, 0)) for x in (-0.38 * w, 0.38 * w)]
        parts += [box((0.025, 0.03, foot + 0.03), color, (x, 0, 0)) for x in (-0.38 * w, 0.38 * w)]
    return join(*parts)


@recipe(
    "microwave", 40, rooms={KITCHEN: 8, OFFICE: 0.5},
    on=("kitchen counter", "kitchen cabinet", "counter", "mini fridge", "cabinet"), where="back", most=1,
)  # fmt: skip
def microwave(rng: Rng) -> Model:
    """A box with a dark window to the left and a strip of keys to the right."""
    w, d, h = sizes(rng, (0.44, 0.56), (0.32, 0.42), (0.26, 0.32))
    color, strip = appliance(rng), any_of(dark, white, metal)(rng)
    parts = [
        rounded_box((w, d, h - 0.01), color, (0, d / 2, 0.01), 0.012),
        *legs(w, d, 0.02, GLASS, 0.02, 0.03),
        box((0.66 * w, 0.015, h - 0.06), color, (0.13 * w, d, 0.03)),
        box((0.52 * w, 0.012, h - 0.12), GLASS, (0.15 * w, d + 0.006, 0.06)),
        box((0.2 * w, 0.012, h - 0.06), strip, (-0.36 * w, d, 0.03)),
        box((0.015, 0.03, h - 0.1), strip, (-0.22 * w, d + 0.02, 0.05)),
    ]
    return Model(join(*parts), (top_of(w - 0.04, d - 0.04, h, 0.02),))


@recipe("copier", 40, rooms={OFFICE: 3, CORRIDOR: 1.5}, most=1, free=0.6)
def copier(rng: Rng) -> Mesh:
    """A floor-standing copier: paper drawers, a gap for the output, a scanner lid, a tilted panel."""
    w, d, h = sizes(rng, (0.56, 0.75), (0.55, 0.7), (0.9, 1.15))
    color, accent = white(rng), any_of(dark, metal, muted)(rng)
    low = 0.62 * h
    parts = [box((w, d, low - 0.04), color, (0, d / 2, 0.04)), *legs(w, d, 0.05, GLASS, 0.05, 0.03)]
    drawers = int(rng.integers(2, 5))
    for z in np.linspace(0.07, low * 0.75, drawers):
        parts.append(box((w - 0.04, 0.02, 0.6 * low / drawers), color, (0, d + 0.005, z)))
        parts.append(box((0.3 * w, 0.015, 0.02), accent, (0, d + 0.015, z + 0.3 * low / drawers)))
    gap = rng.uniform(0.12, 0.18)
    parts += [
        box((w, 0.35 * d, gap), color, (0, 0.175 * d, low)),
        box((0.2 * w, d, gap), accent, (-0.4 * w, d / 2, low)),
    ]
    parts.append(box((w, d - 0.02, h - low - gap - 0.08), color, (0, d / 2, low + gap)))
    parts.append(rounded_box((w - 0.04, d - 0.06, 0.11), accent, (0, d / 2 - 0.03, h - 0.09), 0.02))
    parts.append(box((0.5 * w, 0.14, 0.025), accent).turned(-0.5, "x").moved(0, d + 0.04, h - 0.13))
    if chance(rng, 0.5):
        parts.append(box((0.3, 0.3, 0.02), color).turned(0.3, "y").moved(w / 2 + 0.12, d / 2, 0.4 * h))
    return join(*parts)


@recipe("water cooler", 39, rooms={OFFICE: 2, CORRIDOR: 2, KITCHEN: 1}, most=1, free=0.4)
def water_cooler(rng: Rng) -> Mesh:
    """A slender case with taps in a niche and a blue bottle upside down on it."""
    w, d, h = sizes(rng, (0.28, 0.36), (0.28, 0.36), (0.85, 1.02))
    color, bottle = any_of(white, white, dark, metal)(rng), tuple(rng.uniform(0.7, 1.0) * np.array([120, 165, 215]))
    parts = [
        rounded_box((w, d, 0.62 * h), color, (0, d / 2, 0), 0.02),
        box((w, 0.5 * d, 0.3 * h), color, (0, 0.25 * d, 0.6 * h)),
        rounded_box((w, d, 0.16 * h), color, (0, d / 2, 0.84 * h), 0.02),
        box((0.8 * w, 0.4 * d, 0.02), GLASS, (0, 0.72 * d, 0.61 * h)),
    ]
    for side, tap in ((-1, (70, 100, 200)), (1, (200, 60, 55))):
        parts.append(box((0.03, 0.06, 0.05), tap, (side * 0.2 * w, 0.58 * d, 0.76 * h)))
    if chance(rng, 0.85):
        r, tall = 0.135, rng.uniform(0.32, 0.4)
        profile = [
            (0.03, 0),
            (0.04, 0.05),
            (r, 0.12),
            (r, 0.6 * tall),
            (0.95 * r, 0.65 * tall),
            (r, 0.7 * tall),
            (r, tall - 0.02),
            (0.8 * r, tall),
        ]
        parts.append(lathe(profile, bottle, (0, d / 2, h - 0.03)))
    return join(*parts)


@recipe("fireplace", 38, rooms={LIVING: 4, BEDROOM: 0.3}, most=1, free=0.8)
def fireplace(rng: Rng) -> Model:
    """A mantelpiece around a dark opening, over a hearth; a chimney breast above some."""
    w, d, h = sizes(rng, (1.1, 1.8), (0.25, 0.45), (1.0, 1.35))
    color, stone = any_of(white, wood, muted)(rng), any_of(muted, dark, white)(rng)
    opening, tall = rng.uniform(0.5, 0.6) * w, rng.uniform(0.55, 0.65) * h
    pier = (w - opening) / 2
    parts = [box((pier, d, h - 0.06), color, (side * (w - pier) / 2, d / 2, 0)) for side in (-1, 1)]
    parts += [
        box((opening, d - 0.02, h - 0.06 - tall), color, (0, d / 2, tall)),
        box((opening, 0.03, tall), (38, 34, 32), (0, 0.015, 0)),
        box((w + 0.14, d + 0.08, 0.06), color, (0, d / 2 + 0.04, h - 0.06)),
        box((w + 0.1, d + 0.35, 0.04), stone, (0, d / 2 + 0.17, 0)),
    ]
    for x in (-0.2 * opening, 0.2 * opening):
        parts.append(tube([(x, 0.08, 0.09), (0.1 * x, d - 0.06, 0.1 + 0.1 * abs(x))], 0.045, (88, 62, 42)))
    if chance(rng, 0.3):
        parts.append(box((0.8 * w, 0.6 * d, 2.3 - h), color, (0, 0.3 * d, h)))
        return Model(join(*parts), (top_of(w, 0.4 * d + 0.04, h, 0.6 * d, 0.8),))
    return Model(join(*parts), (top_of(w, d + 0.04, h, 0.02, 0.9),))


@recipe("piano", 39, rooms={LIVING: 3}, most=1, free=0.7)
def piano(rng: Rng) -> Model:
    """An upright: a tall case, a keyboard that juts out on two consoles, pedals."""
    w, h, d, deep = sizes(rng, (1.38, 1.54), (1.0, 1.3), (0.32, 0.4), (0.22, 0.28))
    color = any_of(wood, wood, dark, dark)(rng)
    z = rng.uniform(0.62, 0.68)
    parts = [box((w, d, h - 0.03), color, (0, d / 2, 0)), panel(w + 0.03, d + 0.03, 0.03, color, h - 0.03)]
    parts += [
        box((w, deep, 0.09), color, (0, d + deep / 2, z - 0.06)),
        box((w - 0.12, 0.15, 0.025), (236, 234, 226), (0, d + deep - 0.09, z + 0.025)),
    ]
    black = np.delete(np.arange(51), np.s_[2::7])
    black = black[~np.isin(black % 7, (6,))]
    for x in (black + 0.5) * (w - 0.14) / 51 - (w - 0.14) / 2:
        parts.append(box((0.012, 0.09, 0.015), (20, 20, 22), (float(x), d + deep - 0.12, z + 0.05)))
    for side in (-1, 1):
        x = side * (w / 2 - 0.035)
        parts += [
            box((0.07, deep, 0.13), color, (x, d + deep / 2, z - 0.06)),
            box((0.06, 0.06, z - 0.05), color, (x, d + deep - 0.05, 0)),
        ]
        parts.append(box((0.08, deep + 0.03, 0.07), color, (x, d + deep / 2, 0)))
    if chance(rng, 0.5):
        parts.append(box((0.5 * w, 0.015, 0.2), color).turned(0.25, "x").moved(0, d + 0.07, z + 0.12))
    parts += [box((0.03, 0.09, 0.015), (190, 160, 90), (x, d + 0.04, 0.05)) for x in (-0.07, 0.0, 0.07)]
    return Model(join(*parts), (top_of(w - 0.04, d - 0.04, h, 0.02),))


@recipe("machine", 40, rooms={CORRIDOR: 3, OFFICE: 0.5}, most=1, free=0.6)
def machine(rng: Rng) -> Mesh:
    """A vending machine or another tall appliance with a window, a slot and a key pad."""
    w, d, h = sizes(rng, (0.6, 1.0), (0.5, 0.85), (1.5, 1.9))
    color = any_of(colorful, dark, metal, white)(rng)
    parts = [box((w, d, h), color, (0, d / 2, 0)), box((0.62 * w, 0.015, 0.58 * h), GLASS, (-0.12 * w, d, 0.34 * h))]
    for row in np.linspace(0.36, 0.84, int(rng.integers(3, 6))):
        ware = (0.07 * w, 0.012, 0.07 * h)
        parts += [box(ware, colorful(rng), (x * w, d + 0.005, row * h)) for x in np.linspace(-0.38, 0.14, 5)]
    parts += [
        box((0.16 * w, 0.03, 0.22 * h), metal(rng), (0.36 * w, d, 0.5 * h)),
        box((0.6 * w, 0.03, 0.1 * h), GLASS, (-0.1 * w, d, 0.12 * h)),
    ]
    return join(*parts, cylinder(0.02, 0.03, metal(rng), (0.36 * w, d + 0.015, 0.45 * h)))
