"""Fixtures: washroom dispensers and grab bars, lights and projectors under the ceiling."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.palette import any_of, dark, metal, white, wood
from data_prep.rooms.recipes.parts import chance, sizes
from data_prep.rooms.recipes.registry import BATHROOM, BEDROOM, CORRIDOR, EVERYWHERE, KITCHEN, LIVING, OFFICE, recipe
from data_prep.rooms.shapes import Color, Mesh, box, cylinder, join, lathe, rounded_box, superellipsoid, tube

Rng = np.random.Generator


def _lit(rng: Rng) -> Color:
    """Return the color of a shining lamp."""
    warm = rng.uniform(0, 50)
    return (255, 255 - 0.4 * warm, 255 - warm)


@recipe(
    "toilet paper dispenser", 40, rooms={BATHROOM: 3},
    on="wall", where="beside", near=("toilet",), height=(0.55, 0.75), most=1,
)  # fmt: skip
def toilet_paper_dispenser(rng: Rng) -> Mesh:
    """A flat drum of one or two large rolls, the paper's end below."""
    r, deep, color = rng.uniform(0.11, 0.15), rng.uniform(0.1, 0.13), any_of(dark, metal, white)(rng)
    drum = cylinder(r, deep, color).turned(-np.pi / 2, "x")
    parts = [drum.moved(0, 0, r + 0.04), box((0.09, 0.01, 0.08), white(rng), (0, 0.5 * deep, 0))]
    if chance(rng, 0.4):
        parts.append(drum.moved(1.6 * r, 0, r + 0.04))
    return join(*parts)


@recipe(
    "paper towel dispenser", 40, rooms={BATHROOM: 4, KITCHEN: 1, OFFICE: 0.3},
    on="wall", where="beside", near=("sink", "bathroom vanity"), height=(1.1, 1.3), most=2,
)  # fmt: skip
def paper_towel_dispenser(rng: Rng) -> Mesh:
    """A tall case with a slot and a towel hanging out of it."""
    w, d, h = sizes(rng, (0.26, 0.36), (0.1, 0.24), (0.3, 0.45))
    color = any_of(white, metal, metal, dark)(rng)
    slot = box((0.7 * w, 0.04, 0.02), dark(rng), (0, d / 2, 0.075))
    towel = box((0.6 * w, 0.008, 0.09), white(rng), (0, d / 2, 0))
    return join(rounded_box((w, d, h), color, (0, d / 2, 0.08), 0.03), slot, towel)


@recipe(
    "toilet seat cover dispenser",
    40,
    rooms={BATHROOM: 2},
    on="wall",
    where="above",
    near=("toilet",),
    height=(1.05, 1.3),
    most=1,
)
def toilet_seat_cover_dispenser(rng: Rng) -> Mesh:
    """A flat case with a crescent of paper in its front."""
    w, h, color = rng.uniform(0.36, 0.44), rng.uniform(0.26, 0.32), any_of(metal, white)(rng)
    return join(
        rounded_box((w, 0.05, h), color, (0, 0.025, 0), 0.012),
        box((0.5 * w, 0.012, 0.3 * h), white(rng), (0, 0.05, 0.3 * h)),
    )


@recipe("ceiling light", 40, rooms=EVERYWHERE, on="ceiling", where="middle", most=2)
def ceiling_light(rng: Rng) -> Mesh:
    """A shallow dome, a square panel, or a cluster of spots under the ceiling."""
    style, rim, shine = rng.integers(3), any_of(metal, white, dark)(rng), _lit(rng)
    if style == 0:
        r = rng.uniform(0.14, 0.26)
        return join(
            lathe([(0.6 * r, 0), (0.95 * r, 0.04), (r, 0.07)], shine), cylinder(1.05 * r, 0.025, rim, (0, 0, 0.065))
        )
    if style == 1:
        w = rng.uniform(0.3, 0.6)
        return join(box((w, w, 0.05), rim, (0, 0, 0.008)), box((w - 0.04, w - 0.04, 0.02), shine))
    parts = [cylinder(0.1, 0.03, rim, (0, 0, 0.13))]
    for angle in np.arange(3) * (2 * np.pi / 3):
        x, y = 0.11 * np.cos(angle), 0.11 * np.sin(angle)
        parts += [lathe([(0.05, 0), (0.03, 0.1)], shine, (x, y, 0)), tube([(x, y, 0.09), (0, 0, 0.14)], 0.012, rim)]
    return join(*parts)


@recipe(
    "light",
    38,
    rooms={OFFICE: 3, CORRIDOR: 3, KITCHEN: 2, LIVING: 1.5, BEDROOM: 0.7},
    on="ceiling",
    where="random",
    most=4,
)
def light(rng: Rng) -> Mesh:
    """A long fluorescent fitting, or a pendant on a cord."""
    color, shine = any_of(white, metal, dark)(rng), _lit(rng)
    if chance(rng, 0.6):
        long, wide = rng.uniform(0.6, 1.5), rng.uniform(0.12, 0.3)
        return join(box((long, wide, 0.06), color, (0, 0, 0.02)), box((long - 0.04, 0.7 * wide, 0.03), shine))
    r, drop, h = sizes(rng, (0.12, 0.24), (0.2, 0.6), (0.12, 0.25))
    shade = lathe([(r, 0), (r * rng.uniform(0.2, 0.8), h)], any_of(metal, white, dark, wood)(rng))
    bulb = superellipsoid((0.07, 0.07, 0.08), shine, (0, 0, -0.02), flat=1)
    return join(shade, bulb, cylinder(0.006, drop, dark(rng), (0, 0, h)), cylinder(0.05, 0.02, color, (0, 0, h + drop)))


@recipe("projector", 40, rooms={OFFICE: 2}, on="ceiling", where="middle", most=1)
def projector(rng: Rng) -> Mesh:
    """A flat case with a lens, hanging from a post."""
    w, d, h = sizes(rng, (0.28, 0.42), (0.22, 0.32), (0.09, 0.14))
    color, post = any_of(white, white, dark)(rng), rng.uniform(0.15, 0.5)
    lens = lathe([(0.04, 0), (0.035, 0.03)], dark(rng)).turned(-np.pi / 2, "x").moved(0.25 * w, d / 2 - 0.005, h / 2)
    plate = box((0.18, 0.14, 0.012), metal(rng), (0, 0, h))
    return join(
        rounded_box((w, d, h), color, (0, 0, 0), 0.02), lens, plate,
        cylinder(0.022, post, any_of(metal, white)(rng), (0, 0, h)),
        cylinder(0.07, 0.015, metal(rng), (0, 0, h + post - 0.015)),
    )  # fmt: skip


@recipe(
    "handicap bar",
    40,
    rooms={BATHROOM: 2},
    on="wall",
    where="beside",
    near=("toilet", "bathtub"),
    height=(0.8, 0.9),
    most=2,
)
def handicap_bar(rng: Rng) -> Mesh:
    """A grab bar with two flanges, level or bent."""
    w, color, r = rng.uniform(0.5, 1.0), any_of(metal, metal, white)(rng), rng.uniform(0.014, 0.02)
    rise = rng.uniform(0.2, 0.4) if chance(rng, 0.25) else 0.0
    ends = [(-w / 2, 0.0), (w / 2, rise)]
    path = [(-w / 2, 0, 0), (-w / 2, 0.06, 0), (w / 2, 0.06, rise), (w / 2, 0, rise)]
    flanges = [cylinder(0.04, 0.01, color).turned(-np.pi / 2, "x").moved(x, 0, z) for x, z in ends]
    bars = [tube(path[i : i + 2], r, color) for i in range(3)]
    return join(*bars, *flanges)
