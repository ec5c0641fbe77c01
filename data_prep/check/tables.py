"""How the findings of a store's check are printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_prep.check.scene import SceneReport
from pointnc.scenes.taxonomy import GROUPS, Taxonomy

if TYPE_CHECKING:
    from rich.table import Table

PRINTED = 20
"""How many problems are printed."""


def print_report(
    scenes: Sequence[SceneReport],
    listed: Mapping[str, Sequence[str]],
    taxonomies: Mapping[str, Taxonomy],
    problems: Sequence[str],
    classes: bool = True,
) -> None:
    """Print the tables and every problem, at most twenty of the scenes'.

    Args:
        scenes: what was found in each scene.
        listed: split to the scenes that should be there.
        taxonomies: the label sets, by array name.
        problems: what is wrong with the store as a whole.
        classes: whether every class is printed, or the totals alone.
    """
    from rich.console import Console

    console = Console()
    console.print(split_table(scenes, listed, taxonomies))
    for key, taxonomy in taxonomies.items():
        if any(key in scene.histogram for scene in scenes):
            console.print(class_table(scenes, taxonomy, classes))
    lines = [f"{scene.split}/{scene.name}: {problem}" for scene in scenes for problem in scene.problems]
    for line in (*problems, *lines[:PRINTED]):
        console.print(f"problem: {line}", soft_wrap=True, markup=False, highlight=False)
    if len(lines) > PRINTED:
        console.print(f"... and {len(lines) - PRINTED} further problems of scenes", highlight=False)
    hashed = sum(scene.hashed for scene in scenes)
    verdict = "sound" if not (problems or lines) else f"not sound: {len(problems) + len(lines)} problems"
    console.print(f"{len(scenes)} scenes, {hashed} compared with recorded hashes: {verdict}", highlight=False)


def split_table(
    scenes: Sequence[SceneReport], listed: Mapping[str, Sequence[str]], taxonomies: Mapping[str, Taxonomy]
) -> Table:
    """Return scenes, points and classes by split."""
    from rich.table import Table

    table = Table(title="scenes")
    headings = ["split", "scenes", "listed", "points", *(f"classes in {key}" for key in taxonomies)]
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "split" else "right")
    for split in dict.fromkeys([*listed, *(scene.split for scene in scenes)]):
        mine = [scene for scene in scenes if scene.split == split]
        counts = [_points(mine, taxonomy) for taxonomy in taxonomies.values()]
        table.add_row(
            split,
            f"{len(mine):,}",
            f"{len(listed[split]):,}" if split in listed else "–",
            f"{sum(scene.points for scene in mine):,}",
            *(f"{np.count_nonzero(count)} of {len(count)}" if count.any() else "–" for count in counts),
        )
    return table


def class_table(scenes: Sequence[SceneReport], taxonomy: Taxonomy, classes: bool = True) -> Table:
    """Return the points of each class in all splits, most first, with the totals of head, common and tail."""
    from rich.table import Table

    points = _points(scenes, taxonomy)
    groups = {group: taxonomy.members(group) for group in GROUPS if len(taxonomy.members(group))}
    if not groups:
        groups = {"class": np.arange(len(taxonomy))}
    table = Table(title=f"points by class: {taxonomy.name}", show_footer=True)
    columns = []
    total = max(int(points.sum()), 1)
    for group, members in groups.items():
        share = f"{points[members].sum() / total:.1%}"
        seen = np.count_nonzero(points[members])
        table.add_column(group, footer=f"{seen} of {len(members)} occur, {share}")
        table.add_column("points", footer=f"{points[members].sum():,}", justify="right")
        order = members[np.argsort(-points[members], kind="stable")]
        columns.append([(taxonomy.names[index], f"{points[index]:,}") for index in order])
    for row in zip_longest(*columns, fillvalue=("", "")) if classes else ():
        table.add_row(*(cell for pair in row for cell in pair))
    return table


def _points(scenes: Sequence[SceneReport], taxonomy: Taxonomy) -> NDArray[np.int64]:
    """Return the (K,) points of each class."""
    rows: list[Any] = [scene.histogram[taxonomy.segment] for scene in scenes if taxonomy.segment in scene.histogram]
    return np.sum([*rows, np.zeros(len(taxonomy), np.int64)], axis=0, dtype=np.int64)
