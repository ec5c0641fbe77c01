"""Writes a study: Markdown for readers, csv for programs, a picture for talks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pointnc.files.atomic import atomic_path, write_text
from pointnc.scenes.taxonomy import SCORES
from pointnc.studies.halving import Rung, gains, survivors
from pointnc.studies.picture import picture
from pointnc.studies.plan import Study, is_form, recipe_of
from pointnc.studies.table import Table

SHOWN = {
    "nc1": "NC1",
    "center_equinorm": "equinorm",
    "center_equiangularity": "equiangularity",
    "center_max_angle": "max-angle",
    "classifier_equiangularity": "equiangularity of classifier",
    "nc3": "NC3",
    "nc4": "NC4",
}
"""Measures of neural collapse in the Markdown table; the csv has all."""


def write(table: Table, out: Path, command: str) -> list[Path]:
    """Write ``out`` with the endings .md, .csv and .png; return the paths.

    Args:
        table: the results.
        out: path without an ending.
        command: what made the study, for the reader to repeat.
    """
    paths = [out.with_name(out.name + ending) for ending in (".md", ".csv", ".png")]
    write_text(paths[0], markdown(table, command, paths[2].name))
    write_text(paths[1], table.csv())
    with atomic_path(paths[2]) as temporary:
        temporary.write_bytes(picture(table))
    return paths


def markdown(table: Table, command: str, image: str) -> str:
    """Return the tables of a study as Markdown."""
    study = table.study
    methods, variants = table.parted()
    other = [name for name in SHOWN if name in table.columns]
    runs = {method: len(table.of(method)) for method in methods}
    few, many = min(runs.values(), default=0), max(runs.values(), default=0)
    number = f"{few} seed{'' if many == 1 else 's'}" if few == many else f"{few} to {many} seeds"
    lines = [
        f"# {study.title}",
        "",
        f"Mean ± standard deviation over {number}; IoU in percent. Made by",
        "",
        f"    {command}",
        "",
        f"Every run has the overrides `{' '.join(study.common)}` and those of its method below.",
        "",
        f"![scores by method]({image})",
        "",
        *_scores(table, methods, [(name, SHOWN[name]) for name in other]),
    ]
    if study.notes:
        lines += ["", study.notes]
    lines += _compared(table, methods, variants)
    before = table.before_refit()
    if before.results:
        trained = before.parted()
        lines += ["", "## With the classifier as it was trained", ""]
        lines += ["The same networks, before their classifier was fitted again (`refit=balanced`).", ""]
        lines += [*_scores(before, trained[0], []), *_compared(before, *trained, level=3)]
        lines += _refitted_against(table, before, methods)
    lines += _curves(table, methods)
    if variants:
        lines += ["", "## Other networks and budgets", "", *_scores(table, variants, [])]
    return "\n".join([*lines, "", *_methods(study), ""])


def _compared(table: Table, methods: Sequence[str], variants: Sequence[str], level: int = 2) -> list[str]:
    """Return the tables of differences, below headings of a level."""
    lines: list[str] = []
    for title, pairs in _comparisons(table, methods, variants).items():
        lines += ["", f"{'#' * level} {title}", ""]
        if len(lines) == 3 and level == 2:
            lines += [
                "Mean difference over the seeds ± its standard deviation, in brackets the p of the paired t-test over"
                " the seeds (with few seeds only large effects are certain), and at the end that of Wilcoxon's"
                " signed-rank test over the classes' IoU.",
                "",
            ]
        lines += _differences(table, pairs)
    return lines


def _differences(table: Table, pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return the table of differences of pairs of a method and what it is judged against."""
    lines = [
        _row(["method", "against", "mIoU", "head", "common", "tail", "p over classes"]),
        _row(["---"] * 2 + ["---:"] * 5),
    ]
    for method, against in pairs:
        found = table.compare(method, against)
        cells = [f"{_change(found.difference[name], found.deviation[name])} ({_p(found.p_seeds[name])})"
                 for name in SCORES]  # fmt: skip
        lines.append(_row([f"**{method}**", against, *cells, _p(found.p_classes)]))
    return lines


def _refitted_against(table: Table, before: Table, methods: Sequence[str]) -> list[str]:
    """Return the differences of whole recipes, refit included, from the baseline as it was trained."""
    baseline = table.study.baseline
    if not before.of(baseline):
        return []
    mixed = [replace(one, per_class={}) for one in table.results if one.method != baseline] + before.of(baseline)
    pairs = [(one, baseline) for one in methods if one != baseline]
    title = f"### Whole recipes, refit included, against {baseline} without it"
    return ["", title, "", *_differences(Table(table.study, mixed), pairs)] if pairs else []


def _scores(table: Table, methods: Sequence[str], measures: Sequence[tuple[str, str]]) -> list[str]:
    """Return the table of scores; measures are columns and their titles."""
    lines = [
        _row(["method", "mIoU", "head", "common", "tail", *(title for _, title in measures)]),
        _row(["---"] + ["---:"] * (4 + len(measures))),
    ]
    for method in methods:
        figures = table.statistics(method)
        scores = [_both(*figures[name]) for name in SCORES]
        rest = [_both(*figures[name], digits=3) for name, _ in measures]
        lines.append(_row([f"**{method}**", *scores, *rest]))
    return lines


def _comparisons(table: Table, methods: Sequence[str], variants: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return pairs of a method and what it is judged against, by the title of their table."""
    baseline = table.study.baseline
    forms = [(one, recipe_of(one)) for one in (*methods, *variants) if is_form(one) and table.of(recipe_of(one))]
    others = [(one, baseline) for one in methods if one != baseline] if table.of(baseline) else []
    found = {"Each form against its recipe without it": forms, f"Against {baseline}": others}
    return {title: pairs for title, pairs in found.items() if pairs}


def _curves(table: Table, methods: Sequence[str]) -> list[str]:
    """Return the table of mIoU and tail by steps, of methods that were trained with several budgets."""
    curves = {method: curve for method in methods if len(curve := table.curve(method)) > 1}
    if not curves:
        return []
    budgets = sorted({steps for curve in curves.values() for steps in curve})
    lines = ["", "## By the length of training", "", "mIoU, in brackets the tail; the mean of the seeds there are.", ""]
    lines += [_row(["method", *(f"{steps:,} steps" for steps in budgets)]), _row(["---"] + ["---:"] * len(budgets))]
    for method, curve in curves.items():
        cells = [f"{curve[steps]['miou']:.2f} ({curve[steps]['tail']:.2f})" if steps in curve else "–"
                 for steps in budgets]  # fmt: skip
        lines.append(_row([f"**{method}**", *cells]))
    return lines


def _methods(study: Study) -> list[str]:
    lines = ["## Methods", "", _row(["method", "overrides"]), _row(["---", "---"])]
    return lines + [
        _row([f"**{name}**", f"`{' '.join(values)}`" if values else ""]) for name, values in study.methods.items()
    ]


def write_search(study: Study, rounds: Sequence[tuple[Rung, Table]], out: Path, command: str) -> list[Path]:
    """Write ``out`` with the ending .md, the tables of a search; return the paths, the record's among them."""
    path, record = (out.with_name(out.name + ending) for ending in (".md", ".jsonl"))
    write_text(path, search_markdown(study, rounds, command))
    return [path, record]


def search_markdown(study: Study, rounds: Sequence[tuple[Rung, Table]], command: str) -> str:
    """Return the rounds of a search as Markdown: what each form gains over its recipe, and which go on."""
    lines = [f"# {study.title}", "", "Made by", "", f"    {command}", ""]
    common = " ".join(study.common)
    lines += [f"Every run has the overrides `{common}`, those of its round and those of its method.", ""]
    lines += [study.notes, ""] if study.notes else []
    header = ["method", "runs", "mIoU", "head", "common", "tail", "gain mIoU", "gain tail", "goes on"]
    for rung, table in rounds:
        kept = survivors(table, rung)
        rule = f"the best {rung.keep} go on, and what is within {rung.noise:g} of the last of them"
        seeds = ", ".join(map(str, rung.seeds))
        lines += [
            f"## {rung.name}", "",
            f"`{' '.join(rung.overrides)}`; seeds {seeds}. A form's gain is over its recipe, seed by seed; {rule}.",
            "", _row(header), _row(["---"] + ["---:"] * 7 + [":---:"]),
        ]  # fmt: skip
        for method in table.methods():
            figures, gained = table.statistics(method), gains(table, method)
            cells = [f"**{method}**", str(len(table.of(method))), *(_both(*figures[name]) for name in SCORES)]
            own = [_gain(gained["miou"]), _gain(gained["tail"])] if is_form(method) else ["", ""]
            lines.append(_row([*cells, *own, "yes" if method in kept else ""]))
        lines.append("")
    return "\n".join([*lines, *_methods(study), ""])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _both(mean: float, deviation: float, digits: int = 2) -> str:
    if math.isnan(mean):
        return "–"
    return f"{mean:.{digits}f}" + ("" if math.isnan(deviation) else f" ± {deviation:.{digits}f}")


def _change(mean: float, deviation: float) -> str:
    return _gain(mean) + ("" if math.isnan(deviation) else f" ± {deviation:.2f}")


def _gain(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.2f}"


def _p(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}" if value >= 0.001 else "<0.001"
