"""Plants, candles, toys, ornaments, odds and ends."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.carriers import ANY_TOP, BATHROOM_TOPS, LOW_TABLES, SHELVES, STORAGE, TABLES
from data_prep.rooms.recipes.palette import (
    any_of,
    cardboard,
    ceramic,
    colorful,
    dark,
    leaf,
    metal,
    muted,
    plastic,
    white,
    wood,
)
from data_prep.rooms.recipes.parts import chance, sizes
from data_prep.rooms.recipes.registry import (
    BATHROOM,
    BEDROOM,
    CORRIDOR,
    EVERYWHERE,
    KITCHEN,
    LIVING,
    OFFICE,
    recipe,
)
from data_prep.rooms.recipes.vessels import blades, foliage, pot, stripes
from data_prep.rooms.shapes import Mesh, box, cylinder, join, lathe, rounded_box, superellipsoid, tube

Rng = np.random.Generator
earthen = any_of(ceramic, wood, dark, muted, colorful)


@recipe("plant", 40, rooms={LIVING: 4, OFFICE: 2.5, CORRIDOR: 1.5, BEDROOM: 1, KITCHEN: 0.7}, where="corner", most=3)
def plant(rng: Rng) -> Mesh:
    """A tall plant in a tub on the floor: a crown on a stem, or a sheaf of leaves."""
    r, h, tall = sizes(rng, (0.12, 0.2), (0.2, 0.38), (0.4, 1.1))
    parts = [pot(0.75 * r, r, h, earthen(rng), 0.015), cylinder(0.9 * r, 0.02, (70, 50, 35), (0, 0, 0.85 * h))]
    if chance(rng, 0.5):
        stem = [(0, 0, 0.85 * h), (rng.uniform(-0.05, 0.05), 0.03, h + 0.5 * tall), (0, 0, h + 0.8 * tall)]
        parts += [tube(stem, 0.018, wood(rng)), *foliage(rng, 11, rng.uniform(0.22, 0.36), h + 0.3 * tall, h + tall)]
    else:
        parts += blades(rng, int(rng.integers(10, 20)), tall, 0.85 * h, rng.uniform(0.06, 0.12))
    return join(*parts)


@recipe(
    "potted plant", 40, rooms={LIVING: 3, OFFICE: 2, KITCHEN: 2, BEDROOM: 1.5, BATHROOM: 1},
    on=(*ANY_TOP, *BATHROOM_TOPS), where="top", most=3,
)  # fmt: skip
def potted_plant(rng: Rng) -> Mesh:
    """A plant that one can lift: a small pot with a tuft, a clump or a cactus."""
    r, h, tall = sizes(rng, (0.05, 0.09), (0.08, 0.15), (0.08, 0.28))
    parts = [pot(0.75 * r, r, h, earthen(rng)), cylinder(0.85 * r, 0.012, (70, 50, 35), (0, 0, 0.8 * h))]
    style = rng.integers(3)
    if style == 0:
        parts += blades(rng, int(rng.integers(8, 15)), tall, 0.8 * h, 0.03)
    elif style == 1:
        parts += foliage(rng, 7, r + 0.04, h - 0.02, h + tall)
    else:
        parts.append(superellipsoid((1.3 * r, 1.3 * r, tall), leaf(rng), (0, 0, 0.8 * h), flat=0.8, profile=0.6))
    return join(*parts)


@recipe(
    "candle",
    40,
    rooms={LIVING: 4, BATHROOM: 1, BEDROOM: 1},
    on=(*LOW_TABLES, "shelf", "bathroom vanity", "fireplace"),
    where="top",
    most=2,
)
def candle(rng: Rng) -> Mesh:
    """One to three candles: thick ones, or thin ones on sticks."""
    color, parts, stick = any_of(white, white, colorful)(rng), [], any_of(metal, dark, wood)(rng)
    for index in range(int(rng.integers(1, 4))):
        r, h = sizes(rng, (0.03, 0.045), (0.08, 0.2))
        if chance(rng, 0.4):
            holder = lathe([(0.05, 0), (0.05, 0.012), (0.012, 0.025), (0.012, h), (0.025, h + 0.02)], stick)
            piece = join(holder, cylinder(0.013, 0.18, color, (0, 0, h + 0.02)))
        else:
            piece = join(cylinder(r, h, color), cylinder(0.003, 0.015, (40, 40, 40), (0, 0, h - 0.002)))
        parts.append(piece.moved(0.11 * index, rng.uniform(-0.03, 0.03)))
    return join(*parts)


@recipe(
    "tissue box",
    40,
    rooms={BATHROOM: 3, BEDROOM: 3, LIVING: 2, OFFICE: 3},
    on=(*TABLES, *BATHROOM_TOPS, "toilet", "file cabinet"),
    where="top",
    most=2,
)
def tissue_box(rng: Rng) -> Mesh:
    """A printed carton with a tuft of tissue out of its top."""
    w, h = (0.23, 0.09) if chance(rng, 0.6) else (0.115, 0.13)
    tuft = lathe([(0.012, 0), (0.035, 0.05), (0.01, 0.075)], white(rng), (0, 0, h - 0.005), points=5)
    return join(*stripes((w, 0.115, h), (any_of(colorful, muted, white)(rng), any_of(colorful, white)(rng))), tuft)


@recipe(
    "stuffed animal",
    40,
    rooms={BEDROOM: 6, LIVING: 1},
    on=("bed", "couch", "chair", "armchair", "dresser", "shelf"),
    where="top",
    most=3,
)
def stuffed_animal(rng: Rng) -> Mesh:
    """A sitting bear or rabbit: belly, head, snout, ears, four limbs."""
    s, color, face = rng.uniform(0.22, 0.5), any_of(wood, white, muted, colorful)(rng), white(rng)
    ear = rng.uniform(0.12, 0.4)

    def ball(size: tuple[float, float, float], x: float, y: float, z: float, light: bool = False) -> Mesh:
        extent = (s * size[0], s * size[1], s * size[2])
        return superellipsoid(extent, face if light else color, (s * x, s * y, s * z), flat=1)

    parts = [
        ball((0.5, 0.42, 0.55), 0, 0, 0),
        ball((0.42, 0.38, 0.38), 0, 0.03, 0.48),
        ball((0.18, 0.16, 0.14), 0, 0.2, 0.55, True),
    ]
    for side in (-1, 1):
        parts += [ball((0.13, 0.07, ear), side * 0.15, 0, 0.78), ball((0.18, 0.42, 0.17), side * 0.18, 0.3, 0)]
        parts.append(ball((0.15, 0.16, 0.34), side * 0.27, 0.08, 0.18))
    return join(*parts)


@recipe(
    "decoration",
    40,
    rooms={LIVING: 4, BEDROOM: 1.5, CORRIDOR: 1, KITCHEN: 0.7},
    on=(*LOW_TABLES, *SHELVES, *STORAGE, "fireplace", "windowsill"),
    where="top",
    most=4,
)
def decoration(rng: Rng) -> Mesh:
    """A vase, a figure on a pedestal, a globe or an upright ring."""
    style, color, h = rng.integers(4), any_of(ceramic, metal, wood, colorful)(rng), rng.uniform(0.14, 0.36)
    if style == 0:
        radius = rng.uniform(0.15, 0.5, 4) * h * (0.8, 1, 0.6, 0.6)
        vase = lathe([*zip(radius.tolist(), (0, 0.4 * h, 0.8 * h, h))], color)
        return join(vase, *blades(rng, 6, 0.25, h - 0.02, 0.02)) if chance(rng, 0.4) else vase
    foot = cylinder(0.25 * h, 0.08 * h, any_of(wood, dark)(rng))
    if style == 1:
        body = lathe([(0.2 * h, 0.08 * h), (0.12 * h, 0.5 * h), (0.17 * h, 0.68 * h), (0.05 * h, 0.78 * h)], color)
        return join(foot, body, superellipsoid((0.2 * h, 0.2 * h, 0.25 * h), color, (0, 0, 0.75 * h), flat=1))
    stem = cylinder(0.012, 0.3 * h, color, (0, 0, 0.08 * h))
    if style == 2:
        return join(foot, stem, superellipsoid((0.7 * h, 0.7 * h, 0.7 * h), color, (0, 0, 0.3 * h), flat=1))
    angle = np.linspace(0, 1.94 * np.pi, 17)
    return join(
        foot,
        stem,
        tube(np.stack([0.3 * h * np.sin(angle), 0 * angle, 0.68 * h - 0.3 * h * np.cos(angle)], 1), 0.018, color),
    )


@recipe("object", 40, rooms={**EVERYWHERE, OFFICE: 2}, on=(*ANY_TOP, *BATHROOM_TOPS), where="top", most=8)
def unnamed(rng: Rng) -> Mesh:
    """Odds and ends that an annotator would not name: a few small solids close together."""
    parts = []
    for index in range(int(rng.integers(1, 4))):
        w, d, h = sizes(rng, (0.04, 0.2), (0.04, 0.16), (0.03, 0.2))
        color, style = any_of(plastic, colorful, cardboard)(rng), rng.integers(4)
        if style == 0:
            piece = rounded_box((w, d, h), color, (0, 0, 0), 0.015)
        elif style == 1:
            piece = cylinder(w / 2, h, color, top=rng.uniform(0.3, 1) * w / 2)
        elif style == 2:
            piece = superellipsoid((w, d, 0.7 * h), color, flat=rng.uniform(0.4, 1), profile=rng.uniform(0.4, 1))
        else:
            piece = box((w, d, h), color)
        parts.append(piece.turned(rng.uniform(-0.6, 0.6)).moved(0.12 * index, rng.uniform(-0.05, 0.05)))
    return join(*parts)
