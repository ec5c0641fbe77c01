"""What a preparation says at its end: a table, and each scene that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_prep.preparing.scenes import Failures
from pointnc.errors import UserError
from pointnc.files.atomic import write_json
from pointnc.scenes.taxonomy import Taxonomy

if TYPE_CHECKING:
    from rich.table import Table

FAILED = "failed.json"
PRINTED = 20
"""How many failures are printed; ``failed.json`` has them all."""


def summary_table(manifest: Mapping[str, Any], taxonomy: Taxonomy, notes: Sequence[str]) -> Table:
    """Return scenes, points and classes by split, with notes below."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="scene store", caption_justify="left")
    for column in ("split", "scenes", "points", f"classes of {len(taxonomy)}"):
        table.add_column(column, justify="left" if column == "split" else "right")
    for split, content in manifest["splits"].items():
        counts = content["histogram"].get(taxonomy.segment)
        seen = "–" if counts is None else str(np.count_nonzero(counts))
        table.add_row(split, str(len(content["scenes"])), f"{content['points']:,}", seen)
    table.caption = Text("\n".join(notes))  # as plain text: a file's name may hold brackets
    return table


def report(out: Path, table: Table, failures: Failures) -> None:
    """Print the closing table and a line for each failure; keep the failures in ``failed.json``."""
    from rich.console import Console

    console = Console()
    console.print(table)
    (out / FAILED).unlink(missing_ok=True)
    if not failures:
        return
    write_json(out / FAILED, failures)
    lines = [f"failed: {split}/{name}: {error}" for split, scenes in failures.items() for name, error in scenes.items()]
    for line in lines[:PRINTED]:
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    if len(lines) > PRINTED:
        console.print(f"... and {len(lines) - PRINTED} more in {out / FAILED}", soft_wrap=True, highlight=False)


def raise_failures(out: Path, failures: Failures, todo: int) -> None:
    """Raise a UserError with the first failure, where there is one."""
    if failures:
        error = next(error for scenes in failures.values() for error in scenes.values())
        count = sum(map(len, failures.values()))
        raise UserError(
            f"{count} of {todo} scenes were not prepared: {error} (all in {out / FAILED})", code="not-prepared"
        )
