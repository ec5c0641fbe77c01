"""Colors by material: plausible, wide and overlapping, so that color alone does not give a class away."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import numpy as np

from data_prep.rooms.shapes import Color

Rng = np.random.Generator
Paint = Callable[[Rng], Color]


def _hsv(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return (255 * red, 255 * green, 255 * blue)


def wood(rng: Rng) -> Color:
    """Return a wood: from birch over oak to dark walnut."""
    return _hsv(rng.normal(0.08, 0.015), rng.uniform(0.25, 0.65), rng.uniform(0.25, 0.85))


def white(rng: Rng) -> Color:
    """Return a white, cream or light gray."""
    return _hsv(rng.uniform(0.08, 0.16), rng.uniform(0, 0.12), rng.uniform(0.75, 0.97))


def dark(rng: Rng) -> Color:
    """Return a black or dark gray."""
    return _hsv(rng.random(), rng.uniform(0, 0.15), rng.uniform(0.06, 0.25))


def metal(rng: Rng) -> Color:
    """Return a gray: steel, aluminum, gray lacquer."""
    return _hsv(rng.uniform(0.5, 0.65), rng.uniform(0, 0.08), rng.uniform(0.35, 0.8))


def colorful(rng: Rng) -> Color:
    """Return a saturated color of any hue."""
    return _hsv(rng.random(), rng.uniform(0.4, 0.9), rng.uniform(0.3, 0.9))


def muted(rng: Rng) -> Color:
    """Return an unsaturated color of any hue."""
    return _hsv(rng.random(), rng.uniform(0.05, 0.45), rng.uniform(0.25, 0.85))


def cardboard(rng: Rng) -> Color:
    """Return a cardboard brown."""
    return _hsv(rng.normal(0.085, 0.01), rng.uniform(0.3, 0.5), rng.uniform(0.55, 0.8))


def leaf(rng: Rng) -> Color:
    """Return a leaf green."""
    return _hsv(rng.normal(0.28, 0.04), rng.uniform(0.35, 0.8), rng.uniform(0.2, 0.6))


def any_of(*paints: Paint) -> Paint:
    """Return a paint that is one of ``paints``, each as likely."""

    def mixed(rng: Rng) -> Color:
        return paints[int(rng.integers(len(paints)))](rng)

    return mixed


furniture = any_of(wood, wood, wood, white, dark, muted)
fabric = any_of(muted, muted, muted, dark, white, colorful)
plastic = any_of(dark, white, muted, colorful, metal)
appliance = any_of(white, white, metal, dark)
ceramic = any_of(white, white, white, white, muted)
