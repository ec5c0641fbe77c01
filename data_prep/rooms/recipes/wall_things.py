"""Small things on walls: pictures, mirrors, clocks, switches, alarms."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.palette import any_of, colorful, dark, metal, muted, white, wood
from data_prep.rooms.recipes.parts import canvas, chance, frame, sizes
from data_prep.rooms.recipes.registry import BATHROOM, BEDROOM, CORRIDOR, EVERYWHERE, KITCHEN, LIVING, OFFICE, recipe
from data_prep.rooms.shapes import Color, Mesh, box, cylinder, join, lathe, rounded_box, tube

Rng = np.random.Generator


def _facing(mesh: Mesh, x: float, z: float, y: float = 0.0) -> Mesh:
    """Return a solid of revolution laid down: its axis now looks along +y from the point given."""
    return mesh.turned(-np.pi / 2, "x").moved(x, y, z)


@recipe(
    "picture", 11, rooms={LIVING: 5, BEDROOM: 4, CORRIDOR: 2, OFFICE: 1.5, BATHROOM: 1, KITCHEN: 1},
    on="wall", where="above", near=("couch", "bed", "dresser", "desk"), height=(1.15, 1.6), most=6,
)  # fmt: skip
def picture(rng: Rng) -> Mesh:
    """A framed image with or without a mount, or a bare canvas."""
    w, h, bar = sizes(rng, (0.25, 1.0), (0.25, 0.8), (0.015, 0.05))
    colors = [any_of(colorful, muted, dark, white)(rng) for _ in range(4)]
    if chance(rng, 0.25):
        return join(canvas(rng, w, h, colors, 5, 0.02), box((w - 0.01, 0.022, h - 0.01), white(rng), (0, 0.011, 0.005)))
    mount = rng.uniform(0.02, 0.2) * min(w, h)
    image = canvas(rng, w - 2 * (bar + mount), h - 2 * (bar + mount), colors, 5, 0.005)
    back = box((w - bar, 0.012, h - bar), white(rng), (0, 0.006, bar / 2))
    return join(*frame(w, h, bar, 0.03, any_of(wood, dark, white, metal)(rng)), back, image.moved(0, 0, bar + mount))


@recipe(
    "poster",
    11,
    rooms={BEDROOM: 3, OFFICE: 2, CORRIDOR: 2, LIVING: 1},
    on="wall",
    where="random",
    height=(0.9, 1.4),
    most=4,
)
def poster(rng: Rng) -> Mesh:
    """Unframed print: an image in many small patches with a band of writing."""
    w = rng.uniform(0.4, 0.75)
    h = w * rng.uniform(1.3, 1.5)
    ground = any_of(white, colorful, muted, dark)(rng)
    image = canvas(
        rng, 0.86 * w, rng.uniform(0.5, 0.8) * h, [any_of(colorful, muted, dark)(rng) for _ in range(5)], 7, 0.001
    )
    lines = [box((0.7 * w, 0.004, 0.02), dark(rng), (0, 0.009, f * h)) for f in (0.05, 0.1)]
    return join(box((w, 0.008, h), ground, (0, 0.004, 0)), image.moved(0, 0, 0.16 * h), *lines)


@recipe(
    "mirror", 19, rooms={BATHROOM: 6, BEDROOM: 2.5, LIVING: 0.5, CORRIDOR: 0.7},
    on="wall", where="above", near=("sink", "bathroom vanity", "dresser"), height=(1.0, 1.15), most=2,
)  # fmt: skip
def mirror(rng: Rng) -> Mesh:
    """A pale pane, rectangular or round, mostly framed."""
    w, h, bar = sizes(rng, (0.45, 1.3), (0.6, 1.0), (0.015, 0.06))
    glass = tuple(rng.uniform(0.7, 1) * np.array((200, 215, 222)))
    rim = any_of(wood, dark, white, metal)(rng)
    if chance(rng, 0.25):
        return join(
            _facing(lathe([(w / 2, 0), (w / 2, 0.02)], rim, points=24), 0, w / 2),
            _facing(lathe([(w / 2 - bar, 0), (w / 2 - bar, 0.025)], glass, points=24), 0, w / 2),
        )
    pane = box((w, 0.012, h), glass, (0, 0.006, 0))
    return pane if chance(rng, 0.3) else join(pane, *frame(w, h, bar, 0.03, rim))


@recipe(
    "clock",
    40,
    rooms={OFFICE: 2, KITCHEN: 2, LIVING: 2, BEDROOM: 0.5, CORRIDOR: 0.5},
    on="wall",
    where="random",
    height=(1.7, 2.1),
    most=1,
)
def clock(rng: Rng) -> Mesh:
    """A round dial in a rim with two hands and twelve marks."""
    r, dial, rim = (
        rng.uniform(0.12, 0.2),
        any_of(white, white, dark)(rng),
        any_of(dark, metal, wood, white, colorful)(rng),
    )
    ink = dark(rng) if sum(dial) > 380 else white(rng)
    parts = [_facing(cylinder(r, 0.035, rim), 0, r), _facing(cylinder(0.87 * r, 0.039, dial), 0, r)]
    for hour in range(12):
        mark = box((0.012, 0.006, 0.12 * r), ink, (0, 0.04, 0.68 * r)).turned(hour * np.pi / 6, "y")
        parts.append(mark.moved(0, 0, r))
    hands = [box((0.014, 0.008, long * r), ink, (0, 0.042, 0)).turned(rng.uniform(0, 6), "y") for long in (0.45, 0.65)]
    return join(*parts, *(hand.moved(0, 0, r) for hand in hands))


@recipe("light switch", 40, rooms=EVERYWHERE, on="wall", where="beside", near=("door",), height=(1.0, 1.2), most=2)
def light_switch(rng: Rng) -> Mesh:
    """A plate with one to three rockers."""
    count, color = int(rng.integers(1, 4)), any_of(white, white, metal, dark)(rng)
    w = 0.05 * count + 0.035
    keys = [box((0.025, 0.012, 0.055), white(rng), ((i - (count - 1) / 2) * 0.05, 0.012, 0.032)) for i in range(count)]
    return join(box((w, 0.01, 0.12), color, (0, 0.005, 0)), *keys)


@recipe("power outlet", 40, rooms=EVERYWHERE, on="wall", where="random", height=(0.25, 0.4), most=2)
def power_outlet(rng: Rng) -> Mesh:
    """A plate with two sunk-looking sockets."""
    color, dim = any_of(white, white, metal)(rng), dark(rng)
    plate = box((0.08, 0.01, 0.125), color, (0, 0.005, 0))
    return join(plate, *(_facing(cylinder(0.019, 0.006, dim), 0, z, 0.008) for z in (0.035, 0.09)))


@recipe("vent", 40, rooms=EVERYWHERE, on="wall", where="random", height=(2.0, 2.2), most=2)
def vent(rng: Rng) -> Mesh:
    """A grille of slanted slats in a frame."""
    w, h = sizes(rng, (0.25, 0.65), (0.15, 0.35))
    color = any_of(white, metal)(rng)
    parts = [box((w, 0.006, h), dark(rng), (0, 0.003, 0)), *frame(w, h, 0.025, 0.025, color)]
    slat = box((w - 0.05, 0.004, 0.024), color).turned(-0.6, "x")
    return join(*parts, *(slat.moved(0, 0.012, float(z)) for z in np.arange(0.04, h - 0.03, 0.03)))


@recipe(
    "fire alarm",
    40,
    rooms={CORRIDOR: 4, OFFICE: 1},
    on="wall",
    where="beside",
    near=("door",),
    height=(1.2, 2.1),
    most=1,
)
def fire_alarm(rng: Rng) -> Mesh:
    """A red box with a pull, or one with a horn and a strobe."""
    red: Color = (rng.uniform(150, 215), rng.uniform(15, 45), rng.uniform(15, 45))
    h = rng.uniform(0.12, 0.2)
    parts = [rounded_box((0.12, 0.055, h), red, (0, 0.0275, 0), 0.01)]
    if chance(rng, 0.5):
        parts.append(box((0.09, 0.025, 0.03), white(rng), (0, 0.06, 0.4 * h)))
    else:
        parts += [
            _facing(cylinder(0.035, 0.012, red), 0, 0.3 * h, 0.05),
            box((0.07, 0.03, 0.04), white(rng), (0, 0.06, 0.65 * h)),
        ]
    return join(*parts)


@recipe(
    "fire extinguisher",
    40,
    rooms={CORRIDOR: 5, OFFICE: 0.7, KITCHEN: 0.7},
    on="wall",
    where="random",
    height=(0.5, 0.9),
    most=1,
)
def fire_extinguisher(rng: Rng) -> Mesh:
    """A red cylinder with a black valve, a hose and a label, on a bracket."""
    r, h = sizes(rng, (0.06, 0.085), (0.36, 0.5))
    red: Color = (rng.uniform(150, 215), rng.uniform(15, 45), rng.uniform(15, 45))
    black, y = dark(rng), r + 0.02
    body = lathe([(0.9 * r, 0), (r, 0.02), (r, 0.78 * h), (0.3 * r, 0.9 * h), (0.25 * r, h)], red, (0, y, 0))
    hose = [(0.02, y, h), (r + 0.02, y, 0.95 * h), (r + 0.025, y, 0.5 * h), (r, y, 0.3 * h)]
    return join(
        body, tube(hose, 0.011, black), box((0.03, 0.13, 0.025), black, (0, y + 0.02, h)),
        cylinder(r + 0.002, 0.2 * h, white(rng), (0, y, 0.3 * h)), box((0.06, 0.03, 0.12), black, (0, 0.015, 0.6 * h)),
    )  # fmt: skip
