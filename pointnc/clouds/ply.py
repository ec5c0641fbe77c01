"""Polygon files: points or meshes, ascii or binary of either byte order. Comments, faces and the rest are kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.as_ply import NAMES
from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows, from_columns, ranges
from pointnc.clouds.structured import RecordFile, copy_records, extended, record_chunks
from pointnc.errors import UserError
from pointnc.scenes.mesh import vertex_normals
from pointnc.scenes.ply import numbers, read_ply
from pointnc.scenes.ply_header import ORDERS, read_header
from pointnc.scenes.ply_rows import skip, walk, walk_lines
from pointnc.scenes.scene import FARTHEST
from pointnc.untrusted.numbers import parse_rows
from pointnc.untrusted.sizes import one_line


class PlyFile(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`.

    Lists of the vertices are kept and not read; what stands before the vertices is kept as well.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.header = read_header(path)
        vertex = self.header.find("vertex")
        assert vertex is not None  # the header would have been refused
        self.vertex = vertex
        self._place: int | None = None

    def __len__(self) -> int:
        return self.vertex.count

    def names(self) -> list[str]:
        """The vertex properties."""
        return list(self.vertex.dtype.names or ())

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Read binary vertices in slices, parse ascii ones."""
        if self.header.kind != "ascii" and not self.vertex.has_lists:
            yield from record_chunks(self._records(), self.path, size)
            return
        with self.path.open("rb") as stream:
            stream.seek(self._start())
            try:
                for columns in self._parsed(stream, size):
                    yield from_columns(columns, self.path)
            except ValueError as error:
                raise UserError(
                    f"{self.path} is damaged or truncated: {one_line(error)}", code="damaged-file"
                ) from None

    def mesh_normals(self) -> NDArray[np.float32] | None:
        """Area-weighted means of the faces around each vertex; NaN where there are none."""
        faces = self.header.find("face")
        if faces is None or faces.count == 0:
            return None
        vertex, triangles = read_ply(self.path)
        if triangles is None or len(triangles) == 0:
            return None
        coord = np.stack([vertex[axis] for axis in "xyz"], axis=1).astype(np.float64)
        with np.errstate(all="ignore"):  # points without a place make no normals
            coord[~(np.abs(coord) <= FARTHEST).all(axis=1)] = np.nan
            low = np.min(coord, axis=0, initial=np.inf, where=~np.isnan(coord))
            return vertex_normals((coord - low).astype(np.float32), triangles, (np.nan,) * 3)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Insert properties behind those of the vertices; all that stands before and after them is copied as it is."""
        header, rows = self.header, Rows(columns)
        dropped = {one.line for one in self.vertex.properties if one.length is None and one.name in rows.dtypes}
        last = max(one.line for one in self.vertex.properties)
        old = [line for number, line in enumerate(header.lines[: last + 1]) if number not in dropped]
        new = [f"property {NAMES[kind.str[1:]]} {name}" for name, kind in rows.dtypes.items()]
        lines = [*old, *new, *header.lines[last + 1 :], "end_header"]
        with self.path.open("rb") as source, target.open("wb") as out:
            out.write(("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))
            source.seek(header.size)
            left = self._start() - header.size
            while left:
                part = source.read(min(left, 1 << 22))
                out.write(part)
                left -= len(part)
            try:
                self._rewrite_vertices(source, out, rows)
            except ValueError as error:
                raise UserError(
                    f"{self.path} is damaged or truncated: {one_line(error)}", code="damaged-file"
                ) from None
            shutil.copyfileobj(source, out)

    def _rewrite_vertices(self, source: BinaryIO, out: BinaryIO, rows: Rows) -> None:
        vertex = self.vertex
        if self.header.kind == "ascii":
            lines = walk_lines(source, vertex)
            for start, stop in ranges(len(self), CHUNK):
                out.write(self._append(lines, stop - start, rows.take(stop - start)))
        elif vertex.has_lists:
            order = ORDERS[self.header.kind]
            dtype = np.dtype([(name, kind.newbyteorder(order)) for name, kind in rows.dtypes.items()])  # type: ignore[arg-type]
            for piece in walk(source, vertex, CHUNK):
                new = np.empty(len(piece), dtype)
                for name, values in rows.take(len(piece)).items():
                    new[name] = values
                out.write(piece.extended(new, set(rows.dtypes)))
        else:
            copy_records(self._records(), out, rows, extended(vertex.dtype, rows.dtypes, ORDERS[self.header.kind]))
            source.seek(vertex.count * vertex.dtype.itemsize, 1)

    def _records(self) -> RecordFile:
        return RecordFile(self.path, self._start(), self.vertex.dtype, self.vertex.count)

    def _start(self) -> int:
        """Return the byte at which the vertices begin: mostly behind the header, but other elements may come first."""
        if self._place is None:
            with self.path.open("rb") as stream:
                stream.seek(self.header.size)
                try:
                    for element in self.header.before("vertex"):
                        skip(stream, element, self.header.kind == "ascii")
                except ValueError as error:
                    raise UserError(
                        f"{self.path} is damaged or truncated: {one_line(error)}", code="damaged-file"
                    ) from None
                self._place = stream.tell()
        return self._place

    def _append(self, lines: Iterator[Any], count: int, new: Columns) -> bytes:
        """Return the next lines with further values; the old ones keep their spelling, empty lines go."""
        values = [[str(value).encode() for value in column] for column in new.values()]
        dropped = [one.name for one in self.vertex.properties if one.length is None and one.name in new]
        made = []
        for row in range(count):
            line = next(lines)
            gone = {line.places[name] for name in dropped}
            kept = [word for i, word in enumerate(line.words) if i not in gone] if gone else line.words
            made.append(b" ".join([*kept, *(column[row] for column in values)]))
        return b"\n".join(made) + b"\n" if made else b""

    def _parsed(self, stream: BinaryIO, size: int) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the values of the next vertices of an ascii file, or of one whose vertices hold lists."""
        vertex, names = self.vertex, self.names()
        if self.header.kind != "ascii":
            for piece in walk(stream, vertex, size):
                yield piece.values()
            return
        lines = walk_lines(stream, vertex) if vertex.has_lists else None
        for start, stop in ranges(len(self), size):
            if lines is not None:
                rows = [next(lines) for _ in range(stop - start)]
                kinds = vertex.dtype
                yield {name: numbers([row.words[row.places[name]] for row in rows], kinds[name]) for name in names}
                continue
            table = parse_rows(stream, stop - start)
            if table.shape != (stop - start, len(names)):
                raise ValueError(f"its header promises {len(self)} points of {len(names)} columns")
            with np.errstate(invalid="ignore", over="ignore"):  # numbers beyond their type
                yield {name: table[:, i].astype(vertex.dtype[name]) for i, name in enumerate(names)}
