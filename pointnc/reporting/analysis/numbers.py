"""Sections of the analysis page that show numbers: head, measures, curves, frequency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from pointnc.reporting import markup
from pointnc.reporting.analysis.content import Analysis, Network
from pointnc.reporting.analysis.dots import PERCENT, Dots, class_dots
from pointnc.reporting.curve_charts import curve_figures
from pointnc.reporting.curves import COLLAPSE
from pointnc.scenes.taxonomy import GROUPS


def head(analysis: Analysis) -> str:
    """Return title, answer to the page's question and key numbers."""
    sentences = [
        f"<b>{network.context['correlation']:+.2f}</b> ({network.significance})"
        + (f" for {escape(network.label)}" if analysis.several else "")
        for network in analysis.networks
        if network.context.get("correlation") is not None
    ]
    lede = ""
    if sentences:
        lede = (
            '<p class="lede">Do classes that lie next to one another in the scenes lie close in the features? Rank '
            f"correlation of contact and cosine: {'; '.join(sentences)}.</p>"
        )
    rows = "".join(_key_numbers(network, analysis) for network in analysis.networks)
    return f"<header><h1>{escape(analysis.title)}</h1>{lede}{rows}</header>"


def summary(analysis: Analysis) -> str:
    """Return the table of what was measured."""
    return markup.section("", markup.table("What was measured", analysis.summary.items()))


def _key_numbers(network: Network, analysis: Analysis) -> str:
    total = network.measures.get("all", {})
    shown = {
        "mIoU": markup.number(network.scores.get("miou")),
        "tail": markup.number(network.scores["tail"]) if network.scores.get("tail") is not None else None,
        **{
            label: f"{total[key]:.2f}" if key in total else None
            for label, key in (
                ("NC1", "nc1"),
                ("NC2, centers", "center_max_angle"),
                ("NC2, classifier", "classifier_max_angle"),
                ("NC3", "nc3"),
                ("NC4", "nc4"),
            )
        },
    }
    cells = "".join(
        f"<div{' class=first' if label == 'mIoU' else ''}><dt>{label}</dt><dd>{text}</dd></div>"
        for label, text in shown.items()
        if text is not None
    )
    name = f"<h3>{escape(network.label)}</h3>" if analysis.several else ""
    return f'{name}<dl class="numbers">{cells}</dl>'


def measures(analysis: Analysis) -> str:
    """Return the table of all measures by group."""
    table = group_table(analysis, COLLAPSE, [network.measures for network in analysis.networks], least_is_best=True)
    if not table:
        return ""
    bold = " Bold: the network that is nearest to it." if analysis.several else ""
    note = (
        "0 is complete collapse in every row: all points of a class at its center (NC1), centers and classifier "
        "vectors of one length and evenly spread (NC2), parallel to each other (NC3), and every point given the class "
        f"of the nearest center (NC4).{bold}"
    )
    return markup.section("Neural collapse", table, note)


def group_table(
    analysis: Analysis,
    titles: Mapping[str, str],
    found: Sequence[Mapping[str, Mapping[str, float]]],
    least_is_best: bool = False,
    digits: int = 3,
) -> str:
    """Return a table of values by group of classes, the networks side by side; empty where no value is known.

    Args:
        analysis: whose networks and groups.
        titles: value to the title of its row.
        found: for each network, group to value to number; what is not defined is missing.
        least_is_best: whether the least number of a group is set in bold.
        digits: behind the point.
    """
    groups = [name for name in ("all", *GROUPS) if any(values.get(name) for values in found)]
    first = "".join(f'<th scope="colgroup" class="n edge" colspan="{len(found)}">{group}</th>' for group in groups)
    second = "".join(
        f'<th scope="col" class="n{" edge" if number == 0 else ""}">{escape(network.label)}</th>'
        for _ in groups
        for number, network in enumerate(analysis.networks)
    )
    lines = []
    for key, title in titles.items():
        rows = [[values.get(group, {}).get(key) for values in found] for group in groups]
        if any(value is not None for row in rows for value in row):
            cells = "".join(_group_cells(row, least_is_best, digits) for row in rows)
            lines.append(f'<tr><th scope="row">{escape(title)}</th>{cells}</tr>')
    if not lines:
        return ""
    labels = f"<tr><th></th>{second}</tr>" if analysis.several else ""
    return (
        f'<div class="scroll"><table class="measures"><thead><tr><th></th>{first}</tr>{labels}</thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _group_cells(values: Sequence[float | None], least_is_best: bool, digits: int) -> str:
    known = [value for value in values if value is not None]
    cells = []
    for number, value in enumerate(values):
        best = least_is_best and len(known) > 1 and value == min(known) and min(known) < max(known)
        kind = "n" + (" edge" if number == 0 else "") + (" best" if best else "")
        cells.append(f'<td class="{kind}">{"–" if value is None else f"{value:.{digits}f}"}</td>')
    return "".join(cells)


def curves(analysis: Analysis) -> str:
    """Return the measures over the training, where a network's run has kept them at several validations."""
    wanted = {f"val/{key}": None for key in COLLAPSE} | {"val/miou": None}
    several = analysis.several
    history = {
        f"{network.label}: {name.removeprefix('val/')}" if several else name.removeprefix("val/"): curve
        for network in analysis.networks
        for name, curve in network.history.items()
        if name in wanted
    }
    if not any(len(curve) > 1 and ("nc" in name or "center" in name) for name, curve in history.items()):
        return ""
    note = "Measured at each validation of the training, against optimizer steps; the dot marks the last one."
    return markup.section(
        "During training",
        f'<div class="grid3">{curve_figures(history)}</div>',
        note,
    )


def frequency(analysis: Analysis) -> str:
    """Return IoU against training points."""
    series = [
        Dots(network.label, network.iou, None if network.trend is None else network.trend[:2])
        for network in analysis.networks
    ]
    if not any(np.isfinite(dots.values).any() for dots in series):
        return ""
    several = analysis.several
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
    chart = class_dots(series, analysis.train_histogram, analysis.taxonomy, PERCENT)
    return markup.section(
        "IoU against frequency", f'<figure>{chart}</figure><ul class="legend">{"".join(items)}</ul>', note
    )


def left_out(analysis: Analysis) -> str:
    """Return the list of the classes without points."""
    if not analysis.without_points:
        return ""
    names = ", ".join(escape(name) for name in analysis.without_points)
    count = len(analysis.without_points)
    summary = f"{count} {'class has' if count == 1 else 'classes have'} no point in the split and no measures"
    return markup.section("", f'<details><summary>{summary}</summary><p class="note">{names}.</p></details>')
