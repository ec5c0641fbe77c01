"""Things on desks and shelves: screens, computers, lamps, books, paper, telephones."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.carriers import ANY_TOP, DESKS, SEATS, SHELVES, STORAGE, TABLES
from data_prep.rooms.recipes.palette import any_of, colorful, dark, fabric, metal, muted, plastic, white, wood
from data_prep.rooms.recipes.parts import chance, sizes
from data_prep.rooms.recipes.registry import BEDROOM, CORRIDOR, KITCHEN, LIVING, OFFICE, recipe
from data_prep.rooms.shapes import Mesh, box, cylinder, join, lathe, rounded_box, superellipsoid, tube

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
    body = superellipsoid((0.065, 0.115, 0.04), color, flat=0.8, round=0.8)
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
    "lamp", 35, rooms={LIVING: 5, BEDROOM: 6, OFFICE: 3}, on=("nightstand", "end table", "desk", "dresser", "table"), where="top",
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
    body = lathe([(base, 0), (base, 0.02), (0.02, 0.05), (base * rng.uniform(0.3, 1), 0.3 * h), (0.015, h - tall)], color)
    shade = lathe([(r, 0), (r * rng.uniform(0.55, 1), tall)], cloth, (0, 0, h - tall))
    return join(body, shade, cylinder(0.02, 0.02, color, (0, 0, h - 0.005)))


@recipe("book", 23, rooms={OFFICE: 5, LIVING: 5, BEDROOM: 3, KITCHEN: 0.3}, on=(*SHELVES, *TABLES), where="top", most=16)
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


@recipe("paper", 26, rooms={OFFICE: 5, LIVING: 1, KITCHEN: 0.7, BEDROOM: 0.7}, on=(*TABLES, "file cabinet"), where="top", most=4)
def paper(rng: Rng) -> Mesh:
    """A few sheets strewn over each other, or a small pile."""
    parts = []
    for level in range(int(rng.integers(1, 5))):
        sheets = box((0.21, 0.297, rng.uniform(0.003, 0.015)), white(rng), (0, 0, 0.004 * level))
        parts.append(sheets.turned(rng.uniform(-0.4, 0.4)).moved(*rng.uniform(-0.05, 0.05, 2)))
    return join(*parts)


@recipe("telephone", 40, rooms={OFFICE: 5, LIVING: 0.7, BEDROOM: 0.7}, on=(*DESKS, "nightstand", "end table"), where="top", most=3)
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


@recipe("speaker", 40, rooms={LIVING: 4, OFFICE: 2, BEDROOM: 1}, on=("tv stand", "desk", "bookshelf", "shelf", "dresser"), where="top")
def speaker(rng: Rng) -> Mesh:
    """A box with one or two round cones in its front."""
    w, d, h = sizes(rng, (0.1, 0.22), (0.1, 0.22), (0.16, 0.36))
    color, cone = any_of(dark, dark, wood)(rng), any_of(dark, metal)(rng)
    parts = [box((w, d, h), color, (0, -d / 2, 0))]
    for radius, z in ((0.4 * w, 0.33 * h), (0.22 * w, 0.75 * h)):
        parts.append(lathe([(radius, 0), (0.8 * radius, 0.012)], cone).turned(-np.pi / 2, "x").moved(0, 0, z))
    return join(*parts)


@recipe("printer", 40, rooms={OFFICE: 5, BEDROOM: 0.5, LIVING: 0.4}, on=(*DESKS, "file cabinet", "cabinet", "stand"), where="top", most=2)
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


@recipe("paper cutter", 40, rooms={OFFICE: 1.5, CORRIDOR: 0.2}, on=(*DESKS, "cabinet", "file cabinet"), where="top", most=1)
def paper_cutter(rng: Rng) -> Mesh:
    """A square board with a long lever at its side."""
    w = rng.uniform(0.3, 0.42)
    blade = box((0.03, w + 0.12, 0.03), metal(rng), (0, w / 2 + 0.06, 0)).turned(rng.uniform(0, 0.7), "x")
    board = box((w, w, 0.03), any_of(wood, metal, muted)(rng))
    return join(board, blade.moved(w / 2, -w / 2, 0.03), box((w, 0.03, 0.02), dark(rng), (0, -w / 2 + 0.015, 0.03)))


@recipe("alarm clock", 40, rooms={BEDROOM: 5, LIVING: 0.5}, on=("nightstand", "dresser", "desk", "end table"), where="top", most=1)
def alarm_clock(rng: Rng) -> Mesh:
    """A wedge with a lit window, or a round one with bells."""
    color = plastic(rng)
    if chance(rng, 0.6):
        w, h = sizes(rng, (0.13, 0.22), (0.06, 0.1))
        return join(rounded_box((w, 0.08, h), color, (0, 0, 0), 0.012), box((w * 0.8, 0.006, h * 0.5), dark(rng), (0, 0.04, h * 0.28)))
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
        parts.append(box((0.01, 0.125, 0.142), cover, (at, 0, 0)) if row else box((0.142, 0.125, 0.01), cover, (0, 0, at)))
    return join(*parts)


@recipe("hat", 40, rooms={BEDROOM: 2, LIVING: 1, OFFICE: 0.5}, on=(*ANY_TOP, *SEATS), where="top", most=1)
def hat(rng: Rng) -> Mesh:
    """A crown with a brim all round, or a cap with a peak."""
    color, h = fabric(rng), rng.uniform(0.1, 0.14)
    if chance(rng, 0.5):
        return lathe([(rng.uniform(0.14, 0.2), 0), (0.15, 0.012), (0.095, 0.02), (0.085, h), (0.05, h + 0.01)], color)
    peak = superellipsoid((0.15, 0.14, 0.012), color, (0, 0.12, 0), flat=1)
    return join(superellipsoid((0.18, 0.2, 2 * h), color, (0, 0, -h), flat=1), peak.moved(0, 0, 0.0))


@recipe("purse", 40, rooms={BEDROOM: 2, LIVING: 2, OFFICE: 1.5}, on=(*TABLES, *SEATS), where="top", most=2)
def purse(rng: Rng) -> Mesh:
    """A soft body with a strap arching over it."""
    w, d, h = sizes(rng, (0.22, 0.34), (0.08, 0.14), (0.15, 0.24))
    color, angle = any_of(dark, colorful, wood, muted)(rng), np.linspace(0, np.pi, 9)
    arch = np.stack([0.33 * w * np.cos(angle), np.zeros(9), 0.9 * h + rng.uniform(0.07, 0.14) * np.sin(angle)], 1)
    clasp = box((0.04, 0.01, 0.03), metal(rng), (0, d / 2 - 0.006, 0.6 * h))
    return join(superellipsoid((w, d, h), color, flat=0.5, round=0.45), tube(arch, 0.01, color), clasp)


