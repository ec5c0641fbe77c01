"""Showers, the parts that fit into them or over a bathtub, and the stalls of public toilets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.recipes.bathroom import bowl
from data_prep.rooms.recipes.palette import any_of, ceramic, colorful, dark, metal, muted, white
from data_prep.rooms.recipes.parts import chance, frame, hang, sizes
from data_prep.rooms.recipes.registry import BATHROOM, recipe
from data_prep.rooms.shapes import Mesh, box, cylinder, join, sheet, tube

Rng = np.random.Generator
Extent = NDArray[np.float64]

ROD = 1.95
"""Height of every shower curtain rod, meters: rod and curtain are made apart and must meet."""

TILES = 0.013
"""Thickness of a shower wall, meters: what else hangs there begins in front of it."""

WET = ("bathtub", "shower")

glass = any_of(lambda rng: (188, 206, 212), lambda rng: (205, 214, 216), white)


@recipe("shower", 38, rooms={BATHROOM: 8}, where="corner", most=1, free=0.5)
def shower(rng: Rng) -> Mesh:
    """A tray in a corner under a frame, one side glazed, with a mixer and a riser at the wall; open in front."""
    w, d, h = sizes(rng, (0.78, 1.15), (0.75, 1.0), (1.88, 2.1))
    color, bar = ceramic(rng), any_of(metal, metal, white, dark)(rng)
    y = d / 2
    tray = bowl(
        [(w, d, 0.1, y, 0), (w, d, 0.1, y, 0.12), (w - 0.1, d - 0.1, 0.15, y, 0.12), (0.2, 0.2, 1, y, 0.06)], color
    )
    side = 1 if chance(rng, 0.5) else -1
    pane = box((d - 0.04, 0.012, h - 0.14), glass(rng), (0, 0, 0.12)).turned(np.pi / 2).moved(side * (w / 2 - 0.02), y)
    posts = [box((0.035, 0.035, h - 0.1), bar, (x * (w / 2 - 0.02), d - 0.02, 0.1)) for x in (-1, 1)]
    posts += [
        box((w, 0.035, 0.04), bar, (0, d - 0.02, h - 0.04)),
        box((0.035, d, 0.04), bar, (side * (w / 2 - 0.02), y, h - 0.04)),
    ]
    riser = tube([(0, 0.05, 0.95), (0, 0.05, 1.8)], 0.012, metal(rng), 6)
    mixer = [
        box((0.26, 0.06, 0.05), metal(rng), (0, 0.03, 1.0)),
        *[box((0.03, 0.06, 0.03), bar, (0, 0.03, z)) for z in (1.3, 1.75)],
    ]
    return join(tray, pane, *posts, riser, *mixer)


@recipe("shower floor", 38, rooms={BATHROOM: 3}, fits=("shower",), most=1)
def shower_floor(rng: Rng, shower: Extent) -> Mesh:
    """The standing area of a shower: a tiled or slatted inlay in its tray."""
    w, d = float(shower[0]) - 0.14, float(shower[1]) - 0.14
    choice = np.array([muted(rng), white(rng), dark(rng)])[rng.integers(3, size=(6, 6))] * rng.uniform(0.8, 1.0)
    return sheet((w, d), choice, np.full((7, 7), 0.105), 0.085).moved(0, float(shower[1]) / 2)


@recipe("shower wall", 38, rooms={BATHROOM: 8}, fits=WET, most=2)
def shower_wall(rng: Rng, wet: Extent) -> Mesh:
    """Tiles or panels on the wall behind a tub or a shower, some of them also at one end."""
    w, d, h = (float(value) for value in wet)
    low, top = (h, rng.uniform(1.9, 2.1)) if h < 1 else (0.12, h - 0.05)
    rows, columns = int(rng.integers(4, 12)), int(rng.integers(4, 12))
    base = np.array(any_of(white, white, muted, ceramic)(rng))
    tiles = base * rng.uniform(0.88, 1.0, (rows, columns, 1))
    back = hang(sheet((w, top - low), tiles, np.full((rows + 1, columns + 1), TILES))).moved(0, 0, (top + low) / 2)
    if chance(rng, 0.5):
        return back
    x = (w / 2 - 0.006) * (1 if chance(rng, 0.5) else -1)
    return join(back, box((0.012, d - 0.02, top - low), tuple(base), (x, d / 2, low)))


@recipe("shower door", 38, rooms={BATHROOM: 6}, fits=("shower",), most=1)
def shower_door(rng: Rng, shower: Extent) -> Mesh:
    """A framed pane in front of a shower with a grip, closed or slid half open."""
    w, d, h = (float(value) for value in shower)
    wide, color = w * rng.uniform(0.5, 0.98), any_of(metal, metal, white, dark)(rng)
    tall = h - 0.2
    parts = [
        *frame(wide, tall, 0.035, 0.03, color),
        box((wide - 0.05, 0.012, tall - 0.05), glass(rng), (0, 0.015, 0.025)),
    ]
    side = 1 if chance(rng, 0.5) else -1
    parts.append(box((0.025, 0.06, 0.3), color, (-side * (wide / 2 - 0.1), 0.05, 0.45 * tall)))
    return join(*parts).moved(side * (w - wide) / 2, d, 0.13)


@recipe("shower head", 40, rooms={BATHROOM: 5}, fits=WET, most=1)
def shower_head(rng: Rng, wet: Extent) -> Mesh:
    """A rose on a bent arm high on the wall above a tub or in a shower."""
    color, far, r = any_of(metal, metal, white, dark)(rng), rng.uniform(0.14, 0.3), rng.uniform(0.04, 0.11)
    z = rng.uniform(1.85, 2.0) if wet[2] < 1 else float(wet[2]) - rng.uniform(0.08, 0.16)
    arm = tube([(0, TILES, z), (0, 0.4 * far, z + 0.02), (0, far, z - 0.03)], 0.012, color, 6)
    rose = cylinder(0.4 * r, 0.05, color, top=r).turned(np.pi + rng.uniform(-0.1, 0.5), "x")
    x = rng.uniform(-0.1, 0.1) if wet[2] > 1 else rng.uniform(-0.35, 0.35) * float(wet[0])
    plate = box((0.06, 0.01, 0.06), color, (0, TILES + 0.005, z - 0.03))
    return join(arm, rose.moved(0, far, z - 0.01), plate).moved(x)


@recipe("shower curtain rod", 40, rooms={BATHROOM: 5}, fits=WET, most=1)
def shower_curtain_rod(rng: Rng, wet: Extent) -> Mesh:
    """A rail around a tub or a shower that starts and ends at the wall."""
    w, d = float(wet[0]) / 2 - 0.04, float(wet[1])
    color, r = any_of(metal, metal, white)(rng), rng.uniform(0.011, 0.017)
    parts = [tube([(0.1 - w, d, ROD), (w - 0.1, d, ROD)], r, color)]
    for x in (-w, w):
        inner = x - np.sign(x) * 0.1
        parts.append(tube([(x, TILES, ROD), (x, d - 0.1, ROD), (inner, d, ROD)], r, color))
        parts.append(cylinder(0.035, 0.015, color).turned(-np.pi / 2, "x").moved(x, TILES, ROD))
    return join(*parts)


@recipe("shower curtain", 28, rooms={BATHROOM: 14}, fits=WET, most=1)
def shower_curtain(rng: Rng, wet: Extent) -> Mesh:
    """A pleated curtain before a tub or a shower, drawn wholly or in part, hung from the height of the rod."""
    wide, d = float(wet[0]) - 0.1, float(wet[1])
    w, low = wide * rng.uniform(0.3, 1.0), rng.uniform(0.12, 0.3)
    pleats = int(np.clip(w / rng.uniform(0.09, 0.16), 3, 14))
    x = np.linspace(0, 2 * np.pi * pleats, 6 * pleats + 1)
    fold = rng.uniform(0.015, 0.035) * np.sin(x) * np.linspace(0.6, 1.0, 5)[:, None]
    base = np.array(any_of(white, white, muted, colorful)(rng))
    tint = base * rng.uniform(0.8, 1.0, (4, 1, 1)) if chance(rng, 0.4) else base * np.ones((4, 1, 1))
    top = ROD - 0.02
    cloth = hang(sheet((w, top - low), np.broadcast_to(tint, (4, 6 * pleats, 3)), fold, fold - 0.012))
    return cloth.moved((wide - w) / 2 * (1 if chance(rng, 0.5) else -1), d + 0.02, (top + low) / 2)


@recipe("bathroom stall", 38, rooms={BATHROOM: 2}, most=1, free=0.5)
def bathroom_stall(rng: Rng) -> Mesh:
    """Two partitions on feet and the narrow panels beside the door."""
    w, d, h, gap = sizes(rng, (0.85, 1.05), (1.3, 1.55), (1.75, 2.0), (0.12, 0.28))
    color, t = any_of(muted, metal, white, dark)(rng), 0.03
    parts = []
    for side in (-1, 1):
        x = side * (w - t) / 2
        parts += [
            box((t, d, h - gap), color, (x, d / 2, gap)),
            box((0.04, 0.06, gap + 0.02), metal(rng), (x, d - 0.04, 0)),
        ]
        parts.append(box((0.13, t, h - gap), color, (side * (w / 2 - 0.065), d - t / 2, gap)))
    return join(*parts, box((w, 0.04, 0.04), metal(rng), (0, d - 0.02, h - 0.02)))


@recipe("bathroom stall door", 8, rooms={BATHROOM: 2}, fits=("bathroom stall",), most=1)
def bathroom_stall_door(rng: Rng, stall: Extent) -> Mesh:
    """The door between a stall's front panels, closed or swung open."""
    w, d, h = float(stall[0]) - 0.28, float(stall[1]), float(stall[2])
    leaf = box((w, 0.025, h - 0.35), any_of(muted, metal, white, dark)(rng), (w / 2, 0, 0.25))
    latch = box((0.1, 0.06, 0.04), metal(rng), (w - 0.1, 0.02, 1.0))
    swing = rng.uniform(0.3, 1.2) if chance(rng, 0.4) else 0.0
    return join(leaf, latch).turned(swing).moved(-w / 2, d, 0)
