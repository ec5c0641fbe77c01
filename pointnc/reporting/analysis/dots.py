"""Charts with a dot for each class over its training points, as inline svg.

Shapes: K classes of the label set.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting.plots import short, svg_element
from pointnc.scenes.taxonomy import Taxonomy


@dataclass(frozen=True)
class Dots:
    """A value of each class for one network.

    Attributes:
        label: the network.
        values: (K,), NaN where there is none.
        line: a straight line through them: its value at one training point, and what ten times as many add.
    """

    label: str
    values: NDArray[np.float64]
    line: tuple[float, float] | None = None


@dataclass(frozen=True)
class Axis:
    """The upright axis of a chart.

    Attributes:
        title: what it shows.
        low: its lower end.
        high: its upper end.
        marks: values with a line and a number.
        said: what is said of a dot, a format of its value.
        logarithmic: whether equal steps mean equal factors; then all values are above 0.
        level: a value that is set off by a dashed line.
    """

    title: str
    low: float
    high: float
    marks: Sequence[float]
    said: str
    logarithmic: bool = False
    level: float | None = None

    def place(self, value: float) -> float:
        """Return where a value lies, 0 at the lower end and 1 at the upper one, cut there."""
        low, high, at = (math.log(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return min(max((at - low) / (high - low), 0.0), 1.0)


PERCENT = Axis("IoU (%)", 0, 100, range(0, 101, 25), "{:.1f} %")


def factors(title: str, said: str, values: Sequence[NDArray[np.float64]]) -> Axis:
    """Return a logarithmic axis in powers of ten that holds all values above 0, and 1, which is set off."""
    known = np.concatenate([value[np.isfinite(value) & (value > 0)] for value in values] or [np.ones(1)])
    low = math.floor(math.log10(min(known.min(initial=1), 0.5)))
    high = math.ceil(math.log10(max(known.max(initial=1), 2)))
    return Axis(title, 10.0**low, 10.0**high, [10.0**power for power in range(low, high + 1)], said, True, 1.0)


def class_dots(
    series: Sequence[Dots], histogram: NDArray[Any], taxonomy: Taxonomy, axis: Axis, width: int = 1000
) -> str:
    """Return the chart of a value against training points (log scale), a dot a class.

    Args:
        series: a single one is colored by group, several by network.
        histogram: (K,) training points; classes without any are left out.
        taxonomy: names and groups.
        axis: of the value.
        width: of the picture; its letters have the size of the page's where it is drawn so wide.
    """
    height, left, right, top, bottom = 380, 46, 14, 18, 42
    counts = np.asarray(histogram, float)
    trained = counts[counts > 0]
    x0, x1 = (math.log10(trained.min()) - 0.1, math.log10(trained.max()) + 0.1) if len(trained) else (0.0, 1.0)

    def at_x(x: float) -> float:
        return left + (x - x0) / (x1 - x0) * (width - left - right)

    def at_y(y: float) -> float:
        return height - bottom - axis.place(y) * (height - top - bottom)

    parts = []
    for mark in axis.marks:
        parts.append(f'<path class="grid" d="M{left} {at_y(mark):.1f}H{width - right}"/>')
        parts.append(f'<text x="{left - 6}" y="{at_y(mark) + 3.5:.1f}" class="end">{short(mark)}</text>')
    for power in range(math.ceil(x0), math.floor(x1) + 1):
        text = short(10.0**power)
        parts.append(f'<text x="{at_x(power):.1f}" y="{height - bottom + 16}" class="mid">{text}</text>')
    if axis.level is not None:
        level = f'<path d="M{left} {at_y(axis.level):.1f}H{width - right}" stroke-dasharray="4 4"/>'
        parts.append(f'<g class="series s5">{level}</g>')
    parts.append(f'<text x="{left}" y="{top - 7}" class="faint">{escape(axis.title)}</text>')
    parts.append(f'<text x="{width - right}" y="{height - 6}" class="end faint">training points →</text>')
    for number, dots in enumerate(series):
        shown = (counts > 0) & np.isfinite(dots.values) & ((dots.values > 0) | (not axis.logarithmic))
        for k in np.flatnonzero(shown):
            kind = f"series s{number % 6}" if len(series) > 1 else (taxonomy.groups[k] or "all")
            value = axis.said.format(dots.values[k])
            said = f"{escape(taxonomy.names[k])}: {value}, {int(counts[k]):,} points, {escape(dots.label)}"
            parts.append(
                f'<g class="{kind}"><title>{said}</title><circle cx="{at_x(math.log10(counts[k])):.1f}" '
                f'cy="{at_y(dots.values[k]):.1f}" r="4" fill-opacity="0.62" stroke="none"/></g>'
            )
        if dots.line is not None:
            parts.append(_line(dots, number if len(series) > 1 else 5, (x0, x1), axis, at_x, at_y))
    return svg_element(width, height, f"{axis.title} against training points", parts)


def _line(
    dots: Dots,
    color: int,
    ends: tuple[float, float],
    axis: Axis,
    at_x: Callable[[float], float],
    at_y: Callable[[float], float],
) -> str:
    """Return the trend line, cut where it leaves the axis."""
    assert dots.line is not None
    intercept, slope = dots.line
    first, last = ends
    if slope:
        inside = sorted((limit - intercept) / slope for limit in (axis.low, axis.high))
        first, last = max(first, inside[0]), min(last, inside[1])
    if first >= last:
        return ""
    points = " ".join(f"{at_x(x):.1f},{at_y(intercept + slope * x):.1f}" for x in (first, last))
    return (
        f'<g class="series s{color % 6}"><title>{escape(dots.label)}: {slope:+.1f} points of IoU for ten times the '
        f'training points</title><polyline points="{points}"/></g>'
    )
