"""The section of the analysis page that says why a regularizer helps or harms."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting import markup
from pointnc.reporting.analysis.content import Analysis, Diagnosis, Network
from pointnc.reporting.analysis.dots import Axis, Dots, class_dots, factors
from pointnc.reporting.analysis.numbers import group_table
from pointnc.reporting.curve_charts import curve_figures
from pointnc.reporting.curves import FORCES
from pointnc.reporting.plots import short
from pointnc.scenes.taxonomy import GROUPS

BY_GROUP = {
    "reach": "best cosine of a center and its target",
    "reach_from_mean": "the same, seen from the mean of all centers",
    "reached": "cosine of center and target as it is",
    "ratio": "force of the regularizer over the loss's",
    "cosine": "cosine of the two forces",
    "conflict": "share of classes with a negative one",
    "loss_share": "share of the loss's force",
    "regularizer_share": "share of the regularizer's force",
}
"""Values by group and the titles of their rows."""

NOTE = (
    "The regularizer pulls the center of each class to a target, a direction in the space of the features. It can help "
    "where targets are spread and features can reach them, and harms where it outweighs the loss and pulls against it. "
    "Force: the sum of the gradient over the points of a class, what a step would move the class's center by; that of "
    "the regularizer times its weight. Measured at this checkpoint, in batches of as many scenes as in training."
)

SPREAD = 0.1
"""So much larger a cosine of two targets than that of the frame is worth a sentence."""

FAR = 0.9
"""A best cosine below this is worth a sentence."""


def regularizers(analysis: Analysis, rows: int = 25) -> str:
    """Return the section; empty where no network was looked at.

    Args:
        analysis: what was found.
        rows: most classes that a table of conflicts lists.
    """
    known = [(network, network.diagnosis) for network in analysis.networks if network.diagnosis is not None]
    if not known:
        return ""
    said = "".join(
        (f"<h3>{escape(network.label)}</h3>" if analysis.several else "")
        + "<ul>"
        + "".join(f"<li>{escape(line)}</li>" for line in sentences(diagnosis, analysis))
        + "</ul>"
        for network, diagnosis in known
    )
    found = [{} if network.diagnosis is None else network.diagnosis.groups for network in analysis.networks]
    parts = [
        f'<div class="findings">{said}</div>',
        group_table(analysis, BY_GROUP, found, digits=2),
        _targets(known),
        _charts(analysis),
        _curves(analysis),
        *(_conflicts(network, diagnosis, analysis, rows) for network, diagnosis in known),
    ]
    return markup.section("Why the regularizer helps or harms", "".join(parts), NOTE)


def sentences(diagnosis: Diagnosis, analysis: Analysis) -> list[str]:
    """Return what the numbers of one network say, in plain words."""
    if not diagnosis.weight:
        return [*diagnosis.remarks] or ["No regularizer pulls at the centers."]
    lines = [*diagnosis.remarks]
    targets, features = diagnosis.targets, diagnosis.features
    total = diagnosis.groups.get("all", {})
    if targets and targets["largest"] > max(targets["frame_largest"], targets["bound"]) + SPREAD:
        lines.append(
            f"Its targets are no frame: of {len(analysis.taxonomy)} in {features['channels']:.0f} channels two have a "
            f"cosine of {_said(targets['largest'])}, in the frame itself {_said(targets['frame_largest'])}; no "
            f"directions of so many channels can all stay below {_said(targets['bound'])}."
        )
    elif targets:
        lines.append(f"Its targets are spread: the closest two have a cosine of {_said(targets['largest'])}.")
    if total.get("reach", 1) < FAR:
        why = (
            f"span {features['rank']:.0f} of {features['channels']:.0f} channels"
            if "rank" in features
            else "are never negative"
        )
        lines.append(f"The features {why}: a center comes to a cosine of {total['reach']:.2f} with its target at best.")
    ratios = {group: values["ratio"] for group, values in diagnosis.groups.items() if "ratio" in values}
    shown = {group: ratio for group, ratio in ratios.items() if group in GROUPS} or ratios
    if shown:
        each = ", ".join(f"{'' if group == 'all' else group + ' '}{ratio:.2f}" for group, ratio in shown.items())
        lines.append(f"Its force on the centers, as a multiple of the loss's: {each}.")
    cosine = diagnosis.classes.get("cosine")
    if cosine is not None and np.isfinite(cosine).any():
        against, count = int((cosine < 0).sum()), int(np.isfinite(cosine).sum())
        lines.append(
            f"It pulls against the loss on {against} of {count} classes; the mean cosine is {total['cosine']:+.2f}."
        )
    return lines


def _targets(known: list[tuple[Network, Diagnosis]]) -> str:
    """Return the table of features and targets, a column for each network."""
    rows: dict[str, list[str]] = {
        "channels of the features": [_whole(d.features.get("channels")) for _, d in known],
        "least value of a feature": [short(d.features["least"]) if "least" in d.features else "–" for _, d in known],
        "rank of the linear map that they come out of": [_whole(d.features.get("rank")) for _, d in known],
        "centers are seen from the mean of all": [
            ("yes" if d.recentered else "no") if d.weight else "–" for _, d in known
        ],
        "weight": [short(d.weight) if d.weight else "–" for _, d in known],
        "channels of the frame": [_whole(d.targets.get("frame_channels")) for _, d in known],
        "largest cosine in the frame": [_cosine(d.targets.get("frame_largest")) for _, d in known],
        "largest cosine of two targets": [_cosine(d.targets.get("largest")) for _, d in known],
        "bound on it in the channels of the features": [_cosine(d.targets.get("bound")) for _, d in known],
        "mean cosine of two targets": [_cosine(d.targets.get("mean")) for _, d in known],
        "mean |cos + 1/(K−1)| in the frame": [_cosine(d.targets.get("frame_off_simplex")) for _, d in known],
        "mean |cos + 1/(K−1)| of the targets": [_cosine(d.targets.get("off_simplex")) for _, d in known],
    }
    heads = "".join(f'<th scope="col" class="n">{escape(network.label)}</th>' for network, _ in known)
    lines = "".join(
        f'<tr><th scope="row">{title}</th>{"".join(f"<td class=n>{value}</td>" for value in values)}</tr>'
        for title, values in rows.items()
        if any(value != "–" for value in values)
    )
    head = f"<thead><tr><th></th>{heads}</tr></thead>" if len(known) > 1 else ""
    return (
        f'<div class="scroll"><table><caption>Features and targets</caption>{head}<tbody>{lines}</tbody></table></div>'
    )


def _charts(analysis: Analysis) -> str:
    """Return size and angle of the forces by class, against training points."""
    # A network without forces has no dot, but keeps its color.
    nothing = {name: np.full(len(analysis.taxonomy), np.nan) for name in ("ratio", "cosine")}
    found = [(n.label, nothing | dict(n.diagnosis.classes if n.diagnosis else {})) for n in analysis.networks]
    if not any(np.isfinite(classes["ratio"]).any() for _, classes in found):
        return ""
    axes = {
        "ratio": factors("regularizer / loss", "{:.3g} times", [classes["ratio"] for _, classes in found]),
        "cosine": Axis("cosine", -1, 1, (-1, -0.5, 0, 0.5, 1), "cosine {:+.2f}", level=0.0),
    }
    figures = []
    for key, axis in axes.items():
        series = [Dots(label, classes[key]) for label, classes in found]
        chart = class_dots(series, analysis.train_histogram, analysis.taxonomy, axis, width=500)
        figures.append(f'<figure><p class="title">{BY_GROUP[key].capitalize()}</p>{chart}</figure>')
    if analysis.several:
        keys = [(f"s{number % 6}", label) for number, (label, _) in enumerate(found)]
    else:
        keys = [(group, group) for group in GROUPS if group in analysis.taxonomy.groups]
    legend = "".join(
        f'<li><span class="swatch" style="background:var(--{color})"></span>{escape(name)}</li>' for color, name in keys
    )
    caption = (
        "<figcaption>Every dot is a class. Above 1 the regularizer pulls harder than the loss, below 0 against it."
    )
    return f'<div class="grid2 forces">{"".join(figures)}</div><ul class="legend">{legend}</ul>{caption}</figcaption>'


def _curves(analysis: Analysis) -> str:
    """Return the forces over the training, network by network."""
    blocks = []
    for network in analysis.networks:
        history = {
            name: curve for name, curve in network.history.items() if name.startswith(tuple(FORCES)) and len(curve) > 1
        }
        if history:
            title = escape(analysis.titled("During training", network))
            blocks.append(f'<h3>{title}</h3><div class="grid3">{curve_figures(history)}</div>')
    return "".join(blocks)


def _conflicts(network: Network, diagnosis: Diagnosis, analysis: Analysis, rows: int) -> str:
    """Return the table of classes that the regularizer pulls against the loss, the worst first."""
    cosine, ratio = diagnosis.classes.get("cosine"), diagnosis.classes.get("ratio")
    if cosine is None or ratio is None:
        return ""
    worst = [int(k) for k in np.argsort(np.where(np.isfinite(cosine), cosine, 2), kind="stable") if cosine[k] < 0]
    if not worst:
        return ""
    taxonomy = analysis.taxonomy
    lines = "".join(_conflict(k, network, cosine, ratio, analysis) for k in worst[:rows])
    more = f", the worst {rows} of {len(worst)}" if len(worst) > rows else ""
    caption = escape(analysis.titled(f"Classes in conflict{more}", network))
    group = '<th scope="col">group</th>' if any(taxonomy.groups) else ""
    heads = "".join(
        f'<th scope="col" class="n">{text}</th>' for text in ("points", "IoU", "cosine", "regularizer / loss")
    )
    return (
        f'<div class="scroll"><table class="closest conflicts"><caption>{caption}</caption><thead><tr>'
        f'<th scope="col">class</th>{group}{heads}</tr></thead><tbody>{lines}</tbody></table></div>'
    )


def _conflict(
    k: int, network: Network, cosine: NDArray[np.float64], ratio: NDArray[np.float64], analysis: Analysis
) -> str:
    taxonomy = analysis.taxonomy
    red, green, blue = taxonomy.colors[k]
    swatch = f'<span class="swatch" style="background:rgb({red} {green} {blue})"></span>'
    group = f"<td>{taxonomy.groups[k]}</td>" if any(taxonomy.groups) else ""
    iou = float(network.iou[k])
    values = [
        short(int(analysis.train_histogram[k])),
        markup.number(iou if np.isfinite(iou) else None),
        f"{cosine[k]:+.2f}",
        short(float(ratio[k])),
    ]
    cells = "".join(f'<td class="n">{value}</td>' for value in values)
    return f"<tr><td>{swatch} {escape(taxonomy.names[k])}</td>{group}{cells}</tr>"


def _said(cosine: float) -> str:
    """Return a cosine for a sentence: two digits where they say something."""
    return f"{cosine:.2f}" if abs(cosine) >= 0.01 else f"{cosine:.3f}"


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _cosine(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
