"""What a benchmark reports: rows with a figure, a slow reference beside it, and the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from bench.measure import round_to


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        step: what was measured.
        size: of what.
        value: the figure.
        unit: "ms", "MiB", "%", "x"…
        reference: the slow or plain way beside it.
        reference_value: its figure, in the same unit.
        target: greatest value that is good enough, in ``unit``; None where there is none.
        ratio_target: instead, greatest share of the reference's figure.
        at_least: whether the targets are least values.
        limit: what the machine allows at best, in ``unit``; the note or docs/speed.md says how it is reckoned.
        repeats: of how many calls the figure is the median; 1: measured once; None: a sum of others or a count.
        growth: fitted exponent of the figure by size.
        note: anything that a reader should know.
    """

    step: str
    size: str
    value: float
    unit: str = "ms"
    reference: str = ""
    reference_value: float | None = None
    target: float | None = None
    ratio_target: float | None = None
    at_least: bool = False
    growth: float | None = None
    limit: float | None = None
    repeats: int | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The figure as a share of the reference's."""
        return self.value / self.reference_value if self.reference_value else None

    @property
    def reached(self) -> bool | None:
        """Whether the figure is as good as its target; None without one."""
        for figure, target in ((self.value, self.target), (self.ratio, self.ratio_target)):
            if target is not None and figure is not None:
                return figure >= target if self.at_least else figure <= target
        return None

    def cells(self) -> list[str]:
        """Return the row as text, one cell for each of ``HEADINGS``."""
        target = self.target if self.target is not None else self.ratio_target
        sign = "≥" if self.at_least else "≤"
        unit = self.unit if self.target is not None else "x"
        return [
            self.step,
            self.size,
            f"{round_to(self.value):g} {self.unit}",
            f"{self.reference} {round_to(self.reference_value):g}" if self.reference_value else "",
            f"{round_to(self.ratio):g}" if self.ratio else "",
            "" if target is None else f"{sign} {target:g} {unit}",
            {True: "yes", False: "no", None: ""}[self.reached],
            "" if self.limit is None else f"{round_to(self.limit):g} {self.unit}",
            "" if self.repeats is None else str(self.repeats),
            "" if self.growth is None else f"{self.growth:.2f}",
            self.note,
        ]


HEADINGS = (
    "step",
    "size",
    "figure",
    "beside it",
    "ratio",
    "target",
    "reached",
    "limit",
    "median of",
    "grows as n^",
    "note",
)


def terminal_table(title: str, rows: Sequence[Row]) -> Table:
    """Return rows for the terminal."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row.cells())
    return table


def markdown(machine: Mapping[str, Any], groups: Mapping[str, Sequence[Row]]) -> str:
    """Return all rows with the machine as Markdown."""
    lines = [
        "# Speed",
        "",
        "Written by `python -m bench`. Each figure is the median of as many calls as its row says; docs/speed.md tells",
        "how each was measured and what its limit is: [docs/speed.md](../docs/speed.md).",
        "",
        *(f"- {name.replace('_', ' ')}: {value}" for name, value in machine.items()),
        "",
    ]
    for name, rows in groups.items():
        lines += [f"## {name}", "", f"| {' | '.join(HEADINGS)} |", "|" + "---|" * len(HEADINGS)]
        lines += [f"| {' | '.join(row.cells())} |" for row in rows]
        lines.append("")
    return "\n".join(lines)
