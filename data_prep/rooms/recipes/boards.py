"""Boards, screens and signs on walls."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.palette import any_of, colorful, dark, metal, muted, white, wood
from data_prep.rooms.recipes.parts import canvas, chance, frame, sizes
from data_prep.rooms.recipes.registry import BATHROOM, CORRIDOR, KITCHEN, OFFICE, recipe
from data_prep.rooms.shapes import Color, Mesh, box, join

Rng = np.random.Generator


def _board(rng: Rng, w: float, h: float, face: Color, rim: Color, tray: bool) -> list[Mesh]:
    """Return a writing board with a rim, a few scribbles and a tray for pens."""
    parts = [box((w, 0.015, h), face, (0, 0.0075, 0)), *frame(w, h, 0.025, 0.025, rim)]
    for _ in range(int(rng.integers(0, 7))):
        x, z, long = rng.uniform(-0.3, 0.3) * w, rng.uniform(0.2, 0.8) * h, rng.uniform(0.1, 0.35) * w
        ink = any_of(dark, colorful, white)(rng)
        parts.append(box((long, 0.003, rng.uniform(0.01, 0.1)), ink, (x, 0.0155, z)))
    if tray:
        parts.append(box((0.8 * w, 0.07, 0.02), rim, (0, 0.035, 0)))
    return parts


@recipe("calendar", 40, rooms={KITCHEN: 2, OFFICE: 3}, on="wall", where="random", height=(1.2, 1.5), most=1)
def calendar(rng: Rng) -> Mesh:
    """An image above a white leaf with a grid of days."""
    w, h = sizes(rng, (0.28, 0.36), (0.42, 0.6))
    days = canvas(rng, 0.9 * w, 0.38 * h, [white(rng), white(rng), muted(rng)], 7, 0.001).moved(0, 0, 0.05 * h)
    image = canvas(rng, 0.94 * w, 0.5 * h, [colorful(rng) for _ in range(3)], 5, 0.001).moved(0, 0, 0.48 * h)
    return join(box((w, 0.01, h), white(rng), (0, 0.005, 0)), days, image)


@recipe(
    "whiteboard",
    30,
    rooms={OFFICE: 6, CORRIDOR: 0.4, KITCHEN: 0.2},
    on="wall",
    where="random",
    height=(0.8, 1.0),
    most=3,
)
def whiteboard(rng: Rng) -> Mesh:
    """A white pane in a metal rim with a tray."""
    w, h = sizes(rng, (1.0, 2.8), (0.9, 1.25))
    return join(*_board(rng, w, h, white(rng), any_of(metal, metal, white, wood)(rng), tray=True))


@recipe("blackboard", 38, rooms={OFFICE: 2.5}, on="wall", where="random", height=(0.8, 1.0), most=2)
def blackboard(rng: Rng) -> Mesh:
    """A dark or green pane in a wooden rim with a tray."""
    w, h = sizes(rng, (1.5, 3.0), (0.95, 1.25))
    slate = (rng.uniform(25, 55), rng.uniform(40, 80), rng.uniform(35, 60))
    return join(*_board(rng, w, h, slate, any_of(wood, wood, metal)(rng), tray=True))


@recipe("board", 38, rooms={OFFICE: 3, CORRIDOR: 1}, on="wall", where="random", height=(0.8, 1.3), most=2)
def board(rng: Rng) -> Mesh:
    """A plain panel of any color."""
    w, h = sizes(rng, (0.5, 1.8), (0.5, 1.1))
    return join(
        *_board(rng, w, h, any_of(white, muted, wood, dark)(rng), any_of(wood, metal, dark)(rng), chance(rng, 0.2))
    )


@recipe(
    "bulletin board",
    38,
    rooms={OFFICE: 3, CORRIDOR: 3, KITCHEN: 0.5},
    on="wall",
    where="random",
    height=(0.95, 1.25),
    most=2,
)
def bulletin_board(rng: Rng) -> Mesh:
    """Cork or cloth in a rim, with notes pinned to it."""
    w, h = sizes(rng, (0.7, 1.8), (0.5, 1.1))
    cork = (rng.uniform(170, 205), rng.uniform(125, 155), rng.uniform(80, 110)) if chance(rng, 0.7) else muted(rng)
    parts = [box((w, 0.012, h), cork, (0, 0.006, 0)), *frame(w, h, 0.03, 0.022, any_of(wood, metal)(rng))]
    for _ in range(int(rng.integers(4, 16))):
        a, b = sizes(rng, (0.08, 0.22), (0.1, 0.28))
        x, z = rng.uniform(-0.5, 0.5) * (w - a - 0.06), 0.03 + rng.random() * max(0.0, h - b - 0.06)
        parts.append(box((a, 0.005, b), any_of(white, white, colorful)(rng), (x, 0.0125 + 0.002 * rng.random(), z)))
    return join(*parts)


@recipe(
    "sign",
    40,
    rooms={CORRIDOR: 4, OFFICE: 1.5, BATHROOM: 1},
    on="wall",
    where="beside",
    near=("door",),
    height=(1.35, 1.7),
    most=3,
)
def sign(rng: Rng) -> Mesh:
    """A small plate in one color with a symbol and lines of writing."""
    w, h = sizes(rng, (0.15, 0.4), (0.12, 0.35))
    ink = white(rng)
    lines = [box((0.7 * w, 0.004, 0.1 * h), ink, (0, 0.016, f * h)) for f in (0.15, 0.35)]
    symbol = box((0.3 * w, 0.004, 0.32 * h), ink, (0, 0.016, 0.55 * h))
    return join(box((w, 0.015, h), any_of(colorful, colorful, dark, metal)(rng), (0, 0.0075, 0)), symbol, *lines)


@recipe("projector screen", 40, rooms={OFFICE: 2.5}, on="wall", where="random", height=(0.8, 1.1), most=1)
def projector_screen(rng: Rng) -> Mesh:
    """A white cloth with a dark border, let down from a long case."""
    w = rng.uniform(1.5, 2.6)
    h, case = w * rng.uniform(0.5, 0.6), any_of(white, metal, dark)(rng)
    return join(
        box((w + 0.12, 0.09, 0.09), case, (0, 0.045, h)), box((w, 0.008, h), dark(rng), (0, 0.045, 0)),
        box((0.94 * w, 0.006, 0.9 * h), white(rng), (0, 0.05, 0.05 * h)), box((w, 0.025, 0.03), case, (0, 0.045, 0)),
    )  # fmt: skip
