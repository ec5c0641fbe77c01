"""Boxes, tubs and baskets."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.carriers import KITCHEN_TOPS, SHELVES, STORAGE, TABLES
from data_prep.rooms.recipes.palette import any_of, cardboard, colorful, dark, muted, plastic, white, wood
from data_prep.rooms.recipes.parts import chance, sizes
from data_prep.rooms.recipes.registry import (
    BATHROOM,
    BEDROOM,
    CORRIDOR,
    EVERYWHERE,
    KITCHEN,
    LIVING,
    OFFICE,
    Model,
    Surface,
    recipe,
)
from data_prep.rooms.recipes.vessels import pot, tub
from data_prep.rooms.shapes import Mesh, box, cylinder, join, lathe, rounded_box, tube

Rng = np.random.Generator


@recipe("box", 29, rooms={**EVERYWHERE, OFFICE: 3, BEDROOM: 1.5}, where="wall", most=6)
def carton(rng: Rng) -> Model:
    """A carton, closed, open with flaps, or two stacked."""
    w, d, h = sizes(rng, (0.25, 0.6), (0.2, 0.45), (0.15, 0.42))
    color = any_of(cardboard, cardboard, cardboard, white, muted, colorful)(rng)
    if chance(rng, 0.25):
        flaps = [
            box((w, 0.008, 0.4 * d), color).turned(side * rng.uniform(0.5, 1.9), "x").moved(0, -side * d / 2, h)
            for side in (-1, 1)
        ]
        return Model(join(tub((w, d), (w, d), h, color), *flaps))
    parts = [box((w, d, h), color), box((w + 0.002, 0.05, 0.004), any_of(white, wood)(rng), (0, 0, h - 0.001))]
    if chance(rng, 0.25):
        upper = box((0.8 * w, 0.8 * d, 0.6 * h), cardboard(rng)).turned(rng.uniform(-0.3, 0.3))
        return Model(join(*parts, upper.moved(0, 0, h)))
    return Model(join(*parts), (Surface((-w / 2, w / 2), (-d / 2, d / 2), h + 0.003),))


@recipe(
    "basket",
    40,
    rooms={BATHROOM: 2, BEDROOM: 1.5, LIVING: 2, KITCHEN: 1},
    on=(*SHELVES, *STORAGE, *TABLES, "counter"),
    where="top",
    most=2,
)
def basket(rng: Rng) -> Mesh:
    """A woven tub or bowl, some with an arched handle."""
    r, h = sizes(rng, (0.12, 0.2), (0.1, 0.2))
    color, angle = any_of(wood, wood, white, dark)(rng), np.linspace(0, np.pi, 9)
    bands = [lathe([(0.92 * r, 0), (0.96 * r, 0.02)], color, (0, 0, f * h)) for f in (0.2, 0.5)]
    body = (
        [pot(0.75 * r, r, h, color, 0.012), *bands]
        if chance(rng, 0.5)
        else [tub((1.6 * r, 1.2 * r), (2 * r, 1.5 * r), h, color, 0.012)]
    )
    if chance(rng, 0.5):
        body.append(
            tube(np.stack([0.95 * r * np.cos(angle), 0 * angle, h - 0.01 + 0.8 * r * np.sin(angle)], 1), 0.01, color)
        )
    return join(*body)


@recipe("case of water bottles", 40, rooms={KITCHEN: 2, OFFICE: 1, CORRIDOR: 0.5}, most=2)
def case_of_water_bottles(rng: Rng) -> Mesh:
    """Bottles in rows, half wrapped in film."""
    rows, columns, h = int(rng.integers(3, 5)), int(rng.integers(4, 7)), rng.uniform(0.19, 0.23)
    water, cap = (195, 212, 224), any_of(white, colorful)(rng)
    parts = [box((0.066 * columns, 0.066 * rows, 0.5 * h), any_of(white, muted, colorful)(rng))]
    for x in 0.066 * (np.arange(columns) - (columns - 1) / 2):
        for y in 0.066 * (np.arange(rows) - (rows - 1) / 2):
            parts.append(lathe([(0.031, 0.01), (0.031, 0.7 * h), (0.013, 0.92 * h)], water, (x, y, 0), points=8))
            parts.append(cylinder(0.015, 0.02, cap, (x, y, 0.91 * h)))
    return join(*parts)


@recipe(
    "container",
    40,
    rooms={KITCHEN: 4, OFFICE: 1, LIVING: 0.7, BATHROOM: 1},
    on=(*KITCHEN_TOPS, *SHELVES, *TABLES),
    where="top",
    most=3,
)
def container(rng: Rng) -> Mesh:
    """A food box with a lid, or a jar."""
    color, lid = plastic(rng), plastic(rng)
    if chance(rng, 0.5):
        r, h = sizes(rng, (0.04, 0.08), (0.09, 0.2))
        return join(cylinder(r, h, color), cylinder(1.05 * r, 0.025, lid, (0, 0, h - 0.01)))
    w, d, h = sizes(rng, (0.14, 0.3), (0.1, 0.2), (0.06, 0.14))
    return join(
        rounded_box((w, d, h), color, (0, 0, 0), 0.02),
        rounded_box((w + 0.01, d + 0.01, 0.018), lid, (0, 0, h - 0.01), 0.006),
    )


@recipe(
    "storage container",
    40,
    rooms={BEDROOM: 2, OFFICE: 2, LIVING: 1, KITCHEN: 1},
    on=("shelf", "bookshelf", "cabinet", "closet", "table"),
    where="top",
    most=3,
)
def storage_container(rng: Rng) -> Mesh:
    """A tapered plastic box with a lid that overhangs and two clips."""
    w, d, h = sizes(rng, (0.28, 0.45), (0.2, 0.32), (0.12, 0.26))
    color, lid = any_of(white, muted, colorful)(rng), plastic(rng)
    clips = [box((0.02, 0.08, 0.06), lid, (x, 0, h - 0.06)) for x in (-w / 2, w / 2)]
    return join(
        tub((0.86 * w, 0.86 * d), (w, d), h, color),
        rounded_box((w + 0.02, d + 0.02, 0.03), lid, (0, 0, h - 0.01), 0.01),
        *clips,
    )
