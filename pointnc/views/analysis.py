"""The analysis page: geometry of the classes, contact in the scenes, confusion and frequency, of one or two networks.

Legend: K classes of the label set, S of them with points in the split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointnc import __version__
from pointnc.scenes.atomic import write_text
from pointnc.scenes.taxonomy import GROUPS, Taxonomy
from pointnc.views import page
from pointnc.views.analysis_figures import (
    Bin,
    Dots,
    contact_bins,
    cosine_picture,
    frequency_dots,
    halves_picture,
    square,
)
from pointnc.views.plots import COLLAPSE, History, curve_panels, short

STYLES = [Path(__file__).with_name(name) for name in ("report.css", "analysis.css")]


@dataclass(frozen=True)
class ClosePair:
    """Two classes whose centres are close.

    Attributes:
        first: the commoner class, an index into the taxonomy.
        second: the rarer one.
        cosine: of their centres.
        classifier_cosine: of their classifier vectors, None where there are none.
        contact: of the two in the scenes, 0 to 1.
        first_as_second: percent of the points of ``first`` that are labelled ``second``.
        second_as_first: the other way round.
        other_cosine: of their centres in the other network, None without one.
    """

    first: int
    second: int
    cosine: float
    classifier_cosine: float | None
    contact: float
    first_as_second: float
    second_as_first: float
    other_cosine: float | None = None


@dataclass(frozen=True)
class Network:
    """What was found for one network.

    Attributes:
        label: its name on the page.
        path: the file it was read from.
        scores: ``miou``, ``head``... in percent or None.
        iou: (K,) percent, NaN where there is none.
        measures: group ("all", "head"...) to measure to value; what is not defined is missing.
        history: curve to (step, value) pairs of its training.
        center_cosine: (S, S) cosines of the class centres.
        classifier_cosine: (S, S) cosines of the classifier vectors; None where the head has none.
        context: rank correlation of contact and cosine: ``correlation``, ``p_value``, ``pairs`` over all pairs, and
            ``touching_...`` over those that touch; ``confusion_correlation`` of cosine and mutual confusion. None
            where not defined.
        bins: cosines by contact.
        pairs: the closest pairs.
        trend: (intercept, slope, rank correlation) of IoU against log10 of the training points; None if not defined.
    """

    label: str
    path: str
    scores: Mapping[str, float | None]
    iou: NDArray[np.float64]
    measures: Mapping[str, Mapping[str, float]]
    history: History
    center_cosine: NDArray[np.float64]
    classifier_cosine: NDArray[np.float64] | None
    context: Mapping[str, float | None]
    bins: Sequence[Bin]
    pairs: Sequence[ClosePair]
    trend: tuple[float, float, float] | None


@dataclass(frozen=True)
class Analysis:
    """All that the page shows.

    Attributes:
        title: heading.
        summary: rows of the table at the top.
        taxonomy: the K classes.
        train_histogram: (K,) training points.
        classes: (S,) the classes with points in the split, the commonest in training first.
        by_contact: (S,) the positions in ``classes`` in an order in which classes that touch stand together.
        contact: (S, S) association of the classes in space, 0 to 1.
        networks: one or two.
        without_points: names of the classes that could not be measured.
    """

    title: str
    summary: Mapping[str, str]
    taxonomy: Taxonomy
    train_histogram: NDArray[np.int64]
    classes: NDArray[np.int64]
    by_contact: NDArray[np.int64]
    contact: NDArray[np.float64]
    networks: Sequence[Network]
    without_points: Sequence[str] = field(default_factory=tuple)


def write_analysis(path: str | Path, analysis: Analysis) -> None:
    """Write the page as one html file, whole or not at all."""
    write_text(path, render_analysis(analysis))


def render_analysis(analysis: Analysis) -> str:
    """Return the html of the page."""
    parts = [
        _head(analysis),
        _measures(analysis),
        _curves(analysis),
        _angles(analysis),
        _context(analysis),
        _pairs(analysis),
        _frequency(analysis),
        _left_out(analysis),
        f"<footer>Made by pointnc {__version__}.</footer>",
    ]
    style = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    return page.document(analysis.title, style, "\n".join(filter(None, parts)))


def _head(analysis: Analysis) -> str:
    sentences = []
    for network in analysis.networks:
        rho, p = network.context.get("correlation"), network.context.get("p_value")
        if rho is not None and p is not None:
            sentences.append(f"<b>{rho:+.2f}</b> for {escape(network.label)} (p = {_p(p)})")
    lede = ""
    if sentences:
        lede = (
            '<p class="lede">Do classes that lie next to one another in the scenes lie close in the features? Rank '
            f"correlation of contact and cosine: {'; '.join(sentences)}.</p>"
        )
    numbers = "".join(
        f"<div{' class=first' if name == 'miou' else ''}><dt>{escape(_of(label, network, analysis))}</dt>"
        f"<dd>{text}</dd></div>"
        for network in analysis.networks
        for name, label, text in _key_numbers(network)
    )
    return f'<header><h1>{escape(analysis.title)}</h1>{lede}<dl class="numbers">{numbers}</dl></header>' + page.section(
        "", page.table("What was measured", analysis.summary.items())
    )


def _key_numbers(network: Network) -> list[tuple[str, str, str]]:
    total = network.measures.get("all", {})
    numbers = [("miou", "mIoU", page.number(network.scores.get("miou")))]
    numbers += [
        (name, label, f"{total[name]:.2f}")
        for name, label in (("nc1", "NC1"), ("center_max_angle", "NC2 angles"), ("nc3", "NC3"), ("nc4", "NC4"))
        if name in total
    ]
    return numbers


def _of(text: str, network: Network, analysis: Analysis) -> str:
    return text if len(analysis.networks) == 1 else f"{text}, {network.label}"


def _measures(analysis: Analysis) -> str:
    groups = [name for name in ("all", *GROUPS) if any(name in n.measures for n in analysis.networks)]
    head = "".join(
        f'<th scope="col" class="n">{escape(name if len(analysis.networks) == 1 else f"{name}, {network.label}")}</th>'
        for name in groups
        for network in analysis.networks
    )
    lines = []
    for key, title in COLLAPSE.items():
        cells = []
        for group in groups:
            values = [network.measures.get(group, {}).get(key) for network in analysis.networks]
            known = [value for value in values if value is not None]
            for value in values:
                best = len(known) > 1 and value == min(known) and min(known) < max(known)
                kind = "n best" if best else "n"
                cells.append(f'<td class="{kind}">{"–" if value is None else f"{value:.3f}"}</td>')
        if any("–" not in cell for cell in cells):
            lines.append(f'<tr><th scope="row">{escape(title)}</th>{"".join(cells)}</tr>')
    if not lines:
        return ""
    bold = " Bold: the network that is nearer to it." if len(analysis.networks) > 1 else ""
    note = (
        "0 is complete collapse in every row: all points of a class at its centre (NC1), centres and classifier "
        "vectors of one length and evenly spread (NC2), parallel to each other (NC3), and every point given the class "
        f"of the nearest centre (NC4).{bold}"
    )
    body = (
        f'<div class="scroll"><table class="measures"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
    return page.section("Neural collapse", body, note)


def _curves(analysis: Analysis) -> str:
    wanted = {f"val/{key}": None for key in COLLAPSE} | {"val/miou": None}
    several = len(analysis.networks) > 1
    history = {
        f"{network.label}: {name.removeprefix('val/')}" if several else name.removeprefix("val/"): curve
        for network in analysis.networks
        for name, curve in network.history.items()
        if name in wanted
    }
    if not any("nc" in name or "center" in name for name in history):
        return ""
    figures = []
    for title, names, svg in curve_panels(history):
        keys = "".join(
            f'<li><span class="dash" style="background:var(--s{number % 6})"></span>{escape(name)}</li>'
            for number, name in enumerate(names)
        )
        legend = f'<ul class="legend">{keys}</ul>' if several else ""
        figures.append(f'<figure><p class="title">{escape(title)}</p>{svg}{legend}</figure>')
    note = "Measured at each validation of the training, against optimiser steps; the dot marks the last one."
    return page.section("During training", f'<div class="grid3">{"".join(figures)}</div>', note)


def _limit(analysis: Analysis) -> float:
    """Return the end of the colour scale that all matrices of cosines share."""
    apart = ~np.eye(len(analysis.classes), dtype=bool)
    pairs = np.concatenate([np.abs(network.center_cosine[apart]) for network in analysis.networks])
    return float(np.clip(np.ceil(np.percentile(pairs, 98) * 10) / 10, 0.2, 1)) if len(pairs) else 1.0


def _angles(analysis: Analysis) -> str:
    if len(analysis.classes) < 2:
        return ""
    limit = _limit(analysis)
    figures = []
    for network in analysis.networks:
        for title, cosine in (("Class centres", network.center_cosine), ("Classifier", network.classifier_cosine)):
            if cosine is not None:
                svg = square(cosine_picture(cosine, limit), analysis.classes, analysis.taxonomy, f"Cosines: {title}")
                figures.append(f'<figure><p class="title">{escape(_of(title, network, analysis))}</p>{svg}</figure>')
    ideal = -1 / (len(analysis.classes) - 1)
    note = (
        f"Cosine of every pair of the {len(analysis.classes)} classes, the commonest at the top and on the left; the "
        f"strips say head, common or tail. A simplex would be {ideal:.3f} everywhere off the diagonal: nearly white. "
        "Red marks classes that are too close, a red corner at the lower right that the rare ones have fallen together."
    )
    keys = "".join(
        f'<li><span class="swatch" style="background:var(--{group})"></span>{group}</li>'
        for group in GROUPS
        if group in analysis.taxonomy.groups
    )
    legend = f'<ul class="legend">{keys}</ul>' if keys else ""
    scale = f'<div class="scale"><span>−{limit:g}</span><i></i><span>+{limit:g}</span></div>'
    return page.section("Angles between classes", f'<div class="grid2">{"".join(figures)}</div>{legend}{scale}', note)


def _context(analysis: Analysis) -> str:
    if len(analysis.classes) < 3:
        return ""
    limit, order = _limit(analysis), analysis.by_contact
    grid = np.ix_(order, order)
    classes, several = analysis.classes[order], len(analysis.networks) > 1
    contact = analysis.contact[grid]
    figures = []
    for network in analysis.networks:
        rgb = halves_picture(contact, network.center_cosine[grid], limit)
        label = "Contact below the diagonal, cosines above it"
        svg = square(rgb, classes, analysis.taxonomy, label, large=not several)
        figures.append(f"<figure>{f'<p class=title>{escape(network.label)}</p>' if several else ''}{svg}</figure>")
        if several:
            named = square(rgb, classes, analysis.taxonomy, label, large=True)
            figures[-1] = figures[-1].replace(
                "</figure>", f"<details><summary>large, with names</summary>{named}</details></figure>"
            )
    ideal = -1 / (len(analysis.classes) - 1)
    bins = contact_bins([(network.label, network.bins) for network in analysis.networks], ideal)
    keys = "".join(
        f'<li><span class="dash" style="background:var(--s{number})"></span>{escape(network.label)}</li>'
        for number, network in enumerate(analysis.networks)
    )
    note = (
        "Below the diagonal: how much of their contact with other classes two classes have with one another, counted "
        "over neighbouring voxels of the training scenes. Above it: the cosine of their centres. Classes that touch "
        "stand next to each other; where the upper half mirrors the lower one, the scenes' context has shaped the "
        "features."
    )
    body = (
        f'<div class="{"grid2" if several else "one"}">{"".join(figures)}</div>'
        '<div class="keys"><div class="scale contact"><span>no contact</span><i></i><span>most</span></div>'
        f'<div class="scale"><span>−{limit:g}</span><i></i><span>+{limit:g}</span></div></div>'
        f'<div class="pair" style="margin-top:40px"><figure><p class="title">Cosine of centres by contact</p>{bins}'
        f'<ul class="legend">{keys if several else ""}</ul><figcaption>Dot: median, line: middle half of the pairs. '
        "Dashed: the simplex.</figcaption></figure>"
        f"<div>{''.join(_context_table(network) for network in analysis.networks)}</div></div>"
    )
    return page.section("Context: contact in space, closeness in features", body, note)


def _context_table(network: Network) -> str:
    context = network.context
    rows = []
    for prefix, title in (("", "all pairs"), ("touching_", "pairs that touch")):
        rho, p = context.get(f"{prefix}correlation"), context.get(f"{prefix}p_value")
        if rho is not None:
            permuted = f", p {_p(p)}" if p is not None else ""
            rows.append((title, f"{rho:+.3f}{permuted}"))
    if context.get("confusion_correlation") is not None:
        rows.append(("cosine and confusion", f"{context['confusion_correlation']:+.3f}"))
    return page.table(f"Rank correlation, {network.label}", rows, numeric=True) if rows else ""


def _pairs(analysis: Analysis) -> str:
    blocks = []
    several = len(analysis.networks) > 1
    names = analysis.taxonomy.names
    for number, network in enumerate(analysis.networks):
        other = f"cosine, {analysis.networks[1 - number].label}" if several else ""
        lines = []
        for pair in network.pairs:
            values = [f"{pair.cosine:.2f}"]
            values += [_cell(pair.other_cosine)] if several else []
            values += [_cell(pair.classifier_cosine), f"{pair.contact:.2f}"]
            values += [f"{pair.first_as_second:.1f}", f"{pair.second_as_first:.1f}"]
            cells = "".join(f'<td class="n">{value}</td>' for value in values)
            swatches = [
                f'<span class="swatch" style="background:rgb({red} {green} {blue})"></span> {escape(names[k])}'
                for k, (red, green, blue) in ((k, analysis.taxonomy.colors[k]) for k in (pair.first, pair.second))
            ]
            points = short(int(analysis.train_histogram[pair.second]))
            lines.append(f'<tr><td>{swatches[0]}</td><td>{swatches[1]}</td><td class="n">{points}</td>{cells}</tr>')
        heads = [
            "points of B",
            "cosine",
            *([other] if several else []),
            "classifier",
            "contact",
            "A as B %",
            "B as A %",
        ]
        columns = "".join(f'<th scope="col" class="n">{escape(text)}</th>' for text in heads)
        caption = f"<caption>{escape(network.label)}</caption>" if several else ""
        if lines:
            blocks.append(
                f'<div class="scroll"><table class="closest">{caption}<thead><tr><th scope="col">A</th>'
                f'<th scope="col">B</th>{columns}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
            )
    if not blocks:
        return ""
    note = (
        "The pairs of classes whose centres have the highest cosine; A is the commoner in training. Beside it the "
        "cosine of their classifier vectors, their contact in the scenes (0 to 1), and which share of the points of one "
        "is given the label of the other."
    )
    gap = '<div style="height:40px"></div>'
    return page.section("Pairs that are too close", gap.join(blocks), note)


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _frequency(analysis: Analysis) -> str:
    series = [
        Dots(network.label, network.iou, None if network.trend is None else network.trend[:2])
        for network in analysis.networks
    ]
    if not any(np.isfinite(dots.iou).any() for dots in series):
        return ""
    several = len(series) > 1
    items = []
    for number, network in enumerate(analysis.networks):
        if network.trend is not None:
            _, slope, rho = network.trend
            dash = f'<span class="dash" style="background:var(--s{number if several else 5})"></span>'
            name = f"{escape(network.label)}: " if several else ""
            items.append(
                f"<li>{dash}{name}{slope:+.1f} points of IoU for ten times the points, rank correlation {rho:+.2f}</li>"
            )
    note = (
        "Every dot is a class. The line is the least-squares trend over the logarithm of the training points: the "
        "flatter and the higher it lies, the less a network lives on the frequent classes."
    )
    chart = frequency_dots(series, analysis.train_histogram, analysis.taxonomy)
    return page.section(
        "IoU against frequency", f'<figure>{chart}</figure><ul class="legend">{"".join(items)}</ul>', note
    )


def _left_out(analysis: Analysis) -> str:
    if not analysis.without_points:
        return ""
    names = ", ".join(escape(name) for name in analysis.without_points)
    count = len(analysis.without_points)
    summary = f"{count} {'class has' if count == 1 else 'classes have'} no point in the split and no measures"
    return page.section("", f'<details><summary>{summary}</summary><p class="note">{names}.</p></details>')


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= 0.001 else f"{value:.1e}"
