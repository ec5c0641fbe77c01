"""Scores as tables for the terminal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.bar import Bar
from rich.console import Group
from rich.table import Table
from rich.text import Text

from pointnc.scoring.tables import Scores

GROUP_STYLE = {"head": "blue", "common": "green", "tail": "magenta", "": "default"}
MISSING = "–"


def scores_table(scores: Scores, frequency: NDArray[Any] | None = None, limit: int = 40) -> Group:
    """Return a summary and a list of classes from common to rare, ready for ``rich.print``.

    Args:
        scores: what to show.
        frequency: (K,) number of points by which the classes are sorted, for example of the training split; by
            default that of the evaluated points.
        limit: longest list of classes; of a longer one the most frequent and the rarest halves are shown.
    """
    return Group(summary_table(scores), class_table(scores, frequency, limit))


def summary_table(scores: Scores) -> Table:
    """Return one row: mIoU, its groups where the label set has them, and the accuracies."""
    columns = {"mIoU": scores.miou}
    if any(scores.groups):
        columns |= {"head": scores.head, "common": scores.common, "tail": scores.tail}
    columns |= {"overall accuracy": scores.overall_accuracy, "mean accuracy": scores.mean_accuracy}
    table = Table(title=f"Scores in percent (convention: {scores.convention})", title_justify="left")
    for name in columns:
        table.add_column(name, justify="right", style=GROUP_STYLE.get(name))
    table.add_row(*map(score_text, columns.values()))
    return table


def class_table(scores: Scores, frequency: NDArray[Any] | None = None, limit: int = 40) -> Table:
    """Return one row a class, most frequent first, with its IoU as number and bar; absent classes have a dash."""
    weight = scores.truth_points if frequency is None else np.asarray(frequency)
    shown = np.argsort(-weight, kind="stable")
    grouped = any(scores.groups)
    table = Table(title="IoU by class, most frequent first", title_justify="left")
    table.add_column("class", no_wrap=True)
    if grouped:
        table.add_column("group", no_wrap=True, min_width=6)
    table.add_column("points", justify="right", no_wrap=True, min_width=9)
    table.add_column("IoU", justify="right", no_wrap=True, min_width=5)
    table.add_column("", width=20)  # the whole table fits 80 columns
    absent = np.isnan(scores.iou[shown])
    hide_absent = len(shown) > limit and bool(absent.any())
    if hide_absent:
        shown = shown[~absent]
    hidden = max(len(shown) - limit, 0)
    middle = limit // 2
    for rank, index in enumerate(shown):
        if middle <= rank < middle + hidden:
            if rank == middle:
                table.add_row(f"… {hidden} more classes")
            continue
        style, value = GROUP_STYLE[scores.groups[index]], float(scores.iou[index])
        table.add_row(
            scores.names[index],
            *([Text(scores.groups[index], style)] if grouped else []),
            f"{scores.truth_points[index]:,}",
            score_text(value),
            "" if math.isnan(value) else Bar(100, 0, value, color=style),
        )
    if hide_absent:
        table.add_row(f"{MISSING} {int(absent.sum())} classes without points")
    return table


def score_text(value: float | None, digits: int = 1) -> str:
    """Return a score as it is printed: a dash where it does not exist, as where no point has a class."""
    return MISSING if value is None or math.isnan(value) else f"{value:.{digits}f}"
