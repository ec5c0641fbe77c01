"""Curves of a training as charts: those of one kind in one panel, under titles that a reader knows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting.curves import color_of, label_of, panel_of
from pointnc.reporting.plots import short, svg_element, ticks

History = Mapping[str, Sequence[tuple[float, float]]]

MOST_POINTS = 300
"""A longer curve is drawn as the means of this many stretches."""

SAME = 0.025
"""Curves that are nowhere farther apart than this share of the panel's height would hide one another."""


@dataclass(frozen=True)
class Panel:
    """A chart of curves.

    Attributes:
        title: in words.
        svg: the chart.
        keys: of each curve its label and its classes in the style sheet.
    """

    title: str
    svg: str
    keys: list[tuple[str, str]]


def curve_figures(history: History) -> str:
    """Return a figure for each panel, with one legend where it has several curves."""
    figures = []
    for panel in curve_panels(history):
        keys = "".join(
            f'<li><svg class="line" viewBox="0 0 22 4"><g class="series {style}"><path d="M0 2H22"/></g></svg>'
            f"{escape(label)}</li>"
            for label, style in panel.keys
        )
        several = len(panel.keys) > 1 or any(": " in name for name in history)
        legend = f'<ul class="legend">{keys}</ul>' if several else ""
        figures.append(f'<figure><p class="title">{escape(panel.title)}</p>{panel.svg}{legend}</figure>')
    return "".join(figures)


def curve_panels(history: History) -> list[Panel]:
    """Return the panels; losses first, scores next, then in the order of ``history``.

    Args:
        history: name to (step, value) pairs; values that are not finite are left out.
    """
    panels: dict[str, dict[str, NDArray[np.float64]]] = {}
    for name, pairs in history.items():
        points = np.array([pair for pair in pairs if all(map(math.isfinite, pair))], float).reshape(-1, 2)
        if len(points):
            panels.setdefault(panel_of(name), {})[name] = _thinned(points[np.argsort(points[:, 0], kind="stable")])
    first = ("Loss", "Validation mIoU (%)", "Validation accuracy (%)")
    titles = sorted(panels, key=lambda title: first.index(title) if title in first else len(first))
    steps = [points[end, 0] for curves in panels.values() for points in curves.values() for end in (0, -1)]
    return [_panel(title, panels[title], min(steps), max(steps)) for title in titles]


def _thinned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(points) <= MOST_POINTS:
        return points
    return np.array([part.mean(0) for part in np.array_split(points, MOST_POINTS)])


def _panel(title: str, curves: dict[str, NDArray[np.float64]], x0: float, x1: float) -> Panel:
    width, height, left, right, top, bottom = 340, 216, 42, 12, 10, 30
    values = np.concatenate([points[:, 1] for points in curves.values()])
    y0, y1 = min(float(values.min()), 0.0), float(values.max())  # heights compare only from zero
    x1, y1 = (x1 if x1 > x0 else x0 + 1), (y1 if y1 > y0 else y0 + 1)
    y1 += 0.04 * (y1 - y0)

    def at_x(x: float) -> float:
        return left + (x - x0) / (x1 - x0) * (width - left - right)

    def at_y(y: float) -> float:
        return height - bottom - (y - y0) / (y1 - y0) * (height - top - bottom)

    parts = []
    for y in ticks(y0, y1):
        parts.append(f'<path class="grid" d="M{left} {at_y(y):.1f}H{width - right}"/>')
        parts.append(f'<text x="{left - 6}" y="{at_y(y) + 3.5:.1f}" class="end">{short(y)}</text>')
    parts += [
        f'<text x="{at_x(x):.1f}" y="{height - bottom + 15}" class="mid">{short(x)}</text>' for x in ticks(x0, x1)
    ]
    parts.append(f'<text x="{width - right}" y="{height - 2}" class="end faint">step</text>')
    keys: list[tuple[str, str]] = []
    drawn: list[NDArray[np.float64]] = []
    for number, (name, points) in enumerate(curves.items()):
        hides = any(_same(points, other, SAME * (y1 - y0)) for other in drawn)
        label, style = label_of(name), color_of(name, number) + (" over" if hides else "")
        last = f"{escape(label)}: {points[-1, 1]:.4g} at step {points[-1, 0]:.0f}"
        line = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in points)
        parts.append(f'<g class="series {style}"><title>{last}</title><polyline points="{line}"/>')
        parts.append(f'<circle cx="{at_x(points[-1, 0]):.1f}" cy="{at_y(points[-1, 1]):.1f}" r="2.8"/></g>')
        keys.append((label, style))
        drawn.append(points)
    return Panel(title, svg_element(width, height, f"{title} over training steps", parts), keys)


def _same(first: NDArray[np.float64], second: NDArray[np.float64], slack: float) -> bool:
    """Whether a curve, drawn over another one, would leave nothing of it to be seen."""
    return first.shape == second.shape and bool(
        np.array_equal(first[:, 0], second[:, 0]) and (np.abs(first[:, 1] - second[:, 1]) <= slack).all()
    )
