"""The statistics of a store on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rich.table import Table

    from data_prep.stats.statistics import Statistics

Pairs = Sequence[tuple[int, int, int, float]]
"""First and second class, scenes with both, correlation: see :func:`data_prep.stats.frequency.associations`."""


def print_statistics(found: Statistics, pairs: Pairs) -> None:
    """Print splits, classes, pairs of classes that share scenes, and what follows."""
    from rich.console import Console

    console = Console(highlight=False)
    console.print(split_table(found))
    console.print(class_table(found))
    if pairs:
        console.print(pair_table(found, pairs))
    for line in found.lines():
        console.print(line, markup=False, soft_wrap=True)
    for split, count in found.unlabeled.items():
        console.print(f"{split}: {count} scenes have no {found.taxonomy.segment}.npy and are not counted", markup=False)


def split_table(found: Statistics) -> Table:
    """Return scenes, points, classes and instances by split."""
    from rich.table import Table

    table = Table(title=f"{found.taxonomy.name} in {found.store}")
    for heading in ("split", "scenes", "points", "labeled", "classes", "instances"):
        table.add_column(heading, justify="left" if heading == "split" else "right")
    for split, part in found.splits.items():
        table.add_row(
            split,
            f"{len(part.scenes):,}",
            f"{part.points.sum():,}",
            f"{part.classes.sum() / max(part.points.sum(), 1):.1%}",
            f"{np.count_nonzero(part.classes.sum(axis=0))} of {len(found.taxonomy)}",
            "–" if part.instances is None else f"{part.instances.sum():,}",
        )
    return table


def class_table(found: Statistics) -> Table:
    """Return a row for each class, the most frequent first: counts of the split that counts, group, weights.

    It fits 80 columns. The group is the taxonomy's, with that by frequency behind it where they differ.
    """
    from rich.table import Table

    part = found.splits[found.split]
    total = max(int(found.counts.sum()), 1)
    table = Table(
        title=f"classes in {found.split}; weights of the losses weighted_inverse (1/n), weighted_square_root (1/√n) "
        f"and weighted_effective_number (β = {found.beta:g})",
        box=None,
        padding=(0, 1, 0, 0),
    )
    objects = part.instances is not None
    headings = ["class", "group", "points", "share", "scenes", *(["objects"] if objects else []), "1/n", "1/√n", "β"]
    for heading in headings:
        left = heading in ("class", "group")
        table.add_column(heading, justify="left" if left else "right", overflow="fold", no_wrap=heading != "class")
    for k in np.argsort(-found.counts, kind="stable"):
        group, derived = found.taxonomy.groups[k], found.groups[k]
        table.add_row(
            found.taxonomy.names[k],
            derived if group in ("", derived) else f"{group} ({derived})",
            f"{found.counts[k]:,}",
            f"{found.counts[k] / total:.2%}",
            str(int(found.presence[:, k].sum())),
            *([f"{part.instances[k]:,}"] if part.instances is not None else []),
            *(f"{weights[k]:.2g}" for weights in found.weights.values()),
        )
    return table


def pair_table(found: Statistics, pairs: Pairs) -> Table:
    """Return the classes that share scenes most regularly."""
    from rich.table import Table

    table = Table("class", "class", "scenes with both", "correlation", title=f"classes together in {found.split}")
    for column in table.columns[2:]:
        column.justify = "right"
    for first, second, both, phi in pairs:
        table.add_row(found.taxonomy.names[first], found.taxonomy.names[second], str(both), f"{phi:.2f}")
    return table
