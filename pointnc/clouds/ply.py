"""Polygon files: points or meshes, ascii or binary of either byte order. Comments, faces and the rest are kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.as_ply import NAMES
from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows, from_columns, ranges
from pointnc.clouds.structured import RecordFile, copy_records, extended, record_chunks
from pointnc.errors import UserError
from pointnc.scenes.mesh import vertex_normals
from pointnc.scenes.ply import check_room, read_ply
from pointnc.scenes.scene import FARTHEST
from pointnc.untrusted.sizes import whole_number

TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}


@dataclass(frozen=True)
class Header:
    """What stands before the points.

    Attributes:
        lines: of the header, without ``end_header``.
        kind: ascii, binary_little_endian or binary_big_endian.
        count: number of vertices.
        dtype: one vertex.
        last: number of the line of the last vertex property.
        size: bytes of the whole header.
        has_faces: whether there are any.
    """

    lines: list[str]
    kind: str
    count: int
    dtype: np.dtype[Any]
    last: int
    size: int
    has_faces: bool


class PlyFile(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.header = read_header(path)

    def __len__(self) -> int:
        return self.header.count

    def names(self) -> list[str]:
        """The vertex properties."""
        return list(self.header.dtype.names or ())

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Read binary vertices in slices, parse ascii ones."""
        if self.header.kind != "ascii":
            yield from record_chunks(self._records(), self.path, size)
            return
        with self.path.open("rb") as stream:
            stream.seek(self.header.size)
            for start, stop in ranges(len(self), size):
                yield from_columns(self._parse(stream, stop - start), self.path)

    def mesh_normals(self) -> NDArray[np.float32] | None:
        """Area-weighted means of the faces around each vertex; NaN where there are none."""
        if not self.header.has_faces:
            return None
        vertex, faces = read_ply(self.path)
        if faces is None or len(faces) == 0:
            return None
        coord = np.stack([vertex[axis] for axis in "xyz"], axis=1).astype(np.float64)
        with np.errstate(all="ignore"):  # points without a place make no normals
            coord[~(np.abs(coord) <= FARTHEST).all(axis=1)] = np.nan
            low = np.min(coord, axis=0, initial=np.inf, where=~np.isnan(coord))
            return vertex_normals((coord - low).astype(np.float32), faces, (np.nan,) * 3)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Insert properties behind those of the vertices; what follows the vertices is copied as it is."""
        header, rows = self.header, Rows(columns)
        order = ORDERS[header.kind]
        dtype = extended(header.dtype, rows.dtypes, order)
        old = [line for line in header.lines[: header.last + 1] if not _declares(line, rows.dtypes, header)]
        new = [f"property {NAMES[kind.str[1:]]} {name}" for name, kind in rows.dtypes.items()]
        lines = [*old, *new, *header.lines[header.last + 1 :], "end_header"]
        with self.path.open("rb") as source, target.open("wb") as out:
            out.write(("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))
            source.seek(header.size)
            if header.kind == "ascii":
                kept = [i for i, name in enumerate(self.names()) if name not in rows.dtypes]
                for start, stop in ranges(len(self), CHUNK):
                    out.write(self._append(source, stop - start, kept, rows.take(stop - start)))
            else:
                copy_records(self._records(), out, rows, dtype)
                source.seek(header.size + header.count * header.dtype.itemsize)
            shutil.copyfileobj(source, out)

    def _records(self) -> RecordFile:
        return RecordFile(self.path, self.header.size, self.header.dtype, self.header.count)

    def _append(self, source: Any, count: int, kept: list[int], new: Columns) -> bytes:
        """Return the next lines with further values; the old ones keep their spelling, empty lines go."""
        values = [_texts(column) for column in new.values()]
        lines = []
        for row in range(count):
            words: list[bytes] = []
            while not words:
                line = source.readline()
                words = line.split()
                if not line or (words and len(words) != len(self.names())):
                    raise UserError(f"{self.path} is damaged: a point does not have {len(self.names())} values")
            lines.append(b" ".join([*(words[i] for i in kept), *(column[row] for column in values)]))
        return b"\n".join(lines) + b"\n" if lines else b""

    def _parse(self, stream: Any, count: int) -> dict[str, Any]:
        try:
            table = np.loadtxt(stream, np.float64, comments=None, max_rows=count, ndmin=2)
        except ValueError as error:
            raise UserError(f"{self.path} is damaged: {error}") from None
        names = self.names()
        if table.shape != (count, len(names)):
            raise UserError(f"{self.path} is truncated: its header promises {len(self)} points of {len(names)} columns")
        return {name: table[:, i].astype(self.header.dtype[name]) for i, name in enumerate(names)}


def _texts(column: Any) -> list[bytes]:
    """Return the shortest texts that read back as the same values."""
    return [str(value).encode() for value in column]


def _declares(line: str, names: Iterable[str], header: Header) -> bool:
    """Whether a header line declares a vertex property that is to be replaced."""
    words = line.split()
    return len(words) == 3 and words[0] == "property" and words[2] in names and words[2] in (header.dtype.names or ())


def read_header(path: Path) -> Header:
    """Read a ply header.

    Raises:
        UserError: it is no ply, or one whose vertices do not come first or hold lists.
    """
    lines: list[str] = []
    kind, count, last, properties, element = "", -1, -1, [], ""
    rows: dict[str, list[int]] = {}  # count, values and bytes of each element
    with path.open("rb") as stream:
        if stream.readline(16).strip() != b"ply":
            raise UserError(f"{path} is no ply file: it does not begin with 'ply'")
        lines.append("ply")
        while True:
            raw = stream.readline(4096)
            if not raw or len(lines) > 10_000:
                raise UserError(f"{path} is damaged: its header has no end")
            line = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
            words = line.split()
            if words[:1] == ["end_header"]:
                break
            if words[:1] == ["format"] and len(words) > 1:
                kind = words[1]
            elif words[:1] == ["element"]:
                number = whole_number(words[2]) if len(words) == 3 else None
                if number is None or words[1] in rows:
                    raise UserError(f"{path} is damaged: its header has a line {line[:60]!r}")
                if count < 0 and words[1] != "vertex":
                    raise UserError(f"{path}: the element {words[1]} stands before the vertices; this is not supported")
                element = words[1]
                count = number if element == "vertex" else count
                rows[element] = [number, 0, 0]
            elif words[:1] == ["property"] and element == "vertex":
                if len(words) != 3 or words[1] not in TYPES:
                    raise UserError(f"{path}: the vertex property {line!r} is not supported")
                properties.append((words[2], TYPES[words[1]]))
                last = len(lines)
            if words[:1] == ["property"] and element:
                sized = words[2:3] if words[1:2] == ["list"] else words[1:2]  # an empty list has its length alone
                if len(words) < 3 or not sized or sized[0] not in TYPES:
                    raise UserError(f"{path}: the property {line[:60]!r} of {element} is not supported")
                rows[element][1] += 1
                rows[element][2] += np.dtype(TYPES[sized[0]]).itemsize
            lines.append(line)
        size = stream.tell()
    if kind not in ORDERS or count < 0 or not properties:
        raise UserError(f"{path} is damaged: its header has no format or no vertices")
    try:
        dtype = np.dtype(properties).newbyteorder(ORDERS[kind])  # type: ignore[arg-type]
    except ValueError:
        raise UserError(f"{path}: a vertex property is declared twice") from None
    least = [(name, number, 2 * values if kind == "ascii" else width) for name, (number, values, width) in rows.items()]
    check_room(path, least, path.stat().st_size - size)
    return Header(lines, kind, count, dtype, last, size, rows.get("face", [0])[0] > 0)
