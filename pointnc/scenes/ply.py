"""Polygon files (ply): read in one pass without parsing element by element, written atomically."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.scenes.atomic import atomic_path
from pointnc.untrusted.sizes import one_line

MOST_HEADER = 1 << 20
"""Bytes of a header that are read."""


def read_ply(
    path: str | Path, only: Collection[str] | None = None
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int32] | None]:
    """Return the vertex properties by name, and the (F, 3) triangles or None where the file has no faces.

    Reads ascii, little- and big-endian files with any further properties.

    Args:
        path: the file.
        only: the vertex properties to read; those that the file lacks are left out, and the faces are not looked at.

    Raises:
        UserError: the file is missing, truncated or no ply.
    """
    from plyfile import PlyData, PlyElementParseError, PlyListProperty

    path = Path(path)
    try:
        with path.open("rb") as stream:
            if b"end_header" not in stream.read(MOST_HEADER):
                raise ValueError("its header has no end")
            stream.seek(0)
            header = PlyData._parse_header(stream)
            rows = [(one.name, one.count, _smallest(one.properties, header.text)) for one in header.elements]
            check_room(path, rows, path.stat().st_size - stream.tell())
        lists = {
            element.name: {p.name: 3 for p in element.properties if isinstance(p, PlyListProperty)}
            for element in header.elements
        }
        try:  # all faces triangles: a plain array, read in bulk
            data = PlyData.read(str(path), known_list_len=lists, mmap="c")
        except PlyElementParseError:
            data = PlyData.read(str(path))
        vertex = data["vertex"].data
        wanted = [name for name in vertex.dtype.names or () if only is None or name in only]
        fields = {name: np.ascontiguousarray(vertex[name]) for name in wanted}
        faces = _triangles(data["face"].data) if only is None and "face" in data else None
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except Exception as error:  # damaged headers and values raise in many ways
        raise UserError(f"{path} is truncated or no ply file ({one_line(error)}); fetch it again") from error
    for axis in "xyz":
        if only is None and axis not in fields:
            raise UserError(f"{path} has no vertex property {axis!r}")
    for name, values in fields.items():
        if values.ndim != 1 or values.dtype.kind not in "iuf":
            raise UserError(f"{path}: the vertex property {name!r} is no number, one a point")
    if faces is not None and len(faces) and (faces.min() < 0 or faces.max() >= len(vertex)):
        raise UserError(f"{path}: a face names vertex {faces.max()}, but there are {len(vertex)}")
    return fields, faces


def check_room(path: Path, elements: Iterable[tuple[str, int, int]], room: int) -> None:
    """Compare what a header promises with what is there.

    Args:
        path: of the file.
        elements: name, number of rows, and least bytes of one.
        room: bytes behind the header.

    Raises:
        UserError: there is less.
    """
    for name, count, smallest in elements:
        there = max(room + 1, 0) // max(smallest, 1)  # the last line may have no end
        if not 0 <= count <= there:
            promise = f"its header promises {count} rows of {name}, {there} at most are there"
            raise UserError(f"{path} is truncated or no ply file ({promise}); fetch it again")
        room -= count * smallest


def _smallest(properties: Iterable[Any], ascii_: bool) -> int:
    """Return the least bytes of a row: in a text, a digit and a space for each value; a list may be empty."""
    if ascii_:
        return 2 * len(list(properties))
    return sum(np.dtype(getattr(one, "len_dtype", one.val_dtype)).itemsize for one in properties)


def _triangles(face: NDArray[Any]) -> NDArray[np.int32]:
    """Return (F, 3) triangles; polygons of more corners are cut into fans."""
    name = next(name for name in ("vertex_indices", "vertex_index") if name in (face.dtype.names or ()))
    column = face[name]
    if len(column) and np.asarray(column[0]).dtype.kind not in "iu":
        raise ValueError(f"{name} holds no whole numbers")
    if column.dtype != object:
        if column.ndim != 2:
            raise ValueError(f"{name} is no list")
        return np.ascontiguousarray(column, np.int32).reshape(-1, 3)
    fans = [np.stack([np.full(len(p) - 2, p[0]), p[1:-1], p[2:]], axis=1) for p in column if len(p) >= 3]
    return np.concatenate(fans).astype(np.int32) if fans else np.zeros((0, 3), np.int32)


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
