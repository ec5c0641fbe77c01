"""What a benchmark server refuses, found before the upload: every violation with its scene and line.

A submission is one zip with one ``<scene>.txt`` for each scene of the split and nothing else, all at the top level. A
zip is an untrusted file: nothing is unpacked to the disk, and no member is read beyond what its scene can need.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.benchmarks.predictions import NOT_PARSED, Lines, parse_lines
from pointnc.errors import UserError
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.untrusted.sizes import one_line
from pointnc.untrusted.zip_member import DAMAGE, RefusedMember, is_link, read_member

Expected = Mapping[str, "int | None"]
"""Scene to its number of vertices, None where that is not known."""

MOST_OF_A_KIND = 10  # violations of one kind described in one scene; the rest is counted
MOST_MEMBERS = 10_000  # beyond the expected ones
BYTES_PER_VERTEX = 24  # the longest 64-bit integer with its line end
SMALLEST_LIMIT = 1 << 16
UNKNOWN_LIMIT = 1 << 24  # bytes of a scene whose number of vertices is not known


@dataclass(frozen=True)
class Violation:
    """One reason for which a server would refuse a submission.

    Attributes:
        where: the scene, the member of the zip where it belongs to no scene, or "" for the zip as a whole.
        line: line of the scene's file, counted from 1, or None.
        what: what is wrong and how to fix it.
    """

    where: str
    line: int | None
    what: str

    def __str__(self) -> str:
        """Return one line whatever the members are called."""
        where = self.where if self.where.isprintable() else ascii(self.where)
        place = where if self.line is None else f"{where}, line {self.line}"
        return f"{place}: {self.what}" if place else self.what


def find_violations(path: str | Path, taxonomy: Taxonomy, expected: Expected) -> list[Violation]:
    """Return every violation of a submission, in the order of its members; an empty list where it is valid.

    Args:
        path: the zip.
        taxonomy: whose ids are allowed.
        expected: the scenes of the split.

    Raises:
        UserError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no submission at {path.absolute()}; give the path of a zip", code="missing-file")
    try:
        with zipfile.ZipFile(path) as archive:
            return _check(archive, taxonomy, expected)
    except DAMAGE as error:
        return [Violation("", None, f"{path.name} is no zip or is damaged ({one_line(error)}); make it again")]


def _check(archive: zipfile.ZipFile, taxonomy: Taxonomy, expected: Expected) -> list[Violation]:
    members = archive.infolist()
    if len(members) > len(expected) + MOST_MEMBERS:
        what = f"holds {len(members)} members for {len(expected)} scenes; zip the txt files alone"
        return [Violation("", None, what)]
    layout = _Layout()
    layout.place(members, expected)
    violations = layout.violations
    values = _Values()
    for scene, member in layout.scenes.items():
        try:
            lines = parse_lines(_read(archive, member, expected[scene]), keep=MOST_OF_A_KIND)
        except RefusedMember as refused:
            violations.append(Violation(scene, None, str(refused)))
            continue
        violations += _check_lines(scene, lines, taxonomy, expected[scene], values)
    violations += [Violation(scene, None, "is missing") for scene in expected if scene not in layout.scenes]
    if values.look_like_indices(taxonomy):
        violations.insert(
            0,
            Violation(
                "",
                None,
                f"all values lie between 0 and {len(taxonomy) - 1} and some are no ids of {taxonomy.name}: they look "
                "like train indices; write the ids that these stand for",
            ),
        )
    return violations


@dataclass
class _Layout:
    """Which member holds which scene, and what is wrong with the members' names."""

    scenes: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)

    def place(self, members: Iterable[zipfile.ZipInfo], expected: Expected) -> None:
        """Sort the members; a scene in a folder is checked too, so that one run finds all there is."""
        folders: dict[str, int] = {}
        for member in members:
            name = member.filename.replace("\\", "/")
            *parents, last = name.split("/")
            if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in (*parents, last):
                self._add(member, "is an absolute path or leads out of the folder; zip the txt files by their names")
                continue
            if is_link(member):
                self._add(member, "is a link; zip the file itself")
                continue
            if parents:
                folders[parents[0]] = folders.get(parents[0], 0) + bool(last)
            scene = last.removesuffix(".txt")
            known = scene != last and scene in expected
            if known and scene in self.scenes:
                self.violations.append(Violation(scene, None, "is there more than once"))
            elif known:
                self.scenes[scene] = member
            elif parents:
                continue  # the folder is refused as a whole
            elif scene == last:
                self._add(member, "is no txt file; leave it out")
            else:
                self._add(member, "is no scene of this split; leave it out")
        for folder, count in folders.items():
            what = f"is a folder with {count} files; zip the txt files themselves, not their folder"
            self.violations.append(Violation(f"{folder}/", None, what))

    def _add(self, member: zipfile.ZipInfo, what: str) -> None:
        self.violations.append(Violation(member.filename, None, what))


@dataclass
class _Values:
    """What the values of the whole submission have in common."""

    low: int = 0
    high: int = 0
    positive_outside: bool = False

    def add(self, values: NDArray[np.int64], outside: NDArray[Any]) -> None:
        """Take in the (N,) integers of one scene; ``outside`` marks those that are no ids."""
        if len(values):
            self.low, self.high = min(self.low, int(values.min())), max(self.high, int(values.max()))
            self.positive_outside |= bool((values[outside] > 0).any())

    def look_like_indices(self, taxonomy: Taxonomy) -> bool:
        """Guess whether train indices were written: all in -1..K-1, and some, besides 0, no ids.

        A guess, for indices that happen to be ids of the set cannot be told from ids.
        """
        return self.positive_outside and self.low >= -1 and self.high < len(taxonomy)


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, vertices: int | None) -> bytes:
    """Return a member's bytes.

    Raises:
        RefusedMember: it is damaged, encrypted, packed as servers do not know, or larger than its scene needs.
    """
    limit = UNKNOWN_LIMIT if vertices is None else max(BYTES_PER_VERTEX * vertices, SMALLEST_LIMIT)
    return read_member(archive, member, limit, "a scene" if vertices is None else f"{vertices} vertices")


def _check_lines(
    scene: str, lines: Lines, taxonomy: Taxonomy, vertices: int | None, values: _Values
) -> Iterator[Violation]:
    count = len(lines.values)
    if count == 0:
        yield Violation(scene, None, "is empty" + ("" if vertices is None else f"; the mesh has {vertices} vertices"))
        return
    if vertices is not None and count < vertices:
        yield Violation(scene, count, f"is the last; the mesh has {vertices} vertices")
    elif vertices is not None and count > vertices:
        yield Violation(scene, vertices + 1, f"is one too many: {count} lines, but the mesh has {vertices} vertices")
    for index, (line, _) in enumerate(lines.faults):
        yield Violation(scene, line, lines.explain(index))
    if lines.faulty > len(lines.faults):
        yield Violation(scene, None, f"{lines.faulty - len(lines.faults)} further lines are blank or no integers")

    integer = lines.values != NOT_PARSED
    outside = integer & (taxonomy.encode(lines.values) < 0)
    values.add(lines.values[integer], outside[integer])
    rows = np.flatnonzero(outside)
    wrong, first, times = np.unique(lines.values[rows], return_index=True, return_counts=True)
    order = np.argsort(first)
    for which in order[:MOST_OF_A_KIND]:
        what = f"{wrong[which]} is no id of {taxonomy.name} ({times[which]} lines have it)"
        yield Violation(scene, int(rows[first[which]]) + 1, what)
    if len(wrong) > MOST_OF_A_KIND:
        yield Violation(scene, None, f"{len(wrong) - MOST_OF_A_KIND} further values are no ids of {taxonomy.name}")
