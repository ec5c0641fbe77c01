"""Beds and what lies on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.recipes.palette import any_of, colorful, dark, fabric, furniture, metal, muted, white, wood
from data_prep.rooms.recipes.parts import chance, hang, legs, ripple, sizes, top_of
from data_prep.rooms.recipes.registry import BEDROOM, CORRIDOR, LIVING, OFFICE, Model, recipe
from data_prep.rooms.shapes import Mesh, box, join, rounded_box, sheet, superellipsoid, tube

Rng = np.random.Generator

HEADBOARD = 0.42
"""Meters by which every headboard rises above the mattress: a blanket is cut from the bed's extent alone."""

LOWEST_HEADBOARD = 0.78
"""A bed at least this high has a headboard: no mattress lies so high."""

linen = any_of(white, white, muted, colorful, fabric)


@recipe("bed", 4, rooms={BEDROOM: 20}, most=2, free=0.3)
def bed(rng: Rng) -> Model:
    """A mattress on a frame with legs or on a divan, mostly with a headboard at the wall."""
    w, length, low, thick = sizes(rng, (0.9, 1.9), (1.92, 2.1), (0.22, 0.34), (0.16, 0.28))
    color, top = any_of(wood, wood, furniture, fabric, metal)(rng), low + thick
    # The frame reaches 3 cm into the mattress, as if that lay in it.
    parts = [rounded_box((w, length, thick), linen(rng), (0, length / 2 + 0.06, low), 0.06)]
    if chance(rng, 0.4):
        parts.append(box((w - 0.03, length - 0.03, low - 0.04), color, (0, length / 2 + 0.06, 0.04)))
        parts.append(box((w - 0.1, length - 0.1, 0.05), dark(rng), (0, length / 2 + 0.06, 0)))
    else:
        rim = rng.uniform(0.1, 0.18)
        parts.append(box((w - 0.01, length, rim), color, (0, length / 2 + 0.06, low + 0.03 - rim)))
        parts += [leg.moved(0, 0.06) for leg in legs(w - 0.02, length, low, color, rng.uniform(0.04, 0.08))]
    if chance(rng, 0.75):
        h, style = top + HEADBOARD, rng.integers(3)
        if style == 0:
            parts.append(box((w, 0.04, h), color, (0, 0.03, 0)))
        elif style == 1:
            parts.append(rounded_box((w, 0.1, h - 0.1), fabric(rng), (0, 0.05, 0.1), 0.04))
            parts += [box((0.05, 0.05, 0.12), color, (side * (w / 2 - 0.1), 0.05, 0)) for side in (-1, 1)]
        else:
            parts += [
                tube([(x, 0.03, 0), (x, 0.03, h)], 0.02, color, 6) for x in np.linspace(-w / 2 + 0.02, w / 2 - 0.02, 8)
            ]
            parts.append(box((w, 0.045, 0.05), color, (0, 0.03, h - 0.05)))
    return Model(join(*parts), (top_of(w - 0.14, length - 0.12, top, 0.12),))


@recipe("mattress", 4, rooms={BEDROOM: 1}, most=1)
def mattress(rng: Rng) -> Model:
    """A bare mattress on the floor, or one leaning on the wall."""
    w, length, thick = sizes(rng, (0.85, 1.6), (1.85, 2.05), (0.12, 0.3))
    color = any_of(white, white, muted)(rng)
    if chance(rng, 0.3):
        return Model(rounded_box((length, thick, w), color, (0, 0, 0), 0.05).turned(rng.uniform(0.08, 0.2), "x"))
    lying = rounded_box((w, length, thick), color, (0, length / 2, 0), 0.05)
    return Model(lying, (top_of(w - 0.12, length - 0.12, thick, 0.06),))


@recipe("pillow", 18, rooms={BEDROOM: 14, LIVING: 2}, on=("bed", "couch", "mattress"), where="back", most=6)
def pillow(rng: Rng) -> Mesh:
    """A soft oblong, lying or propped up."""
    w, d, h = sizes(rng, (0.5, 0.78), (0.35, 0.5), (0.1, 0.18))
    soft = superellipsoid((w, d, h), linen(rng), flat=rng.uniform(0.3, 0.5), profile=rng.uniform(0.9, 1.1))
    return soft.turned(rng.uniform(0.6, 1.2), "x") if chance(rng, 0.3) else soft


@recipe(
    "cushion", 18, rooms={LIVING: 8, BEDROOM: 2, OFFICE: 0.7, CORRIDOR: 0.5},
    on=("couch", "sofa chair", "armchair", "bench", "chair", "bed"), where="back", most=5,
)  # fmt: skip
def cushion(rng: Rng) -> Mesh:
    """A soft square, mostly leaning backwards; some are flat seat pads."""
    w, h = sizes(rng, (0.32, 0.48), (0.08, 0.16))
    color = any_of(fabric, colorful)(rng)
    if chance(rng, 0.25):
        return rounded_box((w, w, 0.06), color, radius=0.025)
    soft = superellipsoid((w, w, h), color, flat=rng.uniform(0.35, 0.55), profile=1.0)
    return soft.turned(rng.uniform(0.8, 1.3), "x") if chance(rng, 0.7) else soft


@recipe("blanket", 40, rooms={BEDROOM: 8}, fits=("bed",), most=2)
def blanket(rng: Rng, bed: NDArray[np.float64]) -> Mesh:
    """Cloth over the foot of a bed that hangs down at its sides, or a folded strip across it."""
    w, length, h = (float(value) for value in bed)
    top = h - HEADBOARD if h > LOWEST_HEADBOARD else h
    color, over = linen(rng), w + 0.04
    if chance(rng, 0.25):
        deep = rng.uniform(0.35, 0.6)
        cloth = sheet((0.9 * w, deep), color, ripple(rng, 8, 12, 0.06, 0.02), 0.0)
        return cloth.moved(0, length - deep / 2 - rng.uniform(0.1, 0.4), top - 0.004)
    deep, drop = length * rng.uniform(0.45, 0.75), rng.uniform(0.12, top - 0.12)
    parts = [
        sheet((over, deep), color, ripple(rng, 16, 16, 0.045, 0.03), 0.0).moved(0, length - deep / 2 + 0.01, top - 0.01)
    ]
    for side in (-1, 1):
        fall = hang(sheet((deep, drop), color, ripple(rng, 6, 24, 0.025, 0.015), 0.0)).turned(-side * np.pi / 2)
        parts.append(fall.moved(side * (w / 2 + 0.001), length - deep / 2 + 0.01, top + 0.02 - drop / 2))
    end = hang(sheet((over, 0.8 * drop), color, ripple(rng, 6, 24, 0.025, 0.015), 0.0))
    return join(*parts, end.moved(0, length + 0.001, top + 0.02 - 0.4 * drop))
