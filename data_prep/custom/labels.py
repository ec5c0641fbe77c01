"""Labels that are no column of the cloud: in a file beside it, on the faces of a mesh, or as colors with a legend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds import CloudFile, PointCloud, open_cloud
from pointnc.clouds.cloud import CHUNK, Columns
from pointnc.clouds.label_file import SUFFIXES, read_label_file
from pointnc.clouds.names import by_plain_name
from pointnc.errors import UserError
from pointnc.scenes.ply import CORNERS, Table, read_elements
from pointnc.scenes.ply_header import read_header
from pointnc.scenes.scene import IGNORE
from pointnc.scenes.taxonomy import Taxonomy

FACE = "face."
TABLES = (".yaml", ".yml", ".csv", ".txt")
FEW = 300
"""So many colors at most a legend has."""

Add = Callable[[PointCloud, int], PointCloud]
"""Gives points, the first of which has that number in the file, their labels."""


class WithLabels(CloudFile):
    """A cloud with labels from elsewhere, in a column ``label``.

    Args:
        file: the cloud.
        add: gives the labels.
    """

    def __init__(self, file: CloudFile, add: Add) -> None:
        super().__init__(file.path)
        self.file, self._add = file, add
        self.remarks = file.remarks

    def __len__(self) -> int:
        return len(self.file)

    def names(self) -> list[str]:
        """The columns of the cloud, and ``label``."""
        return list(dict.fromkeys([*self.file.names(), "label"]))

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """The pieces of the cloud with their labels."""
        first = 0
        for chunk in self.file.chunks(size):
            yield self._add(chunk, first)
            first += len(chunk)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Copy the cloud."""
        self.file.rewrite(target, columns)

    def mesh_normals(self) -> NDArray[np.float32] | None:
        """Those of the cloud."""
        return self.file.mesh_normals()


def open_labeled(path: Path, labels: str | None = None, columns: Sequence[str] = ()) -> CloudFile:
    """Open a cloud with its labels, wherever they are.

    Args:
        path: of the cloud.
        labels: None: in a column of it. Else what the name of a file beside it has behind the cloud's own
            (``.labels``), a property of the faces (``face.category_id``), or a file that says which color stands for
            which class: a taxonomy (yaml), or a table with the columns id, red, green, blue.
        columns: what the columns of a table are.

    Raises:
        UserError: the cloud or the labels cannot be read, or do not belong together.
    """
    file = open_cloud(path, columns)
    if labels is None:
        return file
    if labels.startswith(FACE):
        return WithLabels(file, _sliced({"label": face_labels(path, labels[len(FACE) :])}))
    if beside(path, labels).is_file():
        return WithLabels(file, _sliced(read_label_file(beside(path, labels), len(file))))
    if Path(labels).suffix.lower() in TABLES and Path(labels).is_file():
        file.remarks.append(f"its colors stand for the classes of {labels}, and are no colors")
        return WithLabels(file, _by_color(read_color_table(Path(labels)), path))
    raise UserError(
        f"{path}: labels={labels} is neither the end of the name of a file beside it ({beside(path, labels).name}), "
        f"nor {FACE}NAME, nor a table of colors that exists{_hint(path)}",
        code="missing-file",
    )


def beside(path: Path, labels: str) -> Path:
    """Return the file beside a cloud whose name is the cloud's with another end."""
    return path.with_name(f"{path.stem}{Path(labels).name}")


def _sliced(found: dict[str, NDArray[Any]]) -> Add:
    def add(cloud: PointCloud, first: int) -> PointCloud:
        part = {name: values[first : first + len(cloud)] for name, values in found.items()}
        return replace(cloud, attributes={**cloud.attributes, **part})

    return add


def face_labels(path: Path, name: str) -> NDArray[np.int64]:
    """Return (N,) what most of the faces around each vertex have, the least of several; -1 where there are none.

    Raises:
        UserError: the file is no ply, or its faces have no such property of whole numbers.
    """
    table = read_elements(path, ("face",)).get("face") if path.suffix.lower() == ".ply" else None
    if table is None or name not in table.columns or table.columns[name].dtype.kind not in "iu":
        raise UserError(f"{path}: its faces have no whole numbers {name!r}{_hint(path)}", code="missing-column")
    vertex = read_header(path).find("vertex")
    return vote(table, name, 0 if vertex is None else vertex.count, path)


def vote(table: Table, name: str, vertices: int, path: Path) -> NDArray[np.int64]:
    """Return (N,) the most frequent value of the faces around each vertex; see :func:`face_labels`.

    Raises:
        UserError: there are no corners, or one is no vertex.
    """
    corner = next((one for one in (*CORNERS, *table.items) if one in table.items), None)
    corners = np.empty(0, np.int64) if corner is None else table.items[corner].astype(np.int64)
    if len(corners) == 0 or corners.min() < 0 or corners.max() >= vertices:
        raise UserError(f"{path}: its faces have no corners among its {vertices} vertices", code="no-labels")
    assert corner is not None
    values, index = np.unique(np.repeat(table.columns[name], table.lengths[corner]), return_inverse=True)
    pairs, counts = np.unique(corners * len(values) + index, return_counts=True)
    order = np.lexsort((pairs, -counts, pairs // len(values)))  # vertex by vertex, the most frequent first
    found, first = np.unique(pairs[order] // len(values), return_index=True)
    labels = np.full(vertices, IGNORE, np.int64)
    labels[found] = values[pairs[order][first] % len(values)]
    return labels


def read_color_table(path: Path) -> dict[tuple[int, int, int], int]:
    """Return color to id of a class, from a taxonomy or a table.

    Raises:
        UserError: it is neither, or gives a color to two classes.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        taxonomy = Taxonomy.from_yaml(path)
        rows = [(tuple(color), number) for color, number in zip(taxonomy.colors, taxonomy.ids)]
    else:
        rows = [((red, green, blue), number) for number, red, green, blue in _table_rows(path)]
    table: dict[tuple[int, int, int], int] = {}
    for color, number in rows:
        red, green, blue = color
        if table.setdefault((red, green, blue), number) != number:
            raise UserError(
                f"{path} gives the color {color} to {table[red, green, blue]} and to {number}", code="ambiguous"
            )
    return table


def _table_rows(path: Path) -> Iterator[tuple[int, int, int, int]]:
    import csv

    from pointnc.untrusted.sizes import read_bounded

    text = read_bounded(path, 1 << 20, "write id,red,green,blue a line").decode("utf-8-sig", "replace")
    lines = [line for line in text.splitlines() if line.strip()]
    separator = next((one for one in ",;\t" if one in (lines or [""])[0]), " ")
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    known = by_plain_name(next(reader, []))
    heading = [name.strip().lstrip("#").strip().lower() for name in known.values()]
    number = next((name for name in ("id", "label", "class") if name in heading), None)
    if number is None or not {"red", "green", "blue"} <= set(heading):
        raise UserError(
            f"{path} needs a first line with id, red, green and blue; it has {', '.join(heading)}",
            code="missing-column",
        )
    places = [heading.index(name) for name in (number, "red", "green", "blue")]
    for line, row in enumerate(reader, 2):
        try:
            first, red, green, blue = (int(row[place]) for place in places)
        except (ValueError, IndexError):
            raise UserError(
                f"{path}, line {line}: id, red, green and blue must be whole numbers", code="damaged-file"
            ) from None
        yield first, red, green, blue


def _by_color(table: dict[tuple[int, int, int], int], path: Path) -> Add:
    keys = np.array([red << 16 | green << 8 | blue for red, green, blue in table], np.int64)
    ids = np.array(list(table.values()), np.int64)[np.argsort(keys)]
    keys = np.sort(keys)

    def add(cloud: PointCloud, first: int) -> PointCloud:
        if cloud.color is None:
            raise UserError(f"{path} has no colors that could stand for classes", code="missing-column")
        color = cloud.color.astype(np.float64)
        if cloud.color.dtype.kind == "f" and np.nanmax(color, initial=0) <= 1:
            color = color * 255
        whole = np.nan_to_num(np.rint(color), nan=-1).astype(np.int64)
        key = whole[:, 0] << 16 | whole[:, 1] << 8 | whole[:, 2]
        place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        known = keys[place] == key
        if not known.any() and len(cloud):
            some = ", ".join(str(tuple(row.tolist())) for row in np.unique(whole, axis=0)[:5])
            raise UserError(
                f"{path}: none of its colors ({some}, ...) stands for a class in the table of labels=",
                code="unknown-label",
            )
        labels = np.where(known, ids[place], IGNORE)
        return replace(cloud, color=None, attributes={**cloud.attributes, "label": labels})

    return add


def elsewhere(path: Path) -> list[str]:
    """Return which settings would find labels of a cloud that has none in a column."""
    found = []
    if path.is_file():
        near = (other for other in sorted(path.parent.iterdir()) if other.name.startswith(path.stem))
        ends = (other.name.removeprefix(path.stem) for other in near if other.suffix.lower() in SUFFIXES)
        found += [f"labels={end} ({path.stem}{end} is beside it)" for end in ends]
    if path.suffix.lower() == ".ply" and path.is_file():
        faces = read_header(path).find("face")
        names = [] if faces is None else [one.name for one in faces.properties if one.length is None]
        names = [name for name in names if name not in ("red", "green", "blue", "alpha", "flags", "nx", "ny", "nz")]
        found += [f"labels={FACE}{name} (of its faces)" for name in names]
    if not found and path.is_file():
        chunk = next(open_cloud(path).chunks(100_000), None)
        if chunk is not None and chunk.color is not None:
            colors = len(np.unique(chunk.color, axis=0))
            if 1 < colors <= FEW and 20 * colors < len(chunk):
                found.append(f"labels=TABLE.yaml or .csv (its points have {colors} colors, which may be classes)")
    return found


def _hint(path: Path) -> str:
    found = elsewhere(path)
    return f"; there is {', '.join(found)}" if found else ""
