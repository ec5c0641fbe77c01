"""What a preparation of one's own files says at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pointnc.scenes.taxonomy import Taxonomy

if TYPE_CHECKING:
    from rich.table import Table

NAMED = 3
"""How many scenes a remark names."""


def print_report(
    manifest: Mapping[str, Any], taxonomy: Taxonomy, done_before: int, failures: Mapping[str, str]
) -> None:
    """Print a table of the splits, each remark with the scenes that it is about, and a line for each failure.

    Args:
        manifest: of the store.
        taxonomy: the classes.
        done_before: scenes that were there already.
        failures: file to what is wrong with it.
    """
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False)
    console.print(split_table(manifest, taxonomy), soft_wrap=False)
    print_remarks(manifest)
    for line in notes(manifest, taxonomy):
        console.print(line, markup=False)
    console.print(f"{done_before} scenes were done before, {len(failures)} files failed", markup=False)
    for place, line in failures.items():
        console.print(f"failed: {place}: {line}", markup=False, style="red")


def print_remarks(manifest: Mapping[str, Any]) -> None:
    """Print what was assumed of the files of a store, each remark with the scenes that it is about."""
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False)
    for remark, scenes in remarks(manifest).items():
        more = ", ..." if len(scenes) > NAMED else ""
        console.print(f"{len(scenes)} scenes: {remark} ({', '.join(scenes[:NAMED])}{more})", markup=False)


def split_table(manifest: Mapping[str, Any], taxonomy: Taxonomy) -> Table:
    """Return scenes, points, labels and classes by split."""
    from rich.table import Table

    table = Table(title=f"scene store, {len(taxonomy)} classes of {taxonomy.name}")
    for heading in ("split", "scenes", "points", "labeled", "classes", "dropped", "color", "normal"):
        table.add_column(heading, justify="left" if heading == "split" else "right")
    for split, content in manifest["splits"].items():
        records = list(content["scenes"].values())
        points = max(content["points"], 1)
        counts = content["histogram"].get(taxonomy.segment)
        table.add_row(
            split,
            f"{len(records):,}",
            f"{content['points']:,}",
            f"{sum(record.get('labelled', 0) for record in records) / points:.1%}",
            "–" if counts is None else str(np.count_nonzero(counts)),
            f"{sum(record.get('dropped', 0) for record in records):,}",
            *(_having(records, key) for key in ("color", "normal")),
        )
    return table


def _having(records: list[Mapping[str, Any]], key: str) -> str:
    having = sum(key in record.get("hash", {}) for record in records)
    return {len(records): "all", 0: "none"}.get(having, f"{having} of {len(records)}")


def remarks(manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return remark to the scenes that it is about."""
    found: dict[str, list[str]] = {}
    for split, content in manifest["splits"].items():
        for name, record in content["scenes"].items():
            for remark in record.get("remarks", ()):
                found.setdefault(remark, []).append(f"{split}/{name}")
    return found


def notes(manifest: Mapping[str, Any], taxonomy: Taxonomy) -> list[str]:
    """Return what training will want to know: missing splits, classes that never occur, ids that were left out."""
    lines = []
    splits = manifest["splits"]
    for split, override in (("train", "dataset.train_split"), ("val", "dataset.val_split")):
        if split not in splits:
            lines.append(f"note: there is no split {split}: training needs {override}=NAME with another one")
    counts = splits.get("train", {}).get("histogram", {}).get(taxonomy.segment)
    if counts is not None:
        absent = [name for name, count in zip(taxonomy.names, counts) if count == 0]
        if absent:
            more = ", ..." if len(absent) > 10 else ""
            lines.append(f"note: {len(absent)} classes have no point in train: {', '.join(absent[:10])}{more}")
    unknown: dict[str, int] = {}
    for content in splits.values():
        for record in content["scenes"].values():
            for value, count in record.get("unknown", {}).items():
                unknown[value] = unknown.get(value, 0) + count
    if unknown:
        listed = ", ".join(f"{value} ({count:,} points)" for value, count in sorted(unknown.items())[:10])
        lines.append(f"note: ids that the taxonomy lacks have no class (unknown=ignore): {listed}")
    return lines
