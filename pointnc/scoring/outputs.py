"""Scores as files: json, a table for a spreadsheet, a row for a paper."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.files.atomic import write_json, write_text
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.scoring.tables import Scores, score


def split_means(scores: Scores, taxonomy: Taxonomy) -> dict[str, float | None]:
    """Return the two means that ScanNet200 papers report side by side, in percent.

    ``miou_val_classes``: over the classes that the benchmark's validation split has (189 of 200), those without an
    IoU left out; ``miou_all_classes``: over all K classes, one without an IoU counting 0.
    """
    known = np.ones(len(taxonomy), bool)
    known[list(taxonomy.train_only)] = False
    inside = scores.iou[known & ~np.isnan(scores.iou)]
    return {
        "miou_val_classes": float(inside.mean()) if len(inside) else None,
        "miou_all_classes": float(np.nan_to_num(scores.iou).mean()),
    }


def write_scores(
    path: Path,
    scores: Scores,
    taxonomy: Taxonomy,
    confusion: NDArray[np.int64],
    scenes: Mapping[str, NDArray[np.int64]],
    extra: Mapping[str, Any],
) -> list[Path]:
    """Write ``path`` (json) and, beside it, ``.csv``, ``.tex``, ``_scenes.csv`` and ``_confusion.csv``.

    Args:
        path: the json file; it has the keys of ``metrics.json``.
        scores: of the whole split.
        taxonomy: the K classes.
        confusion: (K, K+1) counts of the whole split.
        scenes: scene name to its own (K, K+1) counts.
        extra: further keys of the json.

    Returns:
        The files that were written.
    """
    stem = path.with_suffix("")
    tables = {
        stem.with_name(stem.name + ".csv"): _class_rows(scores, taxonomy),
        stem.with_name(stem.name + "_scenes.csv"): _scene_rows(scenes, taxonomy, scores.convention),
        stem.with_name(stem.name + "_confusion.csv"): _confusion_rows(confusion, taxonomy),
    }
    for file, rows in tables.items():
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows(rows)
        write_text(file, stream.getvalue())
    tex = stem.with_name(stem.name + ".tex")
    write_text(tex, latex_row(scores))
    write_json(path, {**scores.to_dict(), **split_means(scores, taxonomy), **extra})
    return [path, *tables, tex]


def latex_row(scores: Scores) -> str:
    """Return "mIoU & head & common & tail & overall accuracy & mean accuracy" as a row of a LaTeX table."""
    values = (scores.miou, scores.head, scores.common, scores.tail, scores.overall_accuracy, scores.mean_accuracy)
    cells = " & ".join("--" if math.isnan(value) else f"{value:.1f}" for value in values)
    return f"% mIoU & head & common & tail & overall & mean accuracy ({scores.convention})\n{cells} \\\\\n"


def _class_rows(scores: Scores, taxonomy: Taxonomy) -> list[list[Any]]:
    rows: list[list[Any]] = [["id", "class", "group", "points", "iou"]]
    for index, name in enumerate(taxonomy.names):
        points = int(scores.truth_points[index])
        rows.append([taxonomy.ids[index], name, taxonomy.groups[index], points, _cell(float(scores.iou[index]))])
    return rows


def _scene_rows(scenes: Mapping[str, NDArray[np.int64]], taxonomy: Taxonomy, convention: str) -> list[list[Any]]:
    rows: list[list[Any]] = [["scene", "points", "miou", "overall_accuracy", "mean_accuracy"]]
    for name, counts in scenes.items():
        own = score(counts, taxonomy, convention)
        points = int(own.truth_points.sum())
        rows.append([name, points, _cell(own.miou), _cell(own.overall_accuracy), _cell(own.mean_accuracy)])
    return rows


def _confusion_rows(confusion: NDArray[np.int64], taxonomy: Taxonomy) -> list[list[Any]]:
    header = ["truth \\ prediction", *taxonomy.names, "outside the label set"]
    return [header, *([name, *row] for name, row in zip(taxonomy.names, confusion.tolist()))]


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"
