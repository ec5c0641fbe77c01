"""Charts as inline svg: they take their colors from the page's style sheet, so they follow light and dark mode.

Every mark carries a ``<title>``, which a browser shows when the pointer rests on it; no script is needed.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting.pictures import png_bytes
from pointnc.scenes.taxonomy import GROUPS, Taxonomy


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Return about ``count`` round numbers (1, 2 or 5 times a power of ten apart) between ``low`` and ``high``."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def short(value: float) -> str:
    """Return a number for an axis: 12000 as 12k, 0.0003 as 3e-4."""
    if value == 0:
        return "0"
    size = abs(value)
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= limit:
            return f"{value / limit:.3g}{letter}"
    if size < 1e-3:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return f"{value:.3g}"


def class_bars(iou: Sequence[float | None], histogram: NDArray[Any], taxonomy: Taxonomy) -> str:
    """Return the chart of IoU by class, the most frequent class first, under the classes' frequency (log scale).

    Args:
        iou: (K,) percent, None where a class is not scored; a class neither trained nor scored is left out.
        histogram: (K,) training points.
        taxonomy: names and groups.
    """
    shown = [int(k) for k in by_frequency(histogram) if histogram[k] > 0 or iou[k] is not None]
    named = len(shown) <= 80
    width, left, right, top, upper, between, lower = 1000, 46, 8, 14, 90, 22, 190
    height = top + upper + between + lower + (104 if named else 26)
    base, floor = top + upper, top + upper + between + lower
    step = (width - left - right) / max(len(shown), 1)
    decades = max(math.ceil(math.log10(max(int(np.max(histogram, initial=1)), 10))), 1)
    parts = []
    for power in range(0, decades + 1, 2 if decades > 4 else 1):
        y = base - upper * power / decades
        parts.append(f'<path class="grid" d="M{left} {y:.1f}H{width - right}"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 3.5:.1f}" class="end">{short(10.0**power)}</text>')
    for percent in range(0, 101, 25):
        y = floor - lower * percent / 100
        parts.append(f'<path class="grid" d="M{left} {y:.1f}H{width - right}"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 3.5:.1f}" class="end">{percent}</text>')
    parts.append(f'<text x="{left}" y="{top - 4}" class="faint">training points</text>')
    parts.append(f'<text x="{left}" y="{base + between - 5}" class="faint">IoU (%)</text>')
    for rank, k in enumerate(shown):
        x, count, value = left + step * rank, int(histogram[k]), iou[k]
        group, gap = taxonomy.groups[k] or "all", min(0.18 * step, 2)
        frequency = upper * math.log10(max(count, 1)) / decades
        bar = lower * (value or 0) / 100
        said = "not scored" if value is None else f"IoU {value:.1f} %"
        parts.append(f'<g class="{group}"><title>{escape(taxonomy.names[k])}: {said}, {count:,} points</title>')
        parts.append(
            f'<rect class="pale" x="{x + gap:.1f}" y="{base - frequency:.1f}" '
            f'width="{step - 2 * gap:.1f}" height="{frequency:.1f}"/>'
        )
        parts.append(
            f'<circle cx="{x + step / 2:.1f}" cy="{floor - 3}" r="1.5"/>'
            if value is None
            else f'<rect x="{x + gap:.1f}" y="{floor - bar:.1f}" '
            f'width="{step - 2 * gap:.1f}" height="{max(bar, 0.8):.1f}"/>'
        )
        parts.append("</g>")
        if named:
            u, v = x + step / 2 + 3, floor + 11
            parts.append(
                f'<text x="{u:.1f}" y="{v}" class="end name" transform="rotate(-52 {u:.1f} {v})">'
                f"{escape(taxonomy.names[k])}</text>"
            )
    if not named:
        parts.append(f'<text x="{width - right}" y="{floor + 18}" class="end faint">rarer classes →</text>')
    return svg_element(width, height, "IoU by class, sorted by training frequency", parts)


def by_frequency(histogram: NDArray[Any]) -> NDArray[np.int64]:
    """Return the classes, the one with the most training points first; equal ones in their own order."""
    return np.argsort(-np.asarray(histogram, np.int64), kind="stable")


def cosine_gap(cosine: NDArray[Any], num_classes: int) -> float:
    """Return the mean over pairs of |cos + 1/(K-1)|, the max-angle measure of neural collapse (NC2).

    Args:
        cosine: (S, S) cosines between the centers of the classes seen, S >= 2.
        num_classes: K of the simplex.
    """
    pairs = ~np.eye(len(cosine), dtype=bool)
    return float(np.abs(np.asarray(cosine)[pairs] + 1 / (num_classes - 1)).mean())


def cosine_matrices(
    cosine: NDArray[Any], classes: NDArray[Any], histogram: NDArray[Any], taxonomy: Taxonomy
) -> tuple[str, str, float]:
    """Return the svg of the cosines, the svg of the ideal, and the end of their common color scale.

    Args:
        cosine: (S, S) cosines between class centers.
        classes: (S,) the class of each row.
        histogram: (K,) training points; within head, common and tail the most frequent class comes first.
        taxonomy: names and groups.
    """
    rank = {name: position for position, name in enumerate(GROUPS)}
    order = sorted(
        range(len(classes)),
        key=lambda row: (rank.get(taxonomy.groups[classes[row]], 3), -int(histogram[classes[row]]), classes[row]),
    )
    ordered = np.asarray(cosine, float)[np.ix_(order, order)]
    groups = [taxonomy.groups[classes[row]] for row in order]
    ideal = np.full(ordered.shape, -1 / (len(taxonomy) - 1))
    np.fill_diagonal(ideal, 1)
    pairs = np.abs(ordered[~np.eye(len(order), dtype=bool)])
    limit = float(np.clip(np.ceil(np.percentile(pairs, 98) * 10) / 10, 0.2, 1)) if len(pairs) else 1.0
    return _matrix(ordered, groups, limit, "measured"), _matrix(ideal, groups, limit, "ideal"), limit


DIVERGING = np.array([[33, 82, 148], [122, 172, 210], [246, 246, 244], [230, 150, 118], [158, 26, 42]], float)
"""RGB from the most negative cosine to the most positive."""


def _matrix(values: NDArray[np.float64], groups: list[str], limit: float, title: str) -> str:
    where = np.clip(values / limit, -1, 1)
    rgb = np.stack([np.interp(where, np.linspace(-1, 1, 5), DIVERGING[:, c]) for c in range(3)], axis=-1)
    scale = max(1, 480 // len(values))  # enlarged here, as browsers would blur it
    picture = np.repeat(np.repeat(rgb.astype(np.uint8), scale, 0), scale, 1)
    size, left, top = 360, 22, 22
    parts = [
        f'<image x="{left}" y="{top}" width="{size}" height="{size}" preserveAspectRatio="none" '
        f'href="{data_uri(png_bytes(picture))}"/>'
    ]
    cell = size / len(values)
    for group in dict.fromkeys(groups):
        first, last = groups.index(group) * cell, (groups.index(group) + groups.count(group)) * cell
        middle = (first + last) / 2
        if group:
            parts.append(f'<text x="{left + middle:.1f}" y="{top - 7}" class="mid">{group}</text>')
            parts.append(
                f'<text x="{left - 7}" y="{top + middle:.1f}" class="mid" '
                f'transform="rotate(-90 {left - 7} {top + middle:.1f})">{group}</text>'
            )
        if first > 0:
            parts.append(f'<path class="divide" d="M{left + first:.1f} {top}v{size}M{left} {top + first:.1f}h{size}"/>')
    return svg_element(left + size + 2, top + size + 2, f"Cosines between class centers, {title}", parts)


def data_uri(png: bytes) -> str:
    """Return a png file as the address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def svg_element(width: float, height: float, label: str, parts: list[str]) -> str:
    """Return an svg picture of ``parts``; ``label`` says in words what it shows."""
    inner = "".join(parts)
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">{inner}</svg>'
