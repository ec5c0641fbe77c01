"""The report of a run: one html file that needs nothing but a browser, no network and no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.files.atomic import write_text
from pointnc.reporting import markup
from pointnc.reporting.colors import IGNORED, RIGHT, UNLABELED, WRONG
from pointnc.reporting.curve_charts import History, curve_figures
from pointnc.reporting.pictures import SceneView, png_bytes, scene_pictures, scene_raster
from pointnc.reporting.plots import by_frequency, class_bars, cosine_gap, cosine_matrices, data_uri, short
from pointnc.reporting.render import Raster
from pointnc.scenes.taxonomy import GROUPS, Taxonomy
from pointnc.version import __version__

STYLE = Path(__file__).with_name("report.css")

READ_PICTURE = {
    "Input": "The scan as the network gets it, seen from outside; ceiling and near walls are left out.",
    "Truth": "The annotation; gray points have no class.",
    "Prediction": "What the network says, in the colors of the legend.",
    "Error": "Red where prediction and annotation differ, pale where they agree, dark gray where nothing is scored.",
}


@dataclass(frozen=True)
class Report:
    """What a run has to show. Whatever is empty or None is left out of the page.

    Attributes:
        title: heading.
        summary: rows of the table of the run (data set, model, regularizer...).
        metrics: content of ``metrics.json``: ``convention``, ``miou``, ``head``, ``common``, ``tail``,
            ``overall_accuracy``, ``mean_accuracy``, ``majority_miou`` in percent or None, ``per_class`` (name to
            percent or None), ``seconds`` (phase to seconds).
        taxonomy: the K classes.
        train_histogram: (K,) int64 training points of each class.
        history: curve to (step, value) pairs.
        centers_cosine: (S, S) cosines between the class centers.
        center_classes: (S,) the class of each row of ``centers_cosine``.
        scenes: scenes to show.
        config_yaml: the resolved configuration.
    """

    title: str
    summary: Mapping[str, str]
    metrics: Mapping[str, Any]
    taxonomy: Taxonomy
    train_histogram: NDArray[np.int64]
    history: History = field(default_factory=dict)
    centers_cosine: NDArray[Any] | None = None
    center_classes: NDArray[Any] | None = None
    scenes: Sequence[SceneView] = ()
    config_yaml: str = ""


def write_report(path: str | Path, report: Report) -> None:
    """Write ``report`` as one html file, whole or not at all."""
    write_text(path, render_report(report))


def render_report(report: Report) -> str:
    """Return the html of ``report``."""
    parts = [
        _head(report),
        _run(report),
        _scenes(report),
        _curves(report),
        _classes(report),
        _centers(report),
        _configuration(report),
        f"<footer>Made by pointnc {__version__}.</footer>",
    ]
    return markup.document(report.title, STYLE.read_text(encoding="utf-8"), "\n".join(filter(None, parts)))


def _head(report: Report) -> str:
    metrics = report.metrics
    labels = {
        "miou": "mIoU",
        **dict(zip(GROUPS, GROUPS)),
        "overall_accuracy": "overall accuracy",
        "mean_accuracy": "mean accuracy",
        "majority_miou": "most frequent class",
    }
    shown = {key: label for key, label in labels.items() if metrics.get(key) is not None}
    numbers = "".join(
        f"<div{' class=first' if key == 'miou' else ''}><dt>{label}</dt><dd>{markup.number(metrics[key])}</dd></div>"
        for key, label in shown.items()
    )
    return f"<header><h1>{escape(report.title)}</h1>{_lede(metrics)}" + (
        f'<dl class="numbers">{numbers}</dl></header>' if numbers else "</header>"
    )


def _lede(metrics: Mapping[str, Any]) -> str:
    miou, majority = metrics.get("miou"), metrics.get("majority_miou")
    if miou is None:
        return ""
    text = f"A mean intersection over union of <b>{markup.number(miou)}&nbsp;%</b>"
    if majority:
        text += f", {miou / majority:.1f} times that of calling every point the most frequent training class"
    if metrics.get("convention"):
        text += f". Scored by the convention <i>{escape(str(metrics['convention']))}</i>; all scores in percent"
    return f'<p class="lede">{text}.</p>'


def _run(report: Report) -> str:
    run = markup.table("Run", report.summary.items()) if report.summary else ""
    seconds = report.metrics.get("seconds") or {}
    rows = [(phase, markup.duration(value)) for phase, value in seconds.items() if value is not None]
    if len(rows) > 1:
        rows.append(("together", markup.duration(sum(value for value in seconds.values() if value is not None))))
    time = markup.table("Time", rows, numeric=True) if rows else ""
    return markup.section("", f'<div class="pair">{run}{time}</div>') if run or time else ""


def _scenes(report: Report) -> str:
    blocks = []
    for number, view in enumerate(report.scenes):
        # How to read a picture is said once, under the first scene's.
        captions = {title: f"<figcaption>{text}</figcaption>" for title, text in READ_PICTURE.items() if number == 0}
        raster = scene_raster(view)
        figures = "".join(
            f'<figure><p class="title">{title}</p><div class="picture"><img alt="{title} of '
            f'{escape(view.scene.name)}" width="640" height="480" src="{data_uri(png_bytes(picture & KEPT_BITS))}">'
            f"</div>{captions.get(title, '')}</figure>"
            for title, picture in scene_pictures(view, report.taxonomy, raster=raster).items()
        )
        right = view.accuracy
        share = "" if right is None else f", {markup.number(right)} % of the labeled ones right"
        blocks.append(
            f"<h3>{escape(view.scene.name)}</h3>"
            f'<p class="note">{len(view.scene):,} points{share}.</p>'
            f'<div class="grid2">{figures}</div>{_picture_legend(view, raster, report.taxonomy)}'
        )
    return markup.section("Scenes", "".join(blocks)) if blocks else ""


SMALL = 0.005
"""A class on less than this share of the picture is named behind the legend."""


def _picture_legend(view: SceneView, raster: Raster, taxonomy: Taxonomy) -> str:
    """Return what the colors mean: the classes that are seen, the largest area first, and the error's three."""
    areas = {taxonomy.names[k]: area for k, area in view.areas(raster.index[raster.index >= 0]).items()}
    colors = dict(zip(taxonomy.names, taxonomy.colors))
    seen = [(colors[name], f"{name} {100 * area:.2g} %") for name, area in areas.items() if area >= SMALL]
    rest = escape(", ".join(name for name, area in areas.items() if area < SMALL))
    other = [(UNLABELED, "no class"), (RIGHT, "agrees"), (WRONG, "differs"), (IGNORED, "not scored")]
    return (
        f'<p class="key">Classes, by area in truth or prediction</p>{markup.legend(seen)}'
        + (f'<p class="note rest">On less than {SMALL:.1%} of the picture: {rest}.</p>' if rest else "")
        + f'<p class="key">Other colors</p>{markup.legend(other if view.has_truth else other[:1])}'
    )


KEPT_BITS = np.array([0xFC, 0xFC, 0xFC, 0xFF], np.uint8)
"""Colors keep six bits: not visible, and the file is a third smaller."""


def _curves(report: Report) -> str:
    figures = curve_figures(report.history)
    note = "Values against optimizer steps; the dot marks the last one. A dashed curve lies on another one."
    return markup.section("Training", f'<div class="grid3">{figures}</div>', note) if figures else ""


def _classes(report: Report) -> str:
    taxonomy, histogram = report.taxonomy, np.asarray(report.train_histogram)
    per_class = report.metrics.get("per_class") or {}
    iou = [per_class.get(name) for name in taxonomy.names]
    order = by_frequency(histogram)
    present = [int(k) for k in order if histogram[k] > 0 or iou[k] is not None]
    if not present:
        return ""
    grouped = {group: [k for k in present if taxonomy.groups[k] == group] for group in (*GROUPS, "")}
    tables = "".join(_class_table(group, rows, iou, report) for group, rows in grouped.items() if rows)
    absent = [escape(taxonomy.names[k]) for k in order if k not in set(present)]
    rest = (
        f"<details><summary>{len(absent)} further classes occur neither in training nor in this evaluation"
        f'</summary><p class="note">{", ".join(absent)}.</p></details>'
        if absent
        else ""
    )
    used = [group for group in GROUPS if grouped[group]]
    keys = "".join(f'<li><span class="swatch" style="background:var(--{group})"></span>{group}</li>' for group in used)
    note = (
        "Each column is a class, the most frequent in training on the left: above how many training points it has "
        "(logarithmic), below how well it is segmented; a dot on the base line is a class that is not scored."
    )
    body = (
        f'<figure><div class="scroll">{class_bars(iou, histogram, taxonomy)}</div></figure>'
        f'<ul class="legend">{keys}</ul><div class="grid3" style="margin-top:40px">{tables}</div>{rest}'
    )
    return markup.section("Classes", body, note)


def _class_table(group: str, rows: list[int], iou: list[Any], report: Report) -> str:
    lines = []
    for k in rows:
        red, green, blue = report.taxonomy.colors[k]
        value = iou[k]
        bar = "" if value is None else f'<i style="--v:{value:.1f}%"></i>'
        lines.append(
            f'<tr><th scope="row"><span class="swatch" style="background:rgb({red} {green} {blue})"></span> '
            f'{escape(report.taxonomy.names[k])}</th><td class="n">{short(int(report.train_histogram[k]))}</td>'
            f'<td class="n iou">{markup.number(value)}</td><td class="bar">{bar}</td></tr>'
        )
    return (
        f'<table class="classes {group or "all"}"><caption>{group.capitalize() or "All classes"}</caption>'
        '<thead><tr><th scope="col">class</th><th scope="col" class="n">points</th>'
        '<th scope="col" class="n">IoU</th><th class="bar"></th></tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _centers(report: Report) -> str:
    cosine, classes = report.centers_cosine, report.center_classes
    if cosine is None or classes is None or len(cosine) < 2:
        return ""
    K = len(report.taxonomy)
    measured, ideal, limit = cosine_matrices(cosine, np.asarray(classes), report.train_histogram, report.taxonomy)
    gap = cosine_gap(cosine, K)
    note = (
        f"Cosines between the feature centers of the {len(cosine)} classes seen, grouped into head, common and tail, "
        "the most frequent first. The closer the left matrix comes to the right one, the more evenly the classes are "
        "spread; red off the diagonal marks classes that the features confuse."
    )
    body = (
        f'<div class="grid2"><figure><p class="title">Measured</p>{measured}<figcaption>Mean |cos − ideal| over '
        f"pairs: <b>{gap:.3f}</b>.</figcaption></figure>"
        f'<figure><p class="title">Ideal: simplex of {K} classes</p>{ideal}<figcaption>1 on the diagonal, '
        f"−1/{K - 1} = {-1 / (K - 1):.4f} off it.</figcaption></figure></div>"
        f'<div class="scale"><span>−{limit:g}</span><i></i><span>+{limit:g}</span></div>'
    )
    return markup.section("Class centers", body, note)


def _configuration(report: Report) -> str:
    if not report.config_yaml:
        return ""
    summary = "<summary>config.yaml, as the run resolved it</summary>"
    return markup.section("Configuration", f"<details>{summary}<pre>{escape(report.config_yaml)}</pre></details>")
