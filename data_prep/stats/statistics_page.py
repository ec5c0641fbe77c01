"""The statistics of a store as one html page: no script, no network."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data_prep.stats.charts import frequency_bars
from data_prep.stats.frequency import cooccurrence
from pointnc.scenes.taxonomy import GROUPS

if TYPE_CHECKING:
    from data_prep.stats.statistics import Statistics
    from data_prep.stats.tables import Pairs

STYLE = """
:root { color-scheme: light dark; --line: #8884; --bar: #4a7dbd; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { position: sticky; top: 0; background: Canvas; }
.l { text-align: left; }
.swatch { display: inline-block; width: .9em; height: .9em; margin-right: .5em; border-radius: 2px; }
.bar { display: block; height: .8em; background: var(--bar); min-width: 1px; }
.wide { overflow-x: auto; }
.head { --bar: #4a7dbd; } .common { --bar: #d09a3a; } .tail { --bar: #c0504d; }
svg text { font: 9px system-ui, sans-serif; fill: currentColor; }
.bars { display: block; width: 100%; min-width: 720px; }
.bars rect { fill: var(--bar); } .bars text { font-size: 11px; }
.grid { stroke: var(--line); }
.key { list-style: none; margin: .5rem 0 1rem; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.5rem; }
.key .swatch { background: var(--bar); }
p, li { max-width: 46rem; }
@media (max-width: 40rem) { body { font-size: 14px; } h1 { font-size: 1.4rem; } }
"""

CELL = 14
"""Pixels of a cell of the matrix."""


def page(found: Statistics, pairs: Pairs) -> str:
    """Return the whole page."""
    title = f"{found.taxonomy.name}: {len(found.taxonomy)} classes"
    findings = "".join(f"<li>{escape(line)}</li>" for line in found.lines())
    body = [
        f"<h1>{escape(title)}</h1><p>{escape(found.store)}</p><ul>{findings}</ul>",
        _splits(found),
        _imbalance(found),
        _classes(found),
        _pairs(found, pairs),
        _matrix(found),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n"
        "</body>\n</html>\n"
    )


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]], left: int) -> str:
    """Return a table of html cells; the first ``left`` columns are set flush left."""

    def cells(kind: str, values: Iterable[str]) -> str:
        return "".join(f"<{kind}{' class=l' * (i < left)}>{value}</{kind}>" for i, value in enumerate(values))

    lines = "".join(f"<tr>{cells('td', row)}</tr>\n" for row in rows)
    head = f"<thead><tr>{cells('th', headings)}</tr></thead>"
    return f'<div class="wide"><table>{head}<tbody>\n{lines}</tbody></table></div>'


def _splits(found: Statistics) -> str:
    rows = (
        (
            escape(split),
            f"{len(part.scenes):,}",
            f"{part.points.sum():,}",
            f"{part.classes.sum() / max(part.points.sum(), 1):.1%}",
            f"{np.count_nonzero(part.classes.sum(axis=0))}",
            "–" if part.instances is None else f"{part.instances.sum():,}",
        )
        for split, part in found.splits.items()
    )
    return "<h2>Splits</h2>" + _table(("split", "scenes", "points", "labeled", "classes", "instances"), rows, 1)


def _imbalance(found: Statistics) -> str:
    """Return the bars of all classes, with a key that says what each third of them has of the points."""
    total = max(int(found.counts.sum()), 1)
    keys = []
    for group in GROUPS:
        mine = np.array([name == group for name in found.groups])
        if mine.any():
            keys.append(
                f'<li class="{group}"><span class="swatch"></span>{group} by frequency: {np.count_nonzero(mine)} '
                f"classes, {found.counts[mine].sum() / total:.2%} of the points</li>"
            )
    absent = int(np.count_nonzero(found.counts == 0))
    rest = f"<p>{absent} classes have no point in {escape(found.split)} and no bar.</p>" if absent else ""
    return (
        f'<h2>How far out of balance</h2><ul class="key">{"".join(keys)}</ul><div class="wide">'
        f"{frequency_bars(found.counts, found.taxonomy.names, found.groups)}</div>{rest}"
    )


def _classes(found: Statistics) -> str:
    part, counts = found.splits[found.split], found.counts
    total, high = max(int(counts.sum()), 1), np.log10(max(int(counts.max()), 10))
    rows = []
    for k in np.argsort(-counts, kind="stable"):
        red, green, blue = found.taxonomy.colors[k]
        width = 0 if counts[k] == 0 else 160 * max(np.log10(counts[k]), 0.05) / high
        rows.append(
            (
                f'<span class="swatch" style="background:rgb({red} {green} {blue})"></span>'
                f"{escape(found.taxonomy.names[k])}",
                escape(found.taxonomy.groups[k] or "–"),
                found.groups[k],
                f'<span class="bar {found.groups[k]}" style="width:{width:.0f}px"></span>',
                f"{counts[k]:,}",
                f"{counts[k] / total:.3%}",
                str(int(found.presence[:, k].sum())),
                "–" if part.instances is None else f"{part.instances[k]:,}",
                *(f"{weights[k]:.3g}" for weights in found.weights.values()),
            )
        )
    headings = ["class", "group", "by frequency", "points (log)", "points", "share", "scenes", "instances"]
    headings += [f"weight: {scheme.replace('_', ' ')}" for scheme in found.weights]
    return (
        f"<h2>Classes in {escape(found.split)}</h2><p><b>group</b> is what the list of classes says (a benchmark's, or "
        "taxonomy.yaml); tables of scores are parted by it. <b>by frequency</b> is what the points here say: "
        "the most frequent third of the classes, the middle, the rarest third. Where the two differ, classes of one "
        "group are not equally frequent. The weights are those of the losses <code>weighted_inverse</code>, "
        "<code>weighted_square_root</code> and <code>weighted_effective_number</code> "
        f"(β = {found.beta:g}).</p>" + _table(headings, rows, 4)
    )


def _pairs(found: Statistics, pairs: Pairs) -> str:
    names = found.taxonomy.names
    rows = ((escape(names[a]), escape(names[b]), str(both), f"{phi:.2f}") for a, b, both, phi in pairs)
    return (
        f"<h2>Classes together</h2><p>Pairs whose presence in the scenes of {escape(found.split)} is correlated most."
        "</p>" + _table(("class", "class", "scenes with both", "correlation"), rows, 2)
    )


def _matrix(found: Statistics) -> str:
    """Return an svg: share of the scenes with the row's class that also have the column's, most frequent first."""
    order = np.argsort(-found.counts, kind="stable")
    order = order[found.counts[order] > 0]
    both = cooccurrence(found.presence)[np.ix_(order, order)].astype(np.float64)
    share: NDArray[np.float64] = both / np.maximum(np.diag(both), 1)[:, None]
    names = [escape(found.taxonomy.names[k]) for k in order]
    left, size = 130, CELL * len(order)
    cells = []
    for row, column in zip(*np.nonzero(share)):
        cells.append(
            f'<rect x="{left + CELL * column}" y="{left + CELL * row}" width="{CELL}" height="{CELL}" fill="#4a7dbd" '
            f'fill-opacity="{share[row, column]:.2f}"><title>{names[row]} and {names[column]}: '
            f"{int(both[row, column])} of {int(both[row, row])} scenes</title></rect>"
        )
    for i, name in enumerate(names):
        at = left + CELL * i + CELL * 0.7
        cells.append(f'<text x="{left - 4}" y="{at:.1f}" text-anchor="end">{name}</text>')
        cells.append(f'<text transform="translate({at:.1f} {left - 4}) rotate(-90)">{name}</text>')
    return (
        "<h2>Co-occurrence</h2><p>Of the scenes with the class of a row, the share that also has the class of the "
        f'column.</p><div class="wide"><svg width="{left + size}" height="{left + size}" role="img" '
        f'aria-label="co-occurrence of classes">{"".join(cells)}</svg></div>'
    )
