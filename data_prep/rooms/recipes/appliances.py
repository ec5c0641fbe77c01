"""Machines of kitchen and laundry: refrigerators, stoves, washing machines."""

from __future__ import annotations

from itertools import product

import numpy as np

from data_prep.rooms.recipes.palette import any_of, appliance, dark, metal, muted, white, wood
from data_prep.rooms.recipes.parts import chance, legs, panel, sizes, top_of
from data_prep.rooms.recipes.registry import BATHROOM, BEDROOM, CORRIDOR, KITCHEN, LIVING, OFFICE, Model, recipe
from data_prep.rooms.shapes import Color, Mesh, box, cylinder, join, rounded_box, tube

Rng = np.random.Generator
GLASS: Color = (28, 30, 34)
RUN = ("kitchen counter", "kitchen cabinet", "counter", "refrigerator", "stove")


def _disc(radius: float, thick: float, color: Color, x: float, y: float, z: float) -> Mesh:
    """Return a round plate that looks along +y, its center at (x, y, z)."""
    return cylinder(radius, thick, color).turned(-np.pi / 2, "x").moved(x, y, z)


def _knobs(count: int, width: float, y: float, z: float, color: Color) -> list[Mesh]:
    """Return a row of control knobs on a front."""
    return [_disc(0.02, 0.025, color, x, y, z) for x in np.linspace(-width / 2, width / 2, count)]


@recipe("refrigerator", 24, rooms={KITCHEN: 12, OFFICE: 0.4}, where="wall", most=1, free=0.6)
def refrigerator(rng: Rng) -> Model:
    """Tall, with a freezer above or below, or with two doors side by side."""
    w, d, h = sizes(rng, (0.58, 0.92), (0.6, 0.78), (1.5, 1.9))
    color, handle = appliance(rng), any_of(metal, white, dark)(rng)
    deep, split = d - 0.07, h * float(rng.choice([0.3, 0.68, 0.72]))
    parts = [
        box((w, deep, h - 0.03), color, (0, deep / 2, 0.03)),
        box((w - 0.06, deep - 0.05, 0.04), GLASS, (0, deep / 2, 0)),
    ]
    if w > 0.8 and chance(rng, 0.6):
        doors = [(-w / 4, w / 2, 0.05, h - 0.05), (w / 4, w / 2, 0.05, h - 0.05)]
    else:
        doors = [(0.0, w, 0.05, split - 0.05), (0.0, w, split, h - split)]
    for x, wide, z, tall in doors:
        parts.append(rounded_box((wide - 0.008, 0.075, tall - 0.008), color, (x, deep + 0.035, z), 0.02))
        grip = -0.04 * np.sign(x) if x else 0.42 * w
        low, high = z + 0.15 * tall, z + (0.85 if tall < 0.8 else 0.6) * tall
        parts.append(
            tube(
                [
                    (grip, deep + 0.07, low),
                    (grip, deep + 0.1, low + 0.03),
                    (grip, deep + 0.1, high),
                    (grip, deep + 0.07, high + 0.03),
                ],
                0.012,
                handle,
                6,
            )
        )
    return Model(join(*parts), (top_of(w - 0.06, deep - 0.04, h, 0.02),))


@recipe("mini fridge", 24, rooms={OFFICE: 3, BEDROOM: 2, LIVING: 0.5}, most=1, free=0.4)
def mini_fridge(rng: Rng) -> Model:
    """A refrigerator of hip height with one door."""
    w, d, h = sizes(rng, (0.44, 0.58), (0.45, 0.6), (0.5, 0.92))
    color, deep = any_of(white, dark, metal)(rng), d - 0.06
    parts = [box((w, deep, h - 0.03), color, (0, deep / 2, 0.03)), *legs(w, deep, 0.04, GLASS, 0.04, 0.02)]
    parts.append(rounded_box((w, 0.06, h - 0.08), color, (0, deep + 0.025, 0.04), 0.02))
    parts.append(box((0.025, 0.03, 0.2), any_of(metal, dark)(rng), (0.42 * w, deep + 0.06, 0.6 * h)))
    return Model(join(*parts), (top_of(w - 0.03, deep - 0.03, h, 0.02),))


@recipe(
    "stove",
    38,
    rooms={KITCHEN: 12},
    where="beside",
    near=("kitchen counter", "kitchen cabinet", "counter"),
    most=1,
    free=0.7,
)
def stove(rng: Rng) -> Model:
    """A range: four burners above an oven door, mostly with a control panel behind."""
    w, d, z = sizes(rng, (0.5, 0.77), (0.58, 0.68), (0.86, 0.94))
    color, top = appliance(rng), any_of(dark, dark, white, metal)(rng)
    parts = [box((w, d - 0.03, z - 0.02), color, (0, d / 2 - 0.015, 0)), panel(w, d, 0.02, top, z - 0.02)]
    grates = chance(rng, 0.5)
    for x, y in product((-0.24 * w, 0.24 * w), (0.3 * d, 0.72 * d)):
        r = rng.uniform(0.07, 0.11)
        parts.append(cylinder(r, 0.012, GLASS, (x, y, z)))
        if grates:
            parts += [box(bar, GLASS, (x, y, z + 0.01)) for bar in ((2 * r, 0.012, 0.02), (0.012, 2 * r, 0.02))]
    parts.append(box((w - 0.04, 0.03, 0.48), color, (0, d - 0.02, 0.22)))
    parts += [
        box((0.6 * w, 0.01, 0.25), GLASS, (0, d, 0.3)),
        box((0.8 * w, 0.04, 0.02), metal(rng), (0, d + 0.02, 0.66)),
    ]
    parts.append(box((w - 0.04, 0.025, 0.14), color, (0, d - 0.02, 0.05)))
    if chance(rng, 0.6):
        parts.append(box((w, 0.06, 0.16), color, (0, 0.03, z)))
        parts += _knobs(5, 0.75 * w, 0.06, z + 0.09, dark(rng))
    else:
        parts += _knobs(5, 0.75 * w, d - 0.015, z - 0.09, dark(rng))
    return Model(join(*parts), (top_of(w - 0.1, d - 0.18, z + (0.03 if grates else 0.012), 0.12, 0.5),))


@recipe("oven", 38, rooms={KITCHEN: 5}, where="beside", near=RUN, most=1, free=0.6)
def oven(rng: Rng) -> Model:
    """A built-in oven in its case: one or two glass doors with a bar handle, knobs above."""
    w, d, h = sizes(rng, (0.56, 0.66), (0.56, 0.64), (0.85, 0.94))
    color, case = any_of(metal, dark, white)(rng), any_of(wood, white, muted)(rng)
    doors = 2 if chance(rng, 0.3) else 1
    h += 0.75 * (doors - 1)
    parts = [box((w, d - 0.02, h), case, (0, d / 2 - 0.01, 0))]
    for index in range(doors):
        z = 0.16 + 0.72 * index
        parts.append(box((w - 0.03, 0.03, 0.66), color, (0, d - 0.01, z)))
        parts += [
            box((0.75 * w, 0.01, 0.34), GLASS, (0, d + 0.008, z + 0.08)),
            *_knobs(4, 0.7 * w, d, z + 0.58, metal(rng)),
        ]
        parts.append(
            tube(
                [
                    (-0.38 * w, d, z + 0.48),
                    (-0.38 * w, d + 0.04, z + 0.48),
                    (0.38 * w, d + 0.04, z + 0.48),
                    (0.38 * w, d, z + 0.48),
                ],
                0.01,
                metal(rng),
                6,
            )
        )
    return Model(join(*parts), (top_of(w - 0.04, d - 0.05, h, 0.02),))


@recipe(
    "range hood",
    38,
    rooms={KITCHEN: 6},
    on="wall",
    where="above",
    near=("stove",),
    needs=True,
    height=(1.5, 1.7),
    most=1,
)
def range_hood(rng: Rng) -> Mesh:
    """A pyramid or a flat box over the stove, with a flue."""
    w, d = sizes(rng, (0.55, 0.8), (0.4, 0.52))
    color = any_of(metal, metal, white, dark)(rng)
    if chance(rng, 0.35):
        return join(box((w, d, 0.14), color, (0, d / 2, 0)), box((w, 0.32, 0.12), color, (0, 0.16, 0.1)))
    rim, high = 0.06, rng.uniform(0.15, 0.3)
    steps = [(w * (1 - 0.6 * f), d * (1 - 0.4 * f), rim + high * f) for f in (0.0, 0.25, 0.5, 0.75)]
    parts = [box((w, d, rim), color, (0, d / 2, 0)), box((0.3, 0.26, 0.35), color, (0, 0.13, rim + 0.5 * high))]
    parts += [box((wide, deep, high / 4), color, (0, deep / 2, z)) for wide, deep, z in steps]
    return join(*parts)


@recipe("dishwasher", 38, rooms={KITCHEN: 5}, where="beside", near=RUN, most=1, free=0.6)
def dishwasher(rng: Rng) -> Model:
    """A plain front of counter height with a control strip and a grip."""
    w, d, h = sizes(rng, (0.44, 0.61), (0.56, 0.64), (0.82, 0.9))
    color = any_of(white, metal, dark)(rng)
    parts = [
        box((w, d - 0.03, h), color, (0, d / 2 - 0.015, 0)),
        box((w - 0.01, 0.03, h - 0.26), color, (0, d - 0.015, 0.12)),
        box((w - 0.01, 0.03, 0.12), any_of(dark, metal, white)(rng), (0, d - 0.015, h - 0.13)),
        tube([(-0.35 * w, d + 0.03, h - 0.2), (0.35 * w, d + 0.03, h - 0.2)], 0.012, metal(rng), 6),
        *[box((0.02, 0.04, 0.02), color, (x, d + 0.01, h - 0.21)) for x in (-0.3 * w, 0.3 * w)],
        box((w - 0.06, 0.01, 0.08), GLASS, (0, d - 0.03, 0.01)),
    ]
    return Model(join(*parts), (top_of(w - 0.04, d - 0.06, h, 0.02),))


def _drum(rng: Rng, door: Color, rim: Color, detergent: bool) -> Model:
    """Return a machine with a round door and a control panel."""
    w, d, h = sizes(rng, (0.58, 0.69), (0.55, 0.7), (0.83, 1.0))
    color, r = any_of(white, white, white, metal, dark)(rng), rng.uniform(0.15, 0.21)
    parts = [
        rounded_box((w, d, h), color, (0, d / 2, 0), 0.015),
        _disc(r, 0.03, rim, 0, d - 0.01, 0.46 * h),
        _disc(0.75 * r, 0.045, door, 0, d - 0.01, 0.46 * h),
        box((0.4 * w, 0.012, 0.09), GLASS, (0.1 * w, d, h - 0.12)),
        _disc(0.03, 0.03, metal(rng), 0.4 * w, d, h - 0.07),
    ]
    if detergent:
        parts.append(box((0.24 * w, 0.012, 0.09), color, (-0.34 * w, d, h - 0.12)))
    return Model(join(*parts), (top_of(w - 0.06, d - 0.06, h, 0.03),))


@recipe("washing machine", 39, rooms={BATHROOM: 4, KITCHEN: 2, CORRIDOR: 0.7}, most=2, free=0.5)
def washing_machine(rng: Rng) -> Model:
    """A front loader with a glass door, or a top loader with a lid."""
    if chance(rng, 0.7):
        return _drum(rng, GLASS, any_of(metal, white, dark)(rng), True)
    w, d, h = sizes(rng, (0.58, 0.69), (0.6, 0.7), (0.88, 0.98))
    color = white(rng)
    parts = [rounded_box((w, d, h), color, (0, d / 2, 0), 0.02), box((w, 0.14, 0.16), color, (0, 0.07, h))]
    parts += [
        rounded_box((0.75 * w, 0.6 * d, 0.03), color, (0, 0.58 * d, h - 0.01)),
        *_knobs(3, 0.5 * w, 0.14, h + 0.09, dark(rng)),
    ]
    return Model(join(*parts), (top_of(0.7 * w, 0.5 * d, h + 0.02, 0.3 * d),))


@recipe(
    "clothes dryer", 39, rooms={BATHROOM: 3, KITCHEN: 0.5, CORRIDOR: 0.5},
    where="beside", near=("washing machine",), most=2, free=0.5,
)  # fmt: skip
def clothes_dryer(rng: Rng) -> Model:
    """Like a washing machine, mostly with a solid door and knobs on a strip behind."""
    if chance(rng, 0.5):
        return _drum(rng, any_of(white, metal, dark)(rng), any_of(white, metal)(rng), chance(rng, 0.3))
    w, d, h = sizes(rng, (0.62, 0.72), (0.6, 0.72), (0.88, 0.98))
    color = white(rng)
    parts = [rounded_box((w, d, h), color, (0, d / 2, 0), 0.02), box((w, 0.12, 0.16), color, (0, 0.06, h))]
    parts += [rounded_box((0.7 * w, 0.03, 0.4), color, (0, d, 0.35)), *_knobs(2, 0.6 * w, 0.12, h + 0.09, dark(rng))]
    return Model(join(*parts), (top_of(w - 0.06, d - 0.2, h, 0.16),))
