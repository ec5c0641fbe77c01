"""Household tools that stand or lean on the floor."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.palette import any_of, colorful, dark, fabric, metal, muted, plastic, white, wood
from data_prep.rooms.recipes.parts import chance, panel, sizes, top_of
from data_prep.rooms.recipes.registry import BATHROOM, BEDROOM, CORRIDOR, KITCHEN, LIVING, OFFICE, Model, recipe
from data_prep.rooms.recipes.vessels import pot
from data_prep.rooms.shapes import Mesh, box, cylinder, join, lathe, rounded_box, superellipsoid, tube

Rng = np.random.Generator
HOUSEHOLD = {KITCHEN: 2.0, CORRIDOR: 1.0, LIVING: 0.5, BEDROOM: 0.5}


@recipe("fan", 40, rooms={BEDROOM: 3, LIVING: 2, OFFICE: 2}, where="corner", most=2)
def fan(rng: Rng) -> Mesh:
    """Blades in a wire cage on a stand, or a tower with a grille."""
    color, dim = any_of(white, dark, metal)(rng), any_of(dark, metal, muted)(rng)
    if chance(rng, 0.3):
        h = rng.uniform(0.7, 1.05)
        slats = [box((0.012, 0.01, 0.65 * h), dim, (x, 0.085, 0.25 * h)) for x in (-0.05, -0.025, 0, 0.025, 0.05)]
        return join(cylinder(0.15, 0.03, color), lathe([(0.09, 0), (0.085, h - 0.03)], color, (0, 0, 0.03)), *slats)
    r, z, angle = rng.uniform(0.15, 0.23), rng.uniform(0.35, 1.15), np.linspace(0, 1.97 * np.pi, 17)
    head = [cylinder(0.055, 0.16, color, (0, 0, -0.1)), cylinder(0.05, 0.02, color, (0, 0, 0.07))]
    head += [
        tube(np.stack([s * r * np.cos(angle), s * r * np.sin(angle), 0 * angle + y], 1), 0.008, color)
        for s, y in ((1, 0.03), (0.9, 0.06), (0.9, 0))
    ]
    for turn in np.arange(8) * (np.pi / 4):
        head.append(tube([(0.04, 0, 0.075), (0.9 * r, 0, 0.06), (r, 0, 0.03)], 0.005, color).turned(float(turn)))
        if turn % (np.pi / 2) < 0.1:
            head.append(box((0.75 * r, 0.1, 0.008), dim, (0.45 * r, 0, 0.03)).turned(float(turn)))
    cage = join(*head).turned(-np.pi / 2 + rng.uniform(0, 0.3), "x").moved(0, 0, z + r)
    return join(
        cylinder(rng.uniform(0.15, 0.2), 0.03, color), cylinder(0.018, z + r - 0.03, color, (0, -0.03, 0)), cage
    )


@recipe("ladder", 39, rooms={CORRIDOR: 1.5, OFFICE: 1, KITCHEN: 0.5, BEDROOM: 0.3}, where="wall", most=1)
def ladder(rng: Rng) -> Mesh:
    """A step ladder standing apart, or one leaning on the wall."""
    h, w = rng.uniform(1.2, 2.2), rng.uniform(0.36, 0.48)
    color, tilt = any_of(metal, metal, wood, colorful)(rng), rng.uniform(0.15, 0.28)
    side = [box((0.03, 0.06, h), color, (x, 0, 0)) for x in (-w / 2, w / 2)]
    rungs = [box((w, 0.08, 0.025), color, (0, 0, float(z))) for z in np.arange(0.22, h - 0.08, 0.26)]
    front = join(*side, *rungs).turned(tilt, "x")
    if chance(rng, 0.5):
        return front
    rear = [box((0.025, 0.03, h - 0.03), color, (x, 0, 0)) for x in (-w / 2, w / 2)]
    rear.append(box((w, 0.02, 0.03), color, (0, 0, 0.4)))
    return join(
        front,
        join(*rear).turned(-tilt, "x").moved(0, -2 * h * np.sin(tilt)),
        box((w, 0.16, 0.03), color, (0, -h * np.sin(tilt), h * np.cos(tilt) - 0.02)),
    )


@recipe("ironing board", 40, rooms={BEDROOM: 2, BATHROOM: 0.7, LIVING: 0.3}, where="wall", most=1)
def ironing_board(rng: Rng) -> Mesh:
    """A padded tapering board on crossed legs, or folded against the wall."""
    h, long, color, leg = rng.uniform(0.78, 0.95), rng.uniform(1.15, 1.4), fabric(rng), any_of(white, metal)(rng)
    top = join(
        rounded_box((0.7 * long, 0.36, 0.035), color, (-0.15 * long, 0, 0), 0.015),
        superellipsoid((0.6 * long, 0.34, 0.035), color, (0.2 * long, 0, 0), flat=1, profile=0.2),
    )
    if chance(rng, 0.4):
        flat = join(top, *(tube([(-0.4 * long, y, -0.03), (0.4 * long, y, -0.03)], 0.012, leg) for y in (-0.1, 0.1)))
        return flat.turned(-np.pi / 2, "y").turned(np.pi / 2).turned(0.08, "x")
    bars = [
        tube([(s * 0.35 * long, y, 0.01), (-s * 0.3 * long, y, h)], 0.012, leg)
        for s in (-1, 1)
        for y in (-0.12 * s - 0.02, 0.12 * s)
    ]
    return join(top.moved(0, 0, h), *bars)


@recipe("vacuum cleaner", 40, rooms={BEDROOM: 1.5, LIVING: 1.5, CORRIDOR: 1}, where="corner", most=1)
def vacuum_cleaner(rng: Rng) -> Mesh:
    """An upright cleaner with its handle, or a canister with hose and wand."""
    color, dim = colorful(rng), any_of(dark, metal)(rng)
    if chance(rng, 0.6):
        h = rng.uniform(1.0, 1.2)
        stick = join(
            superellipsoid((0.22, 0.18, 0.6), color, (0, 0, 0.1), flat=0.8, profile=0.5),
            tube([(0, -0.03, 0.6), (0, -0.03, h - 0.1), (0, 0.06, h)], 0.017, dim),
            cylinder(0.07, 0.25, dim, (0, 0.08, 0.2)),
        )
        return join(rounded_box((0.34, 0.3, 0.12), dim, (0, 0.12, 0), 0.04), stick.turned(rng.uniform(0.05, 0.25), "x"))
    hose = [(0, 0.2, 0.2), (0.05, 0.4, 0.35), (0.25, 0.45, 0.3), (0.32, 0.3, 0.55)]
    wand = tube([(0.3, 0.1, 0.05), (0.34, 0.35, 0.95)], 0.017, metal(rng))
    body = superellipsoid((0.3, 0.45, 0.28), color, (0, 0, 0.02), flat=0.7, profile=0.7)
    wheels = [
        cylinder(0.09, 0.04, dim, (0, 0, -0.02)).turned(np.pi / 2, "y").moved(x, -0.1, 0.09) for x in (-0.15, 0.15)
    ]
    return join(body, *wheels, tube(hose, 0.02, dim), wand, box((0.28, 0.1, 0.05), dim, (0.3, 0.1, 0)))


@recipe("broom", 40, rooms=HOUSEHOLD, where="corner", most=1)
def broom(rng: Rng) -> Mesh:
    """A stick with a brush at its lower end, leaning."""
    h, w = sizes(rng, (1.15, 1.4), (0.24, 0.38))
    head, bristle = any_of(wood, plastic)(rng), any_of(wood, dark, colorful)(rng)
    brush = join(box((w + 0.03, 0.05, 0.12), bristle), box((w, 0.05, 0.04), head, (0, 0, 0.12)))
    return join(brush, cylinder(0.013, h, any_of(wood, metal, colorful)(rng), (0, 0, 0.14))).turned(
        rng.uniform(0.05, 0.2), "x"
    )


@recipe("dustpan", 40, rooms=HOUSEHOLD, where="close", near=("broom",), most=1)
def dustpan(rng: Rng) -> Mesh:
    """A shallow scoop open in front with a grip, mostly lying."""
    w, d, color = rng.uniform(0.22, 0.32), rng.uniform(0.2, 0.26), any_of(colorful, dark, metal)(rng)
    scoop = [box((w, d, 0.008), color, (0, d / 2, 0)), box((w, 0.01, 0.07), color, (0, 0.005, 0))]
    scoop += [box((0.01, 0.8 * d, 0.05), color, (x, 0.4 * d, 0)) for x in (-w / 2, w / 2)]
    return join(*scoop, tube([(0, 0, 0.05), (0, -0.16, 0.09)], 0.015, color))


@recipe("plunger", 40, rooms={BATHROOM: 4}, where="beside", near=("toilet",), most=1)
def plunger(rng: Rng) -> Mesh:
    """A rubber cup on a stick."""
    r, h = sizes(rng, (0.06, 0.08), (0.35, 0.55))
    rubber = (rng.uniform(120, 180), rng.uniform(40, 80), rng.uniform(30, 50)) if chance(rng, 0.5) else dark(rng)
    cup = lathe([(r, 0), (r, 0.02), (0.8 * r, 0.07), (0.25 * r, 0.1)], rubber)
    return join(cup, cylinder(0.013, h, any_of(wood, wood, white)(rng), (0, 0, 0.09)))


@recipe("bucket", 40, rooms={KITCHEN: 1, BATHROOM: 2, CORRIDOR: 0.7}, where="wall", most=2)
def bucket(rng: Rng) -> Mesh:
    """A tapered pail with a wire bow, up or down."""
    r, h = sizes(rng, (0.12, 0.16), (0.22, 0.36))
    color, angle = any_of(plastic, colorful, white)(rng), np.linspace(0, np.pi, 9)
    rise = rng.uniform(-0.25, 1) * r
    bow = np.stack(
        [
            1.02 * r * np.cos(angle),
            np.sqrt(1.05 * r * r - rise * rise) * np.sin(angle),
            0.93 * h + rise * np.sin(angle),
        ],
        1,
    )
    rim = lathe([(0.98 * r, 0), (1.05 * r, 0.01), (1.05 * r, 0.025), (0.98 * r, 0.03)], color, (0, 0, h - 0.035))
    return join(pot(0.75 * r, r, h, color), rim, tube(bow, 0.006, metal(rng)))


@recipe("scale", 40, rooms={BATHROOM: 3, BEDROOM: 0.5}, where="wall", most=1)
def scale(rng: Rng) -> Mesh:
    """A flat bathroom scale with a small display."""
    w, color = rng.uniform(0.27, 0.34), any_of(white, dark, metal)(rng)
    display = box((0.09, 0.04, 0.004), dark(rng) if sum(color) > 380 else white(rng), (0, 0.38 * w, 0.04))
    return join(rounded_box((w, w, 0.04), color, (0, 0, 0), 0.012), display)


@recipe("cart", 40, rooms={OFFICE: 1.5, KITCHEN: 1, CORRIDOR: 1}, where="wall", most=2)
def cart(rng: Rng) -> Model:
    """Two or three shelves between four posts on castors, with a push bar."""
    w, d, h, count = rng.uniform(0.5, 0.85), rng.uniform(0.38, 0.52), rng.uniform(0.7, 0.95), int(rng.integers(2, 4))
    color, post = any_of(metal, dark, white, wood, muted)(rng), any_of(metal, dark)(rng)
    parts = [cylinder(0.014, h - 0.08, post, (x, y, 0.08)) for x in (-w / 2, w / 2) for y in (0.02, d - 0.02)]
    parts += [
        superellipsoid((0.04, 0.09, 0.09), dark(rng), (x, y, 0), flat=1)
        for x in (-w / 2, w / 2)
        for y in (0.03, d - 0.03)
    ]
    parts.append(
        tube(
            [
                (w / 2, 0.02, h - 0.02),
                (w / 2 + 0.12, 0.02, h + 0.08),
                (w / 2 + 0.12, d - 0.02, h + 0.08),
                (w / 2, d - 0.02, h - 0.02),
            ],
            0.012,
            post,
        )
    )
    levels = [0.12 + (h - 0.14) * level / (count - 1) for level in range(count)]
    parts += [panel(w, d, 0.03, color, z) for z in levels]
    clear = (h - 0.14) / (count - 1) - 0.04
    surfaces = [top_of(w - 0.06, d - 0.06, z + 0.03, 0.03, 10.0 if z == levels[-1] else clear) for z in levels]
    return Model(join(*parts), tuple(surfaces))


@recipe("tube", 40, rooms={OFFICE: 1, CORRIDOR: 0.7, BEDROOM: 0.5}, where="corner", most=2)
def tube_(rng: Rng) -> Mesh:
    """A long cardboard or plastic tube leaning against the wall."""
    r, h = sizes(rng, (0.025, 0.06), (0.6, 1.3))
    ends = any_of(white, dark)(rng)
    body = [
        cylinder(r, h, any_of(wood, white, dark, muted)(rng)),
        cylinder(1.06 * r, 0.02, ends),
        cylinder(1.06 * r, 0.02, ends, (0, 0, h - 0.02)),
    ]
    return join(*body).turned(rng.uniform(0.05, 0.25), "x")
