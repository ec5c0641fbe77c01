"""The tables of label sets in ``data/``: one row a class, in train order."""

from __future__ import annotations

import csv
from pathlib import Path

from pointnc.scenes.taxonomy import Taxonomy

DATA = Path(__file__).parent / "data"


def read_table(name: str) -> list[dict[str, str]]:
    """Return the rows of ``data/<name>.tsv`` by column."""
    with (DATA / f"{name}.tsv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def read_taxonomy(name: str, segment: str = "segment") -> Taxonomy:
    """Return the label set of ``data/<name>.tsv`` (columns id, name, group, red, green, blue and perhaps in_val).

    Args:
        name: of the label set.
        segment: of the store's label array.
    """
    rows = read_table(name)
    return Taxonomy(
        name=name,
        segment=segment,
        names=tuple(row["name"] for row in rows),
        ids=tuple(int(row["id"]) for row in rows),
        colors=tuple((int(row["red"]), int(row["green"]), int(row["blue"])) for row in rows),
        groups=tuple(row["group"] for row in rows),
        train_only=tuple(index for index, row in enumerate(rows) if row.get("in_val") == "0"),
    )
