"""Crockery, bottles and soap on kitchen counters, dining tables and wash basins."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.carriers import BATHROOM_TOPS, KITCHEN_TOPS, SHELVES, TABLES
from data_prep.rooms.recipes.palette import (
    any_of,
    ceramic,
    colorful,
    dark,
    metal,
    muted,
    plastic,
    white,
    wood,
)
from data_prep.rooms.recipes.parts import chance, sizes
from data_prep.rooms.recipes.registry import BATHROOM, BEDROOM, KITCHEN, LIVING, OFFICE, recipe
from data_prep.rooms.recipes.vessels import flask, pot, stripes, tub
from data_prep.rooms.shapes import Mesh, box, cylinder, join, lathe, rounded_box, superellipsoid, tube

Rng = np.random.Generator
TOPS = (*KITCHEN_TOPS, "dining table")
COOKING = {KITCHEN: 8.0, OFFICE: 0.3}


@recipe(
    "bottle", 40, rooms={KITCHEN: 5, BATHROOM: 3, OFFICE: 1, LIVING: 1},
    on=(*KITCHEN_TOPS, *TABLES, *BATHROOM_TOPS, *SHELVES), where="top", most=6,
)  # fmt: skip
def bottle(rng: Rng) -> Mesh:
    """A round body, a neck, a cap, mostly with a label."""
    r, h, neck = sizes(rng, (0.028, 0.048), (0.16, 0.33), (0.011, 0.018))
    parts = flask(r, h, neck, any_of(colorful, dark, muted, white)(rng), any_of(metal, dark, white, colorful)(rng))
    if chance(rng, 0.7):
        parts.append(cylinder(r + 0.002, 0.3 * h, any_of(white, colorful)(rng), (0, 0, 0.2 * h)))
    return join(*parts)


@recipe(
    "water bottle",
    40,
    rooms={OFFICE: 3, BEDROOM: 1, KITCHEN: 1},
    on=("desk", "table", "nightstand", "counter"),
    where="top",
    most=2,
)
def water_bottle(rng: Rng) -> Mesh:
    """A sport bottle: straight and colorful, with a wide lid and a loop."""
    r, h = sizes(rng, (0.033, 0.045), (0.18, 0.27))
    color, lid = any_of(colorful, metal)(rng), any_of(dark, white, colorful)(rng)
    parts = [cylinder(r, 0.82 * h, color), cylinder(0.85 * r, 0.14 * h, lid, (0, 0, 0.82 * h))]
    loop = [(-0.7 * r, 0, 0.94 * h), (-0.5 * r, 0, 1.08 * h), (0.5 * r, 0, 1.08 * h), (0.7 * r, 0, 0.94 * h)]
    return join(*parts, tube(loop, 0.006, lid))


@recipe(
    "water pitcher", 40, rooms={KITCHEN: 3, LIVING: 0.4}, on=TOPS, where="top", most=1,
)  # fmt: skip
def water_pitcher(rng: Rng) -> Mesh:
    """A bellied jug with a handle."""
    r, h = sizes(rng, (0.055, 0.08), (0.2, 0.28))
    color = any_of(white, metal, muted, colorful)(rng)
    profile = [
        (0.8 * r, 0),
        (r, 0.35 * h),
        (0.65 * r, 0.8 * h),
        (0.8 * r, h),
        (0.7 * r, h),
        (0.5 * r, 0.8 * h),
        (0.6 * r, 0.1 * h),
    ]
    handle = [(-0.7 * r, 0, 0.9 * h), (-1.7 * r, 0, 0.85 * h), (-1.7 * r, 0, 0.45 * h), (-0.9 * r, 0, 0.3 * h)]
    return join(lathe(profile, color), tube(handle, 0.009, color))


@recipe(
    "cup", 40, rooms={OFFICE: 3, KITCHEN: 4, LIVING: 2, BATHROOM: 0.5, BEDROOM: 0.5},
    on=(*TABLES, *KITCHEN_TOPS, "bathroom vanity"), where="top", most=4,
)  # fmt: skip
def cup(rng: Rng) -> Mesh:
    """A mug with an ear, or a paper cup with a lid."""
    r, h = sizes(rng, (0.038, 0.048), (0.085, 0.115))
    if chance(rng, 0.35):
        body = cylinder(0.75 * r, 1.25 * h, any_of(white, white, colorful)(rng), top=r)
        return join(body, cylinder(1.05 * r, 0.015, any_of(white, dark)(rng), (0, 0, 1.25 * h)))
    color = any_of(ceramic, colorful, dark)(rng)
    ear = [(r, 0, 0.8 * h), (1.7 * r, 0, 0.75 * h), (1.7 * r, 0, 0.3 * h), (r, 0, 0.2 * h)]
    return join(pot(0.9 * r, r, h, color, 0.005), tube(ear, 0.006, color))


@recipe("plate", 40, rooms={KITCHEN: 5, LIVING: 1}, on=(*TOPS, "table", "coffee table"), where="top", most=4)
def plate(rng: Rng) -> Mesh:
    """A flat dish with a raised rim, or a pile of them."""
    r, count, color = rng.uniform(0.09, 0.14), 1 if chance(rng, 0.6) else int(rng.integers(2, 7)), ceramic(rng)
    profile = [(0.6 * r, 0), (r, 0.022), (r - 0.004, 0.027), (0.6 * r, 0.008)]
    return join(*(lathe(profile, color, (0, 0, 0.011 * index)) for index in range(count)))


@recipe("bowl", 40, rooms={KITCHEN: 5, LIVING: 1}, on=(*TOPS, "table", "coffee table"), where="top", most=3)
def bowl(rng: Rng) -> Mesh:
    """A round bowl, some with fruit in it."""
    r, h = sizes(rng, (0.075, 0.16), (0.06, 0.1))
    color = any_of(ceramic, wood, metal, colorful)(rng)
    profile = [(0.45 * r, 0), (0.85 * r, 0.5 * h), (r, h), (r - 0.007, h), (0.8 * r, 0.5 * h), (0.4 * r, 0.012)]
    parts = [lathe(profile, color)]
    if r > 0.1 and chance(rng, 0.5):
        for angle in np.arange(4) * (np.pi / 2):
            at = (0.45 * r * np.cos(angle), 0.45 * r * np.sin(angle), 0.35 * h)
            parts.append(superellipsoid((0.08, 0.08, 0.075), colorful(rng), at, flat=1))
    return join(*parts)


@recipe("tray", 40, rooms={KITCHEN: 3, LIVING: 2, OFFICE: 1}, on=(*TABLES, *KITCHEN_TOPS), where="top", most=1)
def tray(rng: Rng) -> Mesh:
    """A flat tub with two handles, or an office tray in two stories."""
    w, d = sizes(rng, (0.32, 0.5), (0.24, 0.34))
    color = any_of(wood, metal, dark, white)(rng)
    parts = [tub((w - 0.03, d - 0.03), (w, d), rng.uniform(0.025, 0.05), color)]
    if chance(rng, 0.5):
        grip = [(0, -0.06, 0.02), (0, -0.05, 0.07), (0, 0.05, 0.07), (0, 0.06, 0.02)]
        parts += [tube(np.add(grip, (x, 0, 0)), 0.007, color) for x in (-w / 2 + 0.01, w / 2 - 0.01)]
    return join(*parts)


@recipe("dish rack", 40, rooms=COOKING, on=KITCHEN_TOPS, where="top", near=("sink",), most=1)
def dish_rack(rng: Rng) -> Mesh:
    """A wire basket on a tray, with a few plates standing in it."""
    w, d, h = sizes(rng, (0.35, 0.5), (0.28, 0.36), (0.1, 0.15))
    wire, dish = any_of(metal, white, dark)(rng), ceramic(rng)
    parts = [tub((w, d), (w + 0.02, d + 0.02), 0.03, any_of(white, dark, metal)(rng))]
    for z in (0.06, h):
        corners = [(w / 2, d / 2, z), (-w / 2, d / 2, z), (-w / 2, -d / 2, z), (w / 2, -d / 2, z)]
        parts += [tube([a, b], 0.005, wire) for a, b in zip(corners, corners[1:] + corners[:1])]
    parts += [
        tube([(x, y, 0.02), (x, y, h)], 0.004, wire) for x in np.linspace(-w / 2, w / 2, 6) for y in (-d / 2, d / 2)
    ]
    for index in range(int(rng.integers(0, 6))):
        disc = lathe([(0.11, 0), (0.11, 0.012)], dish).turned(np.pi / 2 + 0.15, "y")
        parts.append(disc.moved(-0.35 * w + 0.045 * index, 0, 0.14))
    return join(*parts)


@recipe(
    "paper towel roll", 40, rooms={KITCHEN: 6, BATHROOM: 1, OFFICE: 0.5},
    on=(*KITCHEN_TOPS, "table", "bathroom vanity"), where="top", most=1,
)  # fmt: skip
def paper_towel_roll(rng: Rng) -> Mesh:
    """An upright roll, mostly on a rod with a foot."""
    r, h, color = rng.uniform(0.05, 0.075), rng.uniform(0.23, 0.28), any_of(metal, wood, dark)(rng)
    roll = lathe([(r, 0), (r, h), (0.3 * r, h), (0.3 * r, h - 0.02)], white(rng))
    if chance(rng, 0.3):
        return roll
    return join(cylinder(0.08, 0.015, color), roll.moved(0, 0, 0.015), cylinder(0.012, h + 0.06, color))


@recipe(
    "soap dish",
    40,
    rooms={BATHROOM: 8, KITCHEN: 1},
    on=(*BATHROOM_TOPS, "kitchen counter"),
    where="top",
    most=2,
)
def soap_dish(rng: Rng) -> Mesh:
    """A shallow oval dish with a bar of soap."""
    w = rng.uniform(0.11, 0.15)
    dish = tub((0.7 * w, 0.07), (w, 0.095), 0.028, any_of(ceramic, metal, plastic)(rng), 0.006)
    return join(dish, superellipsoid((0.6 * w, 0.055, 0.03), any_of(white, colorful, muted)(rng), (0, 0, 0.008)))


@recipe(
    "soap dispenser", 40, rooms={BATHROOM: 8, KITCHEN: 3},
    on=(*BATHROOM_TOPS, "kitchen counter", "counter"), where="top", most=2,
)  # fmt: skip
def soap_dispenser(rng: Rng) -> Mesh:
    """A bottle with a pump and its spout."""
    r, h = sizes(rng, (0.03, 0.042), (0.11, 0.16))
    pump = any_of(metal, white, dark)(rng)
    parts = flask(r, h, 0.012, any_of(ceramic, colorful, metal, muted)(rng), pump)
    spout = tube([(0, -0.012, h + 0.04), (0, 0.05, h + 0.035)], 0.008, pump)
    return join(*parts, cylinder(0.006, 0.05, pump, (0, 0, h)), spout)


@recipe(
    "laundry detergent",
    40,
    rooms={BATHROOM: 2, KITCHEN: 0.5},
    on=("washing machine", "clothes dryer", "shelf"),
    where="top",
    most=2,
)
def laundry_detergent(rng: Rng) -> Mesh:
    """A broad jug with a big cap, or a carton."""
    color = colorful(rng)
    if chance(rng, 0.3):
        return join(*stripes((0.2, 0.12, rng.uniform(0.2, 0.28)), (color, white(rng))))
    w, h = sizes(rng, (0.18, 0.26), (0.2, 0.27))
    body = rounded_box((w, 0.11, h), color, (0, 0, 0), 0.04)
    label = box((0.6 * w, 0.115, 0.4 * h), white(rng), (0, 0, 0.2 * h))
    return join(body, label, cylinder(0.04, 0.07, any_of(colorful, white)(rng), (0.2 * w, 0, h - 0.015)))
