"""Small machines on kitchen counters."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.carriers import KITCHEN_TOPS
from data_prep.rooms.recipes.palette import (
    any_of,
    colorful,
    dark,
    metal,
    white,
)
from data_prep.rooms.recipes.parts import sizes
from data_prep.rooms.recipes.registry import KITCHEN, OFFICE, recipe
from data_prep.rooms.shapes import Mesh, box, join, lathe, rounded_box, tube

Rng = np.random.Generator
COOKING = {KITCHEN: 8.0, OFFICE: 0.3}


@recipe(
    "coffee maker",
    40,
    rooms={KITCHEN: 8, OFFICE: 0.8},
    on=(*KITCHEN_TOPS, "table", "file cabinet"),
    where="top",
    most=1,
)
def coffee_maker(rng: Rng) -> Mesh:
    """A tower with a head over a jug on a plate."""
    w, d, h = sizes(rng, (0.17, 0.24), (0.22, 0.3), (0.3, 0.4))
    color, jug = any_of(dark, dark, metal, white, colorful)(rng), any_of(dark, metal)(rng)
    return join(
        rounded_box((w, d, 0.045), color, (0, d / 2, 0), 0.015),
        rounded_box((w, 0.38 * d, h), color, (0, 0.19 * d, 0), 0.02),
        rounded_box((w, d, 0.28 * h), color, (0, d / 2, 0.72 * h), 0.02),
        lathe([(0.36 * w, 0), (0.4 * w, 0.2 * h), (0.26 * w, 0.45 * h)], jug, (0, 0.68 * d, 0.04)),
    )


@recipe("coffee kettle", 40, rooms=COOKING, on=(*KITCHEN_TOPS, "stove"), where="top", most=1)
def coffee_kettle(rng: Rng) -> Mesh:
    """A bellied kettle with a spout and a bow above."""
    r, h = sizes(rng, (0.075, 0.1), (0.13, 0.2))
    color, grip = any_of(metal, metal, white, colorful, dark)(rng), dark(rng)
    body = lathe([(r, 0), (r, 0.3 * h), (0.65 * r, 0.95 * h), (0.2 * r, h), (0.15 * r, 1.1 * h)], color)
    spout = tube([(0.7 * r, 0, 0.4 * h), (1.3 * r, 0, 0.65 * h), (1.6 * r, 0, 0.95 * h)], 0.013, color)
    bow = [(-0.75 * r, 0, 0.85 * h), (-0.7 * r, 0, 1.45 * h), (0.6 * r, 0, 1.45 * h), (0.75 * r, 0, 0.85 * h)]
    return join(body, spout, tube(bow, 0.011, grip))


@recipe("toaster", 40, rooms=COOKING, on=KITCHEN_TOPS, where="top", most=1)
def toaster(rng: Rng) -> Mesh:
    """A rounded loaf with two slots above and a lever."""
    w, d, h = sizes(rng, (0.26, 0.36), (0.15, 0.24), (0.17, 0.21))
    color, dim = any_of(metal, metal, white, dark, colorful)(rng), dark(rng)
    slots = [box((0.75 * w, 0.028, 0.006), dim, (0, y, h - 0.002)) for y in (-0.2 * d, 0.2 * d)]
    lever = box((0.02, 0.05, 0.02), dim, (w / 2 + 0.005, 0, 0.6 * h))
    return join(rounded_box((w, d, h), color, (0, 0, 0), 0.035), *slots, lever)


@recipe("toaster oven", 40, rooms=COOKING, on=KITCHEN_TOPS, where="back", most=1)
def toaster_oven(rng: Rng) -> Mesh:
    """A small oven: a glass door with a bar, knobs at its right."""
    w, d, h = sizes(rng, (0.38, 0.5), (0.28, 0.38), (0.21, 0.28))
    color, glass, knob = any_of(metal, dark, white)(rng), dark(rng), any_of(metal, dark)(rng)
    parts = [
        box((w, d, h - 0.02), color, (0, -d / 2, 0.02)),
        box((0.72 * w, 0.012, 0.72 * h), glass, (-0.1 * w, 0.005, 0.02 + 0.12 * h)),
        tube([(-0.4 * w, 0.035, 0.85 * h), (0.2 * w, 0.035, 0.85 * h)], 0.009, knob),
        *(box((0.04, 0.04, 0.02), glass, (x, y, 0)) for x in (-0.45 * w, 0.45 * w) for y in (-0.04, 0.04 - d)),
    ]
    button = lathe([(0.022, 0), (0.018, 0.025)], knob).turned(-np.pi / 2, "x")
    return join(*parts, *(button.moved(0.38 * w, 0, z * h + 0.01) for z in (0.25, 0.5, 0.75)))
