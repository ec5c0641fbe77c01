"""The figures of the analysis page, as inline svg in the manner of :mod:`pointnc.reporting.plots`.

Shapes: S classes shown, K classes of the label set.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting.pictures import png_bytes
from pointnc.reporting.plots import DIVERGING, data_uri, short, svg_element, ticks
from pointnc.scenes.taxonomy import Taxonomy

CONTACT = np.array([[246, 246, 244], [205, 218, 200], [134, 176, 148], [62, 122, 106], [18, 66, 70]], float)
"""RGB from no contact to the most."""

NAMED = 110
"""So many classes have room for their names along a matrix of the page's width."""


def shades(values: NDArray[Any], low: float, high: float, colors: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the (..., 3) RGB of values between ``low`` and ``high``; gray where they are NaN."""
    where = np.clip((np.nan_to_num(np.asarray(values, float)) - low) / (high - low), 0, 1)
    stops = np.linspace(0, 1, len(colors))
    rgb = np.stack([np.interp(where, stops, colors[:, channel]) for channel in range(3)], axis=-1)
    rgb[np.isnan(values)] = 190
    return rgb.round().astype(np.uint8)


def square(rgb: NDArray[np.uint8], classes: NDArray[Any], taxonomy: Taxonomy, label: str, large: bool = False) -> str:
    """Return a matrix of classes with their groups along two sides and, if it is ``large``, their names.

    Args:
        rgb: (S, S, 3) uint8, in the order of ``classes``.
        classes: (S,) the class of each row and column.
        taxonomy: names and groups.
        label: what the figure shows, for those who cannot see it.
        large: for the width of the page instead of half of it.
    """
    named = large and len(classes) <= NAMED
    size, edge = (800, 168 if named else 16) if large else (400, 16)
    cell = size / max(len(classes), 1)
    scale = max(1, math.ceil((1200 if large else 600) / max(len(classes), 1)))  # enlarged here: browsers would blur it
    picture = np.repeat(np.repeat(rgb, scale, 0), scale, 1)
    parts = [
        f'<image x="{edge}" y="{edge}" width="{size}" height="{size}" preserveAspectRatio="none" '
        f'href="{data_uri(png_bytes(picture))}"/>'
    ]
    for position, k in enumerate(classes):
        at, name, group = edge + position * cell, escape(taxonomy.names[k]), taxonomy.groups[k] or "all"
        parts.append(
            f'<g class="{group}"><title>{name} ({group})</title>'
            f'<rect x="{edge - 10}" y="{at:.2f}" width="7" height="{cell:.2f}"/>'
            f'<rect x="{at:.2f}" y="{edge - 10}" width="{cell:.2f}" height="7"/></g>'
        )
        if named:
            middle, font = at + cell / 2 + min(cell, 10) / 3, min(10.0, 0.92 * cell)
            style = f'class="end" style="font-size:{font:.1f}px"'
            parts.append(f'<text x="{edge - 14}" y="{middle:.1f}" {style}>{name}</text>')
            parts.append(
                f'<text x="{middle:.1f}" y="{edge - 14}" style="font-size:{font:.1f}px" '
                f'transform="rotate(-90 {middle:.1f} {edge - 14})">{name}</text>'
            )
    return svg_element(edge + size + 2, edge + size + 2, label, parts)


def cosine_picture(cosine: NDArray[Any], limit: float) -> NDArray[np.uint8]:
    """Return (S, S, 3) RGB of cosines, blue to red, saturated at plus and minus ``limit``."""
    return shades(cosine, -limit, limit, DIVERGING)


def halves_picture(contact: NDArray[Any], cosine: NDArray[Any], limit: float) -> NDArray[np.uint8]:
    """Return (S, S, 3) RGB: contact in space below the diagonal, cosines above it."""
    # Most contacts are weak: the root and the cut at the strongest twentieth let them be seen.
    root = np.sqrt(contact)
    strong = float(np.percentile(root[root > 0], 95)) if (root > 0).any() else 1.0
    rgb = shades(root, 0, strong, CONTACT)
    upper = np.triu_indices(len(cosine), 1)
    rgb[upper] = cosine_picture(cosine, limit)[upper]
    rgb[np.diag_indices(len(cosine))] = (120, 124, 130)
    return rgb


@dataclass(frozen=True)
class Bin:
    """Cosines of the pairs in one class of contact: quartiles, and how many they are."""

    name: str
    low: float
    middle: float
    high: float
    pairs: int


def contact_bins(series: Sequence[tuple[str, Sequence[Bin]]], ideal: float) -> str:
    """Return the chart of cosines by contact: a dot at the median, a line from the lower to the upper quartile.

    Args:
        series: (label, bins) of each network; all have bins of the same names.
        ideal: the cosine of the simplex.
    """
    width, height, left, right, top, bottom = 640, 300, 46, 12, 14, 44
    values = [value for _, bins in series for entry in bins for value in (entry.low, entry.high)] + [ideal, 0.0]
    y0, y1 = min(values) - 0.05, max(values) + 0.05
    names = [entry.name for entry in series[0][1]]
    step = (width - left - right) / max(len(names), 1)

    def at(y: float) -> float:
        return height - bottom - (y - y0) / (y1 - y0) * (height - top - bottom)

    parts = []
    for y in ticks(y0, y1, 5):
        parts.append(f'<path class="grid" d="M{left} {at(y):.1f}H{width - right}"/>')
        parts.append(f'<text x="{left - 6}" y="{at(y) + 3.5:.1f}" class="end">{short(round(y, 9))}</text>')
    parts.append(
        f'<g class="series s5"><title>cosine of the simplex: {ideal:.4f}</title>'
        f'<path d="M{left} {at(ideal):.1f}H{width - right}" stroke-dasharray="4 4"/></g>'
    )
    for position, name in enumerate(names):
        x = left + (position + 0.5) * step
        parts.append(f'<text x="{x:.1f}" y="{height - bottom + 16}" class="mid">{escape(name)}</text>')
    axis = "contact of the two classes in the scenes →"
    parts.append(f'<text x="{width - right}" y="{height - 6}" class="end faint">{axis}</text>')
    for number, (label, bins) in enumerate(series):
        for position, entry in enumerate(bins):
            x = left + (position + 0.5) * step + (number - (len(series) - 1) / 2) * 16
            said = f"{escape(label)}, {escape(entry.name)}: median {entry.middle:.3f} of {entry.pairs} pairs"
            parts.append(
                f'<g class="series s{number % 6}"><title>{said}</title>'
                f'<path d="M{x:.1f} {at(entry.low):.1f}V{at(entry.high):.1f}" stroke-width="2"/>'
                f'<circle cx="{x:.1f}" cy="{at(entry.middle):.1f}" r="4.5"/></g>'
            )
    return svg_element(width, height, "Cosine of class centers by contact of the classes", parts)
