"""Things on desks and shelves: lamps, books, paper, clocks."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.carriers import DESKS, SHELVES, STORAGE, TABLES
from data_prep.rooms.recipes.palette import any_of, colorful, dark, metal, muted, plastic, white, wood
from data_prep.rooms.recipes.parts import chance, sizes
from data_prep.rooms.recipes.registry import BEDROOM, CORRIDOR, KITCHEN, LIVING, OFFICE, recipe
from data_prep.rooms.shapes import Mesh, box, cylinder, join, lathe, rounded_box, superellipsoid, tube

Rng = np.random.Generator


@recipe(
    "lamp", 35, rooms={LIVING: 5, BEDROOM: 6, OFFICE: 3},
    on=("nightstand", "end table", "desk", "dresser", "table"), where="top",
)  # fmt: skip
def lamp(rng: Rng) -> Mesh:
    """A bedside lamp with a cloth shade, or a jointed desk lamp."""
    color = any_of(metal, dark, wood, white, colorful)(rng)
    if chance(rng, 0.35):
        reach, h = sizes(rng, (0.1, 0.22), (0.32, 0.5))
        arm = tube([(0, 0, 0.02), (0, -0.1, 0.6 * h), (0, reach, h), (0, reach + 0.06, h - 0.03)], 0.012, color)
        shade = lathe([(0.085, 0), (0.03, 0.11)], color, (0, reach + 0.06, h - 0.12))
        return join(cylinder(0.09, 0.025, color), arm, shade)
    h, r, base = sizes(rng, (0.38, 0.65), (0.11, 0.19), (0.05, 0.1))
    tall, cloth = rng.uniform(0.16, 0.26), any_of(white, white, muted)(rng)
    body = lathe(
        [(base, 0), (base, 0.02), (0.02, 0.05), (base * rng.uniform(0.3, 1), 0.3 * h), (0.015, h - tall)], color
    )
    shade = lathe([(r, 0), (r * rng.uniform(0.55, 1), tall)], cloth, (0, 0, h - tall))
    return join(body, shade, cylinder(0.02, 0.02, color, (0, 0, h - 0.005)))


@recipe(
    "book", 23, rooms={OFFICE: 5, LIVING: 5, BEDROOM: 3, KITCHEN: 0.3}, on=(*SHELVES, *TABLES), where="top", most=16
)
def book(rng: Rng) -> Mesh:
    """A standing row with backs outwards, a lying stack, or a single book."""
    style = rng.choice(3, p=(0.55, 0.25, 0.2))
    parts, at = [], 0.0
    for _ in range(int(rng.integers(4, 13)) if style == 0 else int(rng.integers(2, 7)) if style == 1 else 1):
        thick, d, h = sizes(rng, (0.015, 0.045), (0.14, 0.19), (0.19, 0.27))
        cover = any_of(colorful, muted, dark, white)(rng)
        if style == 0:
            parts.append(box((thick, d, h), cover, (at + thick / 2, -d / 2, 0)))
        else:
            turned = box((d, h, thick), cover).turned(rng.uniform(-0.2, 0.2))
            parts.append(turned.moved(0, 0, at))
        at += thick + 0.001
    return join(*parts)


@recipe(
    "paper",
    26,
    rooms={OFFICE: 5, LIVING: 1, KITCHEN: 0.7, BEDROOM: 0.7},
    on=(*TABLES, "file cabinet"),
    where="top",
    most=4,
)
def paper(rng: Rng) -> Mesh:
    """A few sheets strewn over each other, or a small pile."""
    parts = []
    for level in range(int(rng.integers(1, 5))):
        sheets = box((0.21, 0.297, rng.uniform(0.003, 0.015)), white(rng), (0, 0, 0.004 * level))
        parts.append(sheets.turned(rng.uniform(-0.4, 0.4)).moved(*rng.uniform(-0.05, 0.05, 2)))
    return join(*parts)


@recipe(
    "paper cutter", 40, rooms={OFFICE: 1.5, CORRIDOR: 0.2}, on=(*DESKS, "cabinet", "file cabinet"), where="top", most=1
)
def paper_cutter(rng: Rng) -> Mesh:
    """A square board with a long lever at its side."""
    w = rng.uniform(0.3, 0.42)
    blade = box((0.03, w + 0.12, 0.03), metal(rng), (0, w / 2 + 0.06, 0)).turned(rng.uniform(0, 0.7), "x")
    board = box((w, w, 0.03), any_of(wood, metal, muted)(rng))
    return join(board, blade.moved(w / 2, -w / 2, 0.03), box((w, 0.03, 0.02), dark(rng), (0, -w / 2 + 0.015, 0.03)))


@recipe(
    "alarm clock",
    40,
    rooms={BEDROOM: 5, LIVING: 0.5},
    on=("nightstand", "dresser", "desk", "end table"),
    where="top",
    most=1,
)
def alarm_clock(rng: Rng) -> Mesh:
    """A wedge with a lit window, or a round one with bells."""
    color = plastic(rng)
    if chance(rng, 0.6):
        w, h = sizes(rng, (0.13, 0.22), (0.06, 0.1))
        return join(
            rounded_box((w, 0.08, h), color, (0, 0, 0), 0.012),
            box((w * 0.8, 0.006, h * 0.5), dark(rng), (0, 0.04, h * 0.28)),
        )
    face = lathe([(0.06, 0), (0.06, 0.05), (0.045, 0.052)], color).turned(-np.pi / 2, "x").moved(0, 0, 0.075)
    bells = [superellipsoid((0.045, 0.045, 0.035), color, (x, 0.025, 0.125), flat=1) for x in (-0.035, 0.035)]
    return join(face, *bells, *(cylinder(0.008, 0.03, color, (x, 0.025, 0)) for x in (-0.035, 0.035)))


@recipe("power strip", 40, rooms={OFFICE: 2, BEDROOM: 0.7, LIVING: 0.7}, on="floor", where="beside", near=DESKS, most=2)
def power_strip(rng: Rng) -> Mesh:
    """A bar of sockets."""
    count, color, dim = int(rng.integers(4, 9)), white(rng), dark(rng)
    parts = [rounded_box((0.05 * count + 0.03, 0.055, 0.04), color, (0, 0, 0), 0.01)]
    parts += [box((0.032, 0.035, 0.006), dim, ((i - (count - 1) / 2) * 0.05, 0, 0.038)) for i in range(count)]
    return join(*parts)


@recipe("cd case", 40, rooms={LIVING: 2, OFFICE: 1, BEDROOM: 1}, on=(*SHELVES, *STORAGE, *DESKS), where="top", most=2)
def cd_case(rng: Rng) -> Mesh:
    """A stack or a row of flat square cases."""
    count, row = int(rng.integers(5, 16)), chance(rng, 0.5)
    parts = []
    for index in range(count):
        cover, at = any_of(colorful, dark, white)(rng), 0.0105 * index
        parts.append(
            box((0.01, 0.125, 0.142), cover, (at, 0, 0)) if row else box((0.142, 0.125, 0.01), cover, (0, 0, at))
        )
    return join(*parts)
