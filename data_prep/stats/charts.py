"""How frequent the classes are, as bars: on a linear scale, as it is, and on a logarithmic one, to see the rare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

WIDTH, LEFT, TOP, PANEL, GAP, NAMES = 1000, 52, 18, 150, 30, 110
"""Pixels: of the chart, of the numbers at its left, above, of a panel, between the panels, of the names below."""

NAMED = 100
"""More classes than this have no room for names; the pointer shows them."""


def frequency_bars(counts: NDArray[np.int64], names: Sequence[str], groups: Sequence[str]) -> str:
    """Return an svg: a bar for each class that occurs, the most frequent first, linear above and logarithmic below.

    Args:
        counts: (K,) points of each class.
        names: of the K classes.
        groups: "head", "common" or "tail" of each, which color the bars.
    """
    order = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k] > 0]
    named = len(order) <= NAMED
    step = (WIDTH - LEFT - 4) / max(len(order), 1)
    most = int(counts.max(initial=1))
    decades = max(math.ceil(math.log10(max(most, 2))), 1)
    bases = (TOP + PANEL, TOP + 2 * PANEL + GAP)
    parts = [
        f'<text x="{LEFT}" y="{TOP - 7}">points, linear</text>',
        f'<text x="{LEFT}" y="{bases[0] + GAP - 9}">points, logarithmic: each line is ten times the one below</text>',
    ]
    for value in range(0, most + 1, _step(most)):
        parts += _line(bases[0] - PANEL * value / most, _short(value))
    for power in range(decades + 1):
        parts += _line(bases[1] - PANEL * power / decades, _short(10**power) if power % 2 == 0 or decades < 5 else "")
    for rank, k in enumerate(order):
        x, count = LEFT + step * rank, int(counts[k])
        heights = (PANEL * count / most, PANEL * math.log10(count) / decades)
        bars = "".join(
            f'<rect x="{x + 0.1 * step:.1f}" y="{base - max(height, 0.6):.1f}" width="{0.8 * step:.1f}" '
            f'height="{max(height, 0.6):.1f}"/>'
            for base, height in zip(bases, heights)
        )
        parts.append(f'<g class="{groups[k]}"><title>{escape(names[k])}: {count:,} points</title>{bars}</g>')
        if named:
            at = x + step / 2 + 3
            parts.append(
                f'<text x="{at:.1f}" y="{bases[1] + 10}" text-anchor="end" '
                f'transform="rotate(-55 {at:.1f} {bases[1] + 10})">{escape(names[k])}</text>'
            )
    height = bases[1] + (NAMES if named else 10)
    return (
        f'<svg class="bars" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="points of each class, linear and logarithmic">{"".join(parts)}</svg>'
    )


def _step(most: int) -> int:
    """Return a round number (1, 2 or 5 times a power of ten) of which two to five fit into ``most``."""
    power = 10 ** int(math.log10(max(most, 1)))
    return next(max(part * power // 10, 1) for part in (2, 5, 10, 20) if part * power * 5 >= most * 10)


def _line(y: float, label: str) -> list[str]:
    return [
        f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH}"/>',
        f'<text x="{LEFT - 6}" y="{y + 3:.1f}" text-anchor="end">{label}</text>',
    ]


def _short(value: float) -> str:
    """Return a number of points for an axis: 1500 as 1.5k."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"
