"""Instruments, sports things and vehicles that stand about on the floor."""

from __future__ import annotations

import numpy as np

from data_prep.rooms.recipes.palette import any_of, colorful, dark, metal, muted, white, wood
from data_prep.rooms.recipes.parts import chance, sizes
from data_prep.rooms.recipes.registry import BEDROOM, CORRIDOR, LIVING, OFFICE, recipe
from data_prep.rooms.shapes import Mesh, box, cylinder, join, lathe, rounded_box, superellipsoid, tube

Rng = np.random.Generator


def _guitar_outline(rng: Rng, scale: float) -> list[tuple[float, float, float]]:
    """Return (width, height, z) of the three rounds that make a guitar's body."""
    return [
        (0.38 * scale, 0.36 * scale, 0.0),
        (0.25 * scale, 0.3 * scale, 0.2 * scale),
        (0.29 * scale, 0.26 * scale, 0.27 * scale),
    ]


@recipe("guitar", 40, rooms={LIVING: 2, BEDROOM: 3, OFFICE: 0.3}, where="wall", most=2)
def guitar(rng: Rng) -> Mesh:
    """A waisted body with a sound hole, a neck and a head, leaning back."""
    scale, deep = rng.uniform(0.85, 1.05), rng.uniform(0.04, 0.11)
    color, neck = any_of(wood, wood, dark, colorful)(rng), wood(rng)
    parts = [
        superellipsoid((w, deep, h), color, (0, 0, z), flat=0.25, profile=1) for w, h, z in _guitar_outline(rng, scale)
    ]
    hole = cylinder(0.05 * scale, 0.006, dark(rng)).turned(-np.pi / 2, "x").moved(0, deep / 2, 0.3 * scale)
    parts += [hole, box((0.14 * scale, 0.015, 0.02), dark(rng), (0, deep / 2 + 0.005, 0.14 * scale))]
    parts.append(box((0.055, 0.025, 0.7 * scale), neck, (0, deep / 2 - 0.005, 0.32 * scale)))
    parts.append(box((0.08, 0.02, 0.16 * scale), neck, (0, deep / 2 - 0.01, 1.0 * scale)))
    return join(*parts).turned(rng.uniform(0.1, 0.3), "x")


@recipe("guitar case", 40, rooms={BEDROOM: 2, LIVING: 1.5, OFFICE: 0.3}, where="wall", most=1)
def guitar_case(rng: Rng) -> Mesh:
    """The guitar's outline, plumper and in one dark color, standing or lying."""
    scale, deep, color = rng.uniform(1.0, 1.15), rng.uniform(0.13, 0.18), any_of(dark, dark, muted)(rng)
    parts = [
        superellipsoid((w, deep, h), color, (0, 0, z), flat=0.2, profile=0.8) for w, h, z in _guitar_outline(rng, scale)
    ]
    parts.append(rounded_box((0.15, 0.8 * deep, 0.66 * scale), color, (0, 0, 0.4 * scale), 0.03))
    parts.append(tube([(0.16, 0, 0.25), (0.24, 0, 0.27), (0.24, 0, 0.36), (0.13, 0, 0.38)], 0.011, dark(rng)))
    case = join(*parts)
    return (
        case.turned(rng.uniform(0.08, 0.2), "x") if chance(rng, 0.7) else case.turned(np.pi / 2, "x").turned(np.pi / 2)
    )


@recipe("music stand", 40, rooms={LIVING: 1, BEDROOM: 1, OFFICE: 0.7}, where="free", most=2)
def music_stand(rng: Rng) -> Mesh:
    """A tilted desk with a ledge on a post with three feet."""
    h, color = rng.uniform(0.9, 1.25), any_of(dark, dark, metal)(rng)
    desk = join(box((0.5, 0.012, 0.32), color), box((0.5, 0.06, 0.012), color, (0, 0.03, 0)))
    parts = [cylinder(0.014, h - 0.1, color, (0, 0, 0.1)), desk.turned(0.4, "x").moved(0, 0.03, h - 0.12)]
    for angle in np.arange(3) * (2 * np.pi / 3) + 0.5:
        x, y = 0.24 * np.cos(angle), 0.24 * np.sin(angle)
        parts.append(tube([(x, y, 0.01), (0, 0, 0.3)], 0.011, color))
    if chance(rng, 0.4):
        parts.append(box((0.3, 0.012, 0.24), white(rng), (0, 0.012, 0.015)).turned(0.4, "x").moved(0, 0.03, h - 0.12))
    return join(*parts)


@recipe("ball", 40, rooms={BEDROOM: 2, LIVING: 2, OFFICE: 0.7}, where="free", most=2)
def ball(rng: Rng) -> Mesh:
    """A ball from a hand's to a gymnast's size, some with a stripe."""
    d = rng.uniform(0.55, 0.7) if chance(rng, 0.35) else rng.uniform(0.1, 0.26)
    color = any_of(colorful, colorful, muted, white, wood)(rng)
    sphere = superellipsoid((d, d, d), color, flat=1)
    if chance(rng, 0.5):
        return sphere
    return join(
        sphere, lathe([(0.485 * d, 0), (0.505 * d, 0.05 * d), (0.485 * d, 0.1 * d)], colorful(rng), (0, 0, 0.45 * d))
    )


@recipe("dumbbell", 40, rooms={BEDROOM: 2, LIVING: 1.5}, where="free", most=4)
def dumbbell(rng: Rng) -> Mesh:
    """Two weights on a grip: round, hexagonal or in plates."""
    r, long = sizes(rng, (0.04, 0.085), (0.22, 0.36))
    color, grip, points = any_of(dark, dark, colorful, metal)(rng), metal(rng), 6 if chance(rng, 0.5) else 16
    parts = [tube([(-long / 2, 0, 0), (long / 2, 0, 0)], 0.016, grip)]
    for side in (-1, 1):
        head = lathe([(0.85 * r, 0), (r, 0.01), (r, 0.07), (0.85 * r, 0.08)], color, (0, 0, -0.04), points)
        parts.append(head.turned(np.pi / 2, "y").moved(side * (long / 2 - 0.04)))
    return join(*parts)


@recipe("bicycle", 40, rooms={CORRIDOR: 2, LIVING: 0.7, OFFICE: 0.7, BEDROOM: 0.5}, where="wall", most=2)
def bicycle(rng: Rng) -> Mesh:
    """Two spoked wheels, a diamond frame, a saddle, handlebars and pedals."""
    r, base, frame, tire = (
        rng.uniform(0.29, 0.35),
        rng.uniform(0.95, 1.08),
        any_of(colorful, dark, metal, white)(rng),
        dark(rng),
    )
    angle = np.linspace(0, 1.97 * np.pi, 25)
    rim = tube(np.stack([r * np.cos(angle), 0 * angle, r * np.sin(angle)], 1), 0.02, tire)
    spokes = [tube([(0, 0, 0), (r * np.cos(a), 0, r * np.sin(a))], 0.004, metal(rng), 4) for a in angle[::2]]
    wheel, hub, head = join(rim, *spokes), (base / 2, 0.0, r), (0.36 * base, 0.0, 0.78)
    seat, crank = (-0.2 * base, 0.0, 0.85), (-0.08 * base, 0.0, 0.28)
    rear = (-base / 2, 0.0, r)
    pairs = ((rear, crank), (rear, seat), (crank, seat), (crank, head), (seat, head), (head, hub))
    bars = [tube(pair, 0.018, frame) for pair in pairs]
    bars.append(tube([head, (0.34 * base, 0, 0.98)], 0.014, metal(rng)))
    bars.append(
        tube(
            [(0.3 * base, -0.28, 1.0), (0.34 * base, -0.1, 0.98), (0.34 * base, 0.1, 0.98), (0.3 * base, 0.28, 1.0)],
            0.014,
            tire,
        )
    )
    bars.append(tube([(-0.08 * base, -0.14, 0.4), (-0.08 * base, 0.14, 0.16)], 0.014, metal(rng)))
    saddle = superellipsoid((0.27, 0.15, 0.07), tire, (-0.21 * base, 0, 0.87), flat=0.8)
    return join(wheel.moved(-base / 2, 0, r + 0.02), wheel.moved(base / 2, 0, r + 0.02), *bars, saddle)
