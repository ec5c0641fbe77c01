"""Sections of the analysis page that show angles: matrices of cosines, contact in space, the closest pairs."""

from __future__ import annotations

from html import escape

import numpy as np

from pointnc.reporting import markup
from pointnc.reporting.analysis.content import Analysis, Network
from pointnc.reporting.analysis.figures import contact_bins, cosine_picture, halves_picture, square
from pointnc.reporting.plots import short
from pointnc.scenes.taxonomy import GROUPS


def _limit(analysis: Analysis) -> float:
    """Return the end of the color scale that all matrices of cosines share."""
    apart = ~np.eye(len(analysis.classes), dtype=bool)
    pairs = np.concatenate([np.abs(network.center_cosine[apart]) for network in analysis.networks])
    return float(np.clip(np.ceil(np.percentile(pairs, 98) * 10) / 10, 0.2, 1)) if len(pairs) else 1.0


def angles(analysis: Analysis) -> str:
    """Return the cosines between centers and between classifier vectors, by frequency."""
    if len(analysis.classes) < 2:
        return ""
    limit = _limit(analysis)
    figures = []
    for network in analysis.networks:
        for title, cosine in (("Class centers", network.center_cosine), ("Classifier", network.classifier_cosine)):
            if cosine is not None:
                svg = square(cosine_picture(cosine, limit), analysis.classes, analysis.taxonomy, f"Cosines: {title}")
                figures.append(f'<figure><p class="title">{escape(analysis.titled(title, network))}</p>{svg}</figure>')
    ideal = -1 / (len(analysis.classes) - 1)
    note = (
        f"Cosine of every pair of the {len(analysis.classes)} classes, the most frequent at the top and left; the "
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
    return markup.section("Angles between classes", f'<div class="grid2">{"".join(figures)}</div>{legend}{scale}', note)


def context(analysis: Analysis) -> str:
    """Return contact in space beside cosines: matrices, cosines by contact, rank correlations."""
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
        "over neighboring voxels of the training scenes. Above it: the cosine of their centers. Classes that touch "
        "stand next to each other; where the upper half mirrors the lower one, contact in space and closeness in the "
        "features go together."
    )
    body = (
        f'<div class="{"grid2" if several else "one"}">{"".join(figures)}</div>'
        '<div class="keys"><div class="scale contact"><span>no contact</span><i></i><span>most</span></div>'
        f'<div class="scale"><span>−{limit:g}</span><i></i><span>+{limit:g}</span></div></div>'
        f'<div class="pair" style="margin-top:40px"><figure><p class="title">Cosine of centers by contact</p>{bins}'
        f'<ul class="legend">{keys if several else ""}</ul><figcaption>Dot: median, line: middle half of the pairs. '
        "Dashed: the simplex.</figcaption></figure>"
        f"<div>{''.join(_context_table(network, analysis) for network in analysis.networks)}</div></div>"
    )
    return markup.section("Context: contact in space, closeness in features", body, note)


def _context_table(network: Network, analysis: Analysis) -> str:
    titles = {
        "correlation": f"contact and cosine, {network.significance}",
        "touching_correlation": "the same, pairs that touch",
        "confusion_correlation": "cosine and mutual confusion",
    }
    rows = [
        (title, f"{network.context[key]:+.3f}") for key, title in titles.items() if network.context.get(key) is not None
    ]
    return markup.table(analysis.titled("Rank correlation", network), rows, numeric=True) if rows else ""


def pairs(analysis: Analysis) -> str:
    """Return the tables of the closest pairs."""
    blocks = []
    several = analysis.several
    names = analysis.taxonomy.names
    for network in analysis.networks:
        others = [f"cosine, {other.label}" for other in analysis.networks if other is not network]
        lines = []
        for pair in network.pairs:
            values = [f"{pair.cosine:.2f}"]
            values += [f"{value:.2f}" for value in pair.other_cosines]
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
            *others,
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
        "The pairs of classes whose centers have the highest cosine; A is the commoner in training. Beside it the "
        "cosine of their classifier vectors, their contact in the scenes (0 to 1), and which share of the points of "
        "one is given the label of the other."
    )
    return markup.section("Pairs that are too close", "".join(blocks), note)


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
