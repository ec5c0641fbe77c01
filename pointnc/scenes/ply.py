"""Polygon files (ply): read as a whole, written atomically."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.files.atomic import atomic_path
from pointnc.scenes.ply_header import Element, Header, read_header
from pointnc.scenes.ply_rows import skip, walk, walk_lines
from pointnc.untrusted.numbers import parse_rows, plain_numbers
from pointnc.untrusted.sizes import one_line

CORNERS = ("vertex_indices", "vertex_index", "vertex_indexes")
"""What the list of a face's corners is called; any other list of whole numbers, where none of these is there."""


@dataclass(frozen=True)
class Table:
    """An element of R rows.

    Attributes:
        columns: property to (R,) values.
        lengths: property to (R,) how many values each of its lists has.
        items: property to the values of all its lists, one after the other.
    """

    columns: dict[str, NDArray[Any]]
    lengths: dict[str, NDArray[np.int64]]
    items: dict[str, NDArray[Any]]


def read_ply(
    path: str | Path, only: Collection[str] | None = None
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int32] | None]:
    """Return the vertex properties by name, and the (F, 3) triangles or None where the file has no faces.

    Reads ascii, little- and big-endian files with any further elements and properties.

    Args:
        path: the file.
        only: the vertex properties to read; those that the file lacks are left out, and the faces are not looked at.

    Raises:
        UserError: the file is missing, truncated or no ply.
    """
    path = Path(path)
    tables = read_elements(path, ("vertex",) if only is not None else ("vertex", "face"))
    vertex = tables["vertex"]
    for axis in "xyz":
        if only is None and axis in vertex.lengths:
            raise UserError(f"{path}: the vertex property {axis!r} is no number, one a point", code="shape")
        if only is None and axis not in vertex.columns:
            raise UserError(f"{path} has no vertex property {axis!r}", code="missing-column")
    fields = {
        name: np.ascontiguousarray(values) for name, values in vertex.columns.items() if only is None or name in only
    }
    faces = None
    if "face" in tables:
        count = len(next(iter(vertex.columns.values())))
        faces = triangles(tables["face"], count, path)
    return fields, faces


def read_elements(path: str | Path, wanted: Collection[str]) -> dict[str, Table]:
    """Return some elements of a file, those that it has.

    Raises:
        UserError: the file is missing, truncated or no ply.
    """
    path = Path(path)
    try:
        header = read_header(path)
        tables: dict[str, Table] = {}
        with path.open("rb") as stream:
            stream.seek(header.size)
            for element in header.elements:
                if element.name in wanted:
                    tables[element.name] = _read(stream, element, header, path)
                elif not _is_rest_of_triangles(stream, element, header, path):
                    skip(stream, element, header.kind == "ascii")  # to the end: what is truncated is not whole
        return tables
    except FileNotFoundError:
        raise UserError(f"{path} does not exist", code="missing-file") from None
    except (ValueError, OverflowError) as error:
        raise UserError(
            f"{path} is truncated or no ply file ({one_line(error)}); fetch it again", code="damaged-file"
        ) from error


def _read(stream: BinaryIO, element: Element, header: Header, path: Path) -> Table:
    if header.kind == "ascii":
        return _read_lines(stream, element)
    if not element.has_lists:
        start, size = stream.tell(), element.count * element.least
        if path.stat().st_size - start < size:
            raise ValueError(f"rows of {element.name} are missing")
        records = np.memmap(path, element.dtype, "c", start, element.count) if size else np.empty(0, element.dtype)
        stream.seek(size, 1)
        return Table({name: records[name] for name in element.dtype.names or ()}, {}, {})
    return _read_triangles(stream, element) or _read_rows(stream, element)


def _read_triangles(stream: BinaryIO, element: Element) -> Table | None:
    """Read rows whose lists all have three values, as nearly all meshes have them, in bulk; None where one has not."""
    kinds: list[Any] = []
    for one in element.properties:
        if one.length is None:
            kinds.append((one.name, one.dtype))
        else:
            kinds += [(f"{one.name}#", one.length), (one.name, one.dtype, 3)]
    start = stream.tell()
    records = np.fromfile(stream, np.dtype(kinds), element.count)
    lists = [one.name for one in element.properties if one.length is not None]
    if len(records) < element.count or any((records[f"{name}#"] != 3).any() for name in lists):
        stream.seek(start)
        return None
    return Table(
        {one.name: records[one.name] for one in element.properties if one.length is None},
        {name: np.full(len(records), 3) for name in lists},
        {name: records[name].reshape(-1) for name in lists},
    )


def _is_rest_of_triangles(stream: BinaryIO, element: Element, header: Header, path: Path) -> bool:
    """Whether the file ends as it must where all lists of an element, its last one, have three values."""
    width = sum(
        one.dtype.itemsize if one.length is None else one.length.itemsize + 3 * one.dtype.itemsize
        for one in element.properties
    )
    left = path.stat().st_size - stream.tell()
    return header.kind != "ascii" and element is header.elements[-1] and left == element.count * width


def _read_rows(stream: BinaryIO, element: Element) -> Table:
    pieces = list(walk(stream, element, 1 << 18))
    columns = [piece.values() for piece in pieces]
    lists = [one for one in element.properties if one.length is not None]
    single = [one for one in element.properties if one.length is None]

    def joined(parts: list[NDArray[Any]], dtype: Any) -> NDArray[Any]:
        return np.concatenate(parts) if parts else np.empty(0, dtype)

    return Table(
        {one.name: joined([values[one.name] for values in columns], one.dtype) for one in single},
        {one.name: joined([piece.lengths[one.name] for piece in pieces], np.int64) for one in lists},
        {one.name: joined([piece.items(one.name) for piece in pieces], one.dtype) for one in lists},
    )


def _read_lines(stream: BinaryIO, element: Element) -> Table:
    if not element.has_lists:
        table = parse_rows(stream, element.count)
        if table.shape != (element.count, len(element.properties)):
            raise ValueError(f"rows of {element.name} are missing")
        with np.errstate(invalid="ignore", over="ignore"):  # numbers beyond their type
            names = element.dtype.names or ()
            return Table({name: table[:, i].astype(element.dtype[name]) for i, name in enumerate(names)}, {}, {})
    values: dict[str, list[bytes]] = {one.name: [] for one in element.properties}
    lengths: dict[str, list[int]] = {one.name: [] for one in element.properties if one.length is not None}
    for line in walk_lines(stream, element):
        for one in element.properties:
            at = line.places[one.name]
            if one.length is None:
                values[one.name].append(line.words[at])
            else:
                lengths[one.name].append(int(line.words[at]))
                values[one.name] += line.words[at + 1 : at + 1 + lengths[one.name][-1]]
    made = {one.name: numbers(values[one.name], one.dtype) for one in element.properties}
    return Table(
        {name: column for name, column in made.items() if name not in lengths},
        {name: np.array(counts, np.int64) for name, counts in lengths.items()},
        {name: made[name] for name in lengths},
    )


def numbers(words: list[bytes], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return words as numbers of a type.

    Raises:
        ValueError: one is none.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # numbers beyond their type
        return np.array([float(plain_numbers(word)) for word in words], np.float64).astype(dtype)


def triangles(face: Table, vertices: int, path: Path) -> NDArray[np.int32]:
    """Return (F, 3) triangles; polygons of more corners are cut into fans, and none are made where no list is theirs.

    Raises:
        UserError: a face names a vertex that is not there.
    """
    whole = [name for name, values in face.items.items() if values.dtype.kind in "iu"]
    name = next((name for name in (*CORNERS, *whole) if name in whole), None)
    if name is None:
        return np.zeros((0, 3), np.int32)
    lengths, corners = face.lengths[name], face.items[name]
    if len(corners) and (corners.min() < 0 or corners.max() >= vertices):
        wrong = corners.min() if corners.min() < 0 else corners.max()
        raise UserError(f"{path}: a face names vertex {wrong}, but there are {vertices}", code="damaged-file")
    if (lengths == 3).all():
        return np.ascontiguousarray(corners, np.int32).reshape(-1, 3)
    fans = np.maximum(lengths - 2, 0)
    first = np.repeat(np.cumsum(lengths) - lengths, fans)
    turn = np.arange(int(fans.sum())) - np.repeat(np.cumsum(fans) - fans, fans)
    return np.stack([corners[first], corners[first + turn + 1], corners[first + turn + 2]], axis=1).astype(np.int32)


def write_ply(path: str | Path, vertex: Mapping[str, NDArray[Any]], faces: NDArray[Any] | None = None) -> None:
    """Write a binary little-endian ply; the file appears whole or not at all.

    Args:
        path: where to write.
        vertex: property name to (N,) array, in the order in which they shall stand in the file.
        faces: (F, 3) vertex indices.
    """
    names = {
        "float32": "float", "float64": "double", "uint8": "uchar", "int8": "char",
        "uint16": "ushort", "int16": "short", "int32": "int", "uint32": "uint",
    }  # fmt: skip
    count = len(next(iter(vertex.values())))
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
    table = np.empty(count, [(name, value.dtype.newbyteorder("<")) for name, value in vertex.items()])
    for name, value in vertex.items():
        header.append(f"property {names[value.dtype.name]} {name}")
        table[name] = value
    triangles = np.empty(0 if faces is None else len(faces), [("count", "u1"), ("corner", "<i4", 3)])
    if faces is not None:
        header += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
        triangles["count"] = 3
        triangles["corner"] = faces
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        stream.write(("\n".join([*header, "end_header"]) + "\n").encode("ascii"))
        stream.write(table.tobytes())
        stream.write(triangles.tobytes())
