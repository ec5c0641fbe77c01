"""Computers and office machines on desks."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.carriers import DESKS, TABLES
from data_prep.rooms.recipes.palette import any_of, colorful, dark, metal, muted, white, wood
from data_prep.rooms.recipes.parts import chance, sizes
from data_prep.rooms.recipes.registry import BEDROOM, LIVING, OFFICE, recipe
from data_prep.rooms.shapes import Mesh, box, join, lathe, rounded_box, superellipsoid, tube

Rng = np.random.Generator
WORK = {OFFICE: 8.0, BEDROOM: 2.0, LIVING: 1.0}
case = any_of(dark, dark, dark, metal, white)


@recipe("monitor", 40, rooms={OFFICE: 10, BEDROOM: 1.5, LIVING: 0.7}, on=DESKS, where="back", most=6)
def monitor(rng: Rng) -> Mesh:
    """A flat screen on a foot; now and then an old picture tube."""
    w, z = sizes(rng, (0.42, 0.64), (0.08, 0.16))
    h, color, glass = w * rng.uniform(0.56, 0.72), case(rng), any_of(dark, dark, dark, muted)(rng)
    parts = [
        box((w, 0.035, h), color, (0, 0, z)),
        box((w - 0.03, 0.004, h - 0.04), glass, (0, 0.0195, z + 0.025)),
        rounded_box((0.4 * w, 0.18, 0.02), color, (0, 0, 0), 0.008),
        box((0.05, 0.03, z + 0.15), color, (0, -0.03, 0)),
    ]
    if chance(rng, 0.12):
        parts.append(lathe([(0.6 * h, 0), (0.25 * h, 0.3)], color).turned(np.pi / 2, "x").moved(0, 0, z + h / 2))
    return join(*parts)


@recipe("keyboard", 40, rooms=WORK, on=DESKS, where="front", near=("monitor",), most=5)
def keyboard(rng: Rng) -> Mesh:
    """A low slab with a block of keys, a pad of digits on the longer ones."""
    w, d = sizes(rng, (0.34, 0.46), (0.125, 0.17))
    color, key = case(rng), any_of(dark, dark, white)(rng)
    parts = [rounded_box((w, d, 0.02), color, (0, 0, 0), 0.006)]
    pad = 0.09 if w > 0.4 else 0.0
    for row in range(4):
        y = (row - 1.5) * d * 0.21
        parts.append(box((w - 0.03 - pad, d * 0.16, 0.008), key, (-pad / 2, y, 0.018)))
        if pad:
            parts.append(box((pad - 0.02, d * 0.16, 0.008), key, (w / 2 - pad / 2, y, 0.018)))
    return join(*parts)


@recipe("mouse", 40, rooms=WORK, on=DESKS, where="beside", near=("keyboard", "laptop"), most=4)
def mouse(rng: Rng) -> Mesh:
    """A palm-sized drop, half of them on a pad."""
    color = any_of(dark, dark, white, metal)(rng)
    body = superellipsoid((0.065, 0.115, 0.04), color, flat=0.8, profile=0.8)
    if chance(rng, 0.5):
        pad = any_of(dark, muted)(rng)
        return join(box((0.22, 0.19, 0.006), pad), body.moved(0.02, 0.01, 0.006))
    return body


@recipe("laptop", 40, rooms={OFFICE: 5, LIVING: 2, BEDROOM: 2}, on=(*TABLES, "couch", "bed"), where="top", most=3)
def laptop(rng: Rng) -> Mesh:
    """An open one, the lid leaning back, or a closed one."""
    w, d = sizes(rng, (0.3, 0.39), (0.21, 0.26))
    color, key = any_of(dark, metal, metal, white)(rng), dark(rng)
    base = rounded_box((w, d, 0.022), color, (0, d / 2, 0), 0.006)
    if chance(rng, 0.2):
        return join(base, rounded_box((w, d, 0.012), color, (0, d / 2, 0.02), 0.005))
    screen = join(
        box((w, 0.012, d), color, (0, 0.006, 0)),
        box((w - 0.02, 0.003, d - 0.03), any_of(dark, dark, colorful)(rng), (0, 0.0135, 0.02)),
    )
    keys = box((w - 0.04, d * 0.45, 0.004), key, (0, d * 0.35, 0.021))
    return join(base, keys, screen.turned(rng.uniform(0.1, 0.45), "x").moved(0, 0, 0.02))


@recipe(
    "telephone",
    40,
    rooms={OFFICE: 5, LIVING: 0.7, BEDROOM: 0.7},
    on=(*DESKS, "nightstand", "end table"),
    where="top",
    most=3,
)
def telephone(rng: Rng) -> Mesh:
    """A sloping desk telephone with its receiver at the left."""
    w, d = sizes(rng, (0.17, 0.24), (0.18, 0.23))
    color, dim = any_of(dark, dark, white)(rng), metal(rng)
    receiver = [box((0.04, d * 0.9, 0.025), color, (0, 0, 0.015))]
    receiver += [rounded_box((0.055, 0.055, 0.04), color, (0, y, 0), 0.015) for y in (-d * 0.38, d * 0.38)]
    parts = [rounded_box((w, d, 0.035), color, (0, 0, 0), 0.01), join(*receiver).moved(-w / 2 + 0.035, 0, 0.032)]
    parts.append(box((w * 0.5, d * 0.28, 0.006), dim, (w * 0.17, -d * 0.28, 0.033)))
    parts.append(box((w * 0.45, d * 0.4, 0.008), dim, (w * 0.17, d * 0.18, 0.033)))
    return join(join(*parts).turned(-0.25, "x"), box((0.8 * w, 0.06, 0.035), color, (0, -d * 0.3, 0)))


@recipe(
    "speaker",
    40,
    rooms={LIVING: 4, OFFICE: 2, BEDROOM: 1},
    on=("tv stand", "desk", "bookshelf", "shelf", "dresser"),
    where="top",
)
def speaker(rng: Rng) -> Mesh:
    """A box with one or two round cones in its front."""
    w, d, h = sizes(rng, (0.1, 0.22), (0.1, 0.22), (0.16, 0.36))
    color, cone = any_of(dark, dark, wood)(rng), any_of(dark, metal)(rng)
    parts = [box((w, d, h), color, (0, -d / 2, 0))]
    for radius, z in ((0.4 * w, 0.33 * h), (0.22 * w, 0.75 * h)):
        parts.append(lathe([(radius, 0), (0.8 * radius, 0.012)], cone).turned(-np.pi / 2, "x").moved(0, 0, z))
    return join(*parts)


@recipe(
    "printer",
    40,
    rooms={OFFICE: 5, BEDROOM: 0.5, LIVING: 0.4},
    on=(*DESKS, "file cabinet", "cabinet", "stand"),
    where="top",
    most=2,
)
def printer(rng: Rng) -> Mesh:
    """A body with a paper tray in front and a lid above, some with sheets in them."""
    w, d, h = sizes(rng, (0.38, 0.5), (0.32, 0.45), (0.16, 0.36))
    color, dim = any_of(dark, white, white, metal)(rng), dark(rng)
    parts = [
        rounded_box((w, d, h), color, (0, 0, 0), 0.02),
        rounded_box((w * 0.96, d * 0.9, 0.05), any_of(dark, white)(rng), (0, -0.02, h - 0.01), 0.015),
        box((w * 0.65, 0.03, h * 0.25), dim, (0, d / 2 - 0.01, h * 0.3)),
        box((w * 0.62, 0.14, 0.015), color, (0, d / 2 + 0.06, h * 0.25)),
    ]
    if chance(rng, 0.5):
        parts.append(box((0.21, 0.12, 0.01), white(rng), (0, d / 2 + 0.06, h * 0.25 + 0.015)))
    if chance(rng, 0.3):
        rear = box((0.22, 0.02, 0.2), color, (0, 0, 0)).turned(0.4, "x")
        parts.append(rear.moved(0, -d / 2 + 0.04, h))
    return join(*parts)


@recipe("headphones", 40, rooms={OFFICE: 2, BEDROOM: 1}, on=DESKS, where="top", near=("monitor",), most=1)
def headphones(rng: Rng) -> Mesh:
    """Two lying cushions joined by a bow."""
    color, r = any_of(dark, white, colorful)(rng), rng.uniform(0.075, 0.095)
    angle = np.linspace(0, np.pi, 9)
    bow = tube(np.stack([r * np.cos(angle), 1.1 * r * np.sin(angle), np.full(9, 0.03)], 1), 0.012, color)
    return join(bow, *(superellipsoid((0.05, 0.09, 0.08), color, (x, 0, 0), flat=1) for x in (-r, r)))
