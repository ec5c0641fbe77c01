"""The yaml of a taxonomy, one line a class, made to be edited by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data_prep.stats.frequency import frequency_groups
from pointnc.files.atomic import write_text
from pointnc.scenes.taxonomy import GROUPS, Taxonomy, spread_colors

UNNAMED = "class {}"
"""What a class is called before somebody names it."""


def placeholder(number: int) -> str:
    """Return the name of a class that has none yet."""
    return UNNAMED.format(number)


def derive_taxonomy(
    counts: Mapping[int, int],
    name: str | None = None,
    given: Taxonomy | None = None,
    names: Taxonomy | None = None,
    regroup: bool = False,
) -> Taxonomy:
    """Return the taxonomy of the label values that were found, by their ids.

    Args:
        counts: label value to number of points; the groups follow from them.
        name: of the label set; None for that of ``given``, else "custom".
        given: what somebody wrote before: its names, colors, groups and order of classes stay, also of classes that
            were not found. A name that is a placeholder counts as none.
        names: where names and colors come from that ``given`` lacks.
        regroup: derive all groups again.
    """
    ids = [*(given.ids if given else ()), *sorted(set(counts) - set(given.ids if given else ()))]
    derived = frequency_groups(np.array([counts.get(number, 0) for number in ids]))
    spare = spread_colors(len(ids))
    rows = []
    used: set[str] = set()
    for number, color, group in zip(ids, spare, derived):
        called = placeholder(number)
        for source in (names, given):  # what was given comes last: it wins
            if source is None or number not in source.ids:
                continue
            index = source.ids.index(number)
            if source is given and source.names[index] == placeholder(number) and called != placeholder(number):
                continue
            called, color = source.names[index], source.colors[index]
            if source is given and source.groups[index] and not regroup:
                group = source.groups[index]
        if called in used:  # two sources may use one name for two ids
            called = f"{called} {number}"
        used.add(called)
        rows.append((called, number, color, group))
    return Taxonomy(
        name=name or (given.name if given else "custom"),
        names=tuple(row[0] for row in rows),
        ids=tuple(row[1] for row in rows),
        colors=tuple(row[2] for row in rows),
        groups=tuple(row[3] for row in rows),
        segment=given.segment if given else "segment",
        train_only=given.train_only if given else (),
    )


def write_taxonomy(path: Path, taxonomy: Taxonomy, counts: Mapping[int, int], scenes: Mapping[int, int]) -> None:
    """Write a taxonomy as yaml, each class with what was counted behind it.

    Args:
        path: of the file.
        taxonomy: the classes.
        counts: id to points.
        scenes: id to scenes.
    """
    width = max(len(quote(name)) for name in taxonomy.names) + 1
    lines = [
        "# The classes in the order in which they are trained. Fill in the names; ids are the values in your files.",
        "# Colors are red, green, blue from 0 to 255. Groups (head, common, tail) part the table of scores; they were",
        "# derived from the numbers of points. A class that is removed here has no label (unknown=ignore).",
        f"name: {quote(taxonomy.name)}",
        f"segment: {taxonomy.segment}  # the labels' name in the store",
    ]
    if taxonomy.train_only:
        lines.append(f"train_only: {list(taxonomy.train_only)}")
    lines.append("classes:")
    for name, number, color, group in zip(taxonomy.names, taxonomy.ids, taxonomy.colors, taxonomy.groups):
        counted = f"{counts.get(number, 0):,} points in {scenes.get(number, 0):,} scenes"
        color_text = ", ".join(f"{value:3d}" for value in color)
        name_text = f"{quote(name)},".ljust(width)
        lines.append(
            f"  - {{id: {number}, name: {name_text} color: [{color_text}], group: {group or quote('')}}}  # {counted}"
        )
    write_text(path, "\n".join(lines) + "\n")


def quote(name: str) -> str:
    """Return a name as yaml reads it back, in quotation marks where they are needed."""
    plain = re.fullmatch(r"[A-Za-z_](?:[\w -]*\w)?", name, re.ASCII)
    words = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
    if plain and name.lower() not in words:
        return name
    # Not json's escapes beyond 16 bits: yaml does not know pairs of surrogates.
    text = json.dumps(name, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in text)


def moved(taxonomy: Taxonomy, counts: Mapping[int, int]) -> list[str]:
    """Return a line for each class whose group is not the one that the counts would give."""
    derived = frequency_groups(np.array([counts.get(number, 0) for number in taxonomy.ids]))
    return [
        f"{name} is {group}, by frequency it would be {other}"
        for name, group, other in zip(taxonomy.names, taxonomy.groups, derived)
        if group in GROUPS and group != other
    ]
