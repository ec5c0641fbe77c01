"""The label values of one's own files as a taxonomy to fill names in: ``python -m data_prep.taxonomy root=FOLDER``.

Every value is counted; groups follow from the counts, colors are spread over the hue circle. What the file holds
already (names, colors, groups, order) is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from data_prep.custom.columns import find_label, one_class, whole_numbers, without_ignored
from data_prep.custom.folder import Room, find_rooms
from data_prep.custom.labels import elsewhere, open_labeled
from data_prep.processes import check_workers, from_here
from data_prep.taxonomy.file import moved, placeholder
from pointnc.clouds.survey import has_place
from pointnc.errors import UserError
from pointnc.scenes.scene import IGNORE
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy

MOST = 1000
"""Different label values beyond which a column does not hold classes."""


@dataclass
class Values:
    """What the label columns of a folder hold.

    Attributes:
        points: split to label value to points; ids that mean no class are left out.
        scenes: label value to the number of scenes that contain it.
        columns: name of a label column to the number of files that have it; None: files without labels.
        failures: file to what is wrong with it.
        remarks: what was assumed, to the files that it is about.
        elsewhere: settings that would find labels of files without any.
    """

    points: dict[str, Counter[int]] = field(default_factory=dict)
    scenes: Counter[int] = field(default_factory=Counter)
    columns: Counter[str | None] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)

    def total(self) -> Counter[int]:
        """Return the points of each value in all splits."""
        return sum(self.points.values(), Counter[int]())


def count_values(
    root: str | Path,
    *,
    label: str | None = None,
    labels: str | None = None,
    ignore: Sequence[int] = (IGNORE,),
    columns: Sequence[str] = (),
    splits: Sequence[str] | None = None,
    files: str = "*",
    workers: int | None = None,
) -> Values:
    """Count the label values of all files of a folder, piece by piece.

    Args:
        root: folder with a folder for each split; or a store.
        label: name of the column; None: see :func:`data_prep.custom.columns.find_label`.
        labels: where they are, if in no column; see :func:`data_prep.custom.labels.open_labeled`.
        ignore: ids that mean no class.
        columns: what the columns of tables without names are.
        splits: which folders; None for all.
        files: pattern that file names must match.
        workers: processes; None for one a core.

    Raises:
        UserError: there is nothing to read.
    """
    from joblib import Parallel, delayed
    from rich.progress import track

    check_workers(workers)
    rooms, failures = find_rooms(Path(root), splits, files, labels)
    found = Values(failures=failures)
    parallel = Parallel(n_jobs=workers or -1, return_as="generator")
    reading = Reading(label, labels, tuple(ignore), tuple(columns))
    results = parallel(delayed(from_here(_count_or_explain))(room, reading) for room in rooms)
    for room, (counted, error) in zip(rooms, track(results, description="count", total=len(rooms))):
        if counted is None or error is not None:
            found.failures[room.label] = str(error)
            continue
        found.columns[counted.column] += 1
        found.points.setdefault(room.split, Counter()).update(counted.points)
        found.scenes.update(counted.points.keys())
        for remark in counted.remarks:
            found.remarks.setdefault(remark, []).append(room.label)
        if counted.column is None and not found.elsewhere:
            found.elsewhere += elsewhere(room.path)
    return found


@dataclass(frozen=True)
class Reading:
    """How the label values of a file are read; see :func:`count_values`."""

    label: str | None
    labels: str | None
    ignore: tuple[int, ...]
    columns: tuple[str, ...]


@dataclass
class Counted:
    """The label values of one file.

    Attributes:
        column: where they stand; None without labels.
        points: value to points; points without a place do not count.
        remarks: what was assumed.
    """

    column: str | None = None
    points: Counter[int] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)


def _count_or_explain(room: Room, reading: Reading) -> tuple[Counted | None, str | None]:
    try:
        return _count(room, reading), None
    except UserError as error:
        return None, str(error)
    except OSError as error:
        return None, f"{error.filename or room.path}: {error.strerror or error}"


def _count(room: Room, reading: Reading) -> Counted:
    found = Counted()
    counts = found.points
    file = open_labeled(room.path, reading.labels, reading.columns)
    for chunk in file.chunks():
        found.column = column = find_label(chunk.attributes, reading.label, str(room.path))
        if column is None:
            break
        values = chunk.attributes[column][has_place(chunk.coord)]
        ids = without_ignored(whole_numbers(values, column, str(room.path)), reading.ignore)
        values, numbers = np.unique(ids[ids != IGNORE], return_counts=True)
        counts.update(dict(zip(values.tolist(), numbers.tolist())))
        if len(counts) > MOST:
            raise UserError(
                f"{room.path}: {column} holds more than {MOST} different values, so it seems not to be one of classes; "
                "give label=NAME",
                code="ambiguous",
            )
    found.remarks += file.remarks
    if found.column is not None and len(counts) == 1:
        found.remarks.append(one_class(found.column, next(iter(counts))))
    negative = [value for value in counts if value < 0]
    if negative:
        raise UserError(
            f"{room.path}: {column} holds the negative id {min(negative)}; if it means no class, give "
            f"ignore=[-1,{min(negative)}]",
            code="unknown-label",
        )
    return found


def report(taxonomy: Taxonomy, found: Values, path: Path) -> None:
    """Print the classes with their counts, what was kept against the frequencies, and what is to be done next."""
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True, highlight=False)
    table = Table("id", "name", "group", *found.points, "scenes", title=f"{len(taxonomy)} classes")
    total = found.total()
    order = sorted(range(len(taxonomy)), key=lambda index: -total[taxonomy.ids[index]])
    for index in order:
        number = taxonomy.ids[index]
        table.add_row(
            str(number),
            taxonomy.names[index],
            taxonomy.groups[index],
            *(f"{counts[number]:,}" for counts in found.points.values()),
            str(found.scenes[number]),
        )
    for column in table.columns[3:]:
        column.justify = "right"
    console.print(table, soft_wrap=False)
    names = ", ".join(f"{column or 'no label'} ({count} files)" for column, count in found.columns.items())
    console.print(f"labels from the column: {names}", markup=False)
    for remark, files in found.remarks.items():
        console.print(
            f"{len(files)} files: {remark} ({', '.join(files[:3])}{', ...' if len(files) > 3 else ''})", markup=False
        )
    for line in moved(taxonomy, basis(found)):
        console.print(f"kept: {line} (regroup=true derives it)", markup=False)
    nameless = sum(name == placeholder(number) for name, number in zip(taxonomy.names, taxonomy.ids))
    console.print(f"wrote {path}" + (f": {nameless} names are to be filled in" if nameless else ""), markup=False)
    for place, line in found.failures.items():
        console.print(f"failed: {place}: {line}", markup=False, style="red")


def basis(found: Values) -> Counter[int]:
    """Return the counts that groups follow from: those of train, where there is one."""
    return found.points["train"] if found.points.get("train") else found.total()


def stored_names(root: Path) -> Taxonomy | None:
    """Return the label set of a store's manifest, with train indices as ids, since these are what its arrays hold."""
    if not (root / "manifest.json").is_file():
        return None
    known = list(SceneStore(root).taxonomies().values())
    return replace(known[0], ids=tuple(range(len(known[0])))) if len(known) == 1 else None
