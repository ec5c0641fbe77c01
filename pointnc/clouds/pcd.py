"""Point Cloud Library files (pcd): ascii, binary and binary_compressed, after the format's public description."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows, from_columns, ranges
from pointnc.clouds.lzf import compress, decompress
from pointnc.clouds.structured import RecordFile, Records, copy_records, extended
from pointnc.errors import UserError

KEYS = ("VERSION", "FIELDS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "VIEWPOINT", "POINTS", "DATA")


class PcdFile(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`.

    Fields with several values get the names ``field_0``, ``field_1`` and so on. A packed ``rgb`` or ``rgba`` is read as
    colours.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.header, self.size = _read_header(path)
        self.count = int(self.header.get("POINTS", ["0"])[0])
        self.kind = self.header["DATA"][0]
        self.dtype = self._dtype()

    def __len__(self) -> int:
        return self.count

    def names(self) -> list[str]:
        """The fields."""
        return list(self.dtype.names or ())

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Read binary points in slices; ascii ones are parsed, compressed ones (by columns) unpacked as a whole."""
        records = self._records()
        for start, stop in ranges(len(self), size):
            part = records[start:stop]
            yield from_columns(_unpack({name: part[name] for name in part.dtype.names or ()}), self.path)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Write the same encoding; compressed files are written without looking for repetitions, so they grow."""
        rows, records = Rows(columns), self._records()
        dtype = extended(self.dtype, rows.dtypes, "<")
        header = "".join(f"{key} {' '.join(values)}\n" for key, values in self._header(dtype).items())
        with target.open("wb") as out:
            out.write(header.encode())
            if self.kind == "binary":
                copy_records(records, out, rows, dtype)
            elif self.kind == "ascii":
                self._rewrite_ascii(out, rows)
            else:
                new = rows.take(len(self))
                every = [np.ascontiguousarray(new.get(n, records[:][n] if n in self.names() else None), dtype[n])
                         for n in dtype.names or ()]  # fmt: skip
                raw = b"".join(values.tobytes() for values in every)
                packed = compress(raw)
                out.write(np.array([len(packed), len(raw)], "<u4").tobytes() + packed)

    def _rewrite_ascii(self, out: Any, rows: Rows) -> None:
        kept = [i for i, name in enumerate(self.names()) if name not in rows.dtypes]
        with self.path.open("rb") as source:
            source.seek(self.size)
            for start, stop in ranges(len(self), CHUNK):
                new = [[str(value).encode() for value in column] for column in rows.take(stop - start).values()]
                for row in range(stop - start):
                    words = source.readline().split()
                    out.write(b" ".join([*(words[i] for i in kept), *(column[row] for column in new)]) + b"\n")

    def _dtype(self) -> np.dtype[Any]:
        header = self.header
        counts = header.get("COUNT", ["1"] * len(header["FIELDS"]))
        fields = []
        try:
            for name, size, kind, count in zip(header["FIELDS"], header["SIZE"], header["TYPE"], counts, strict=True):
                code = f"<{ {'F': 'f', 'I': 'i', 'U': 'u'}[kind] }{int(size)}"
                repeated = [name] if int(count) == 1 else [f"{name}_{i}" for i in range(int(count))]
                fields += [(one, code) for one in repeated]
            return np.dtype(fields)
        except (KeyError, ValueError, TypeError) as error:
            raise UserError(f"{self.path} is damaged: FIELDS, SIZE, TYPE and COUNT do not agree ({error})") from None

    def _header(self, dtype: np.dtype[Any]) -> dict[str, list[str]]:
        names = dtype.names or ()
        kinds = {"f": "F", "i": "I", "u": "U"}
        return {
            **self.header,
            "FIELDS": list(names),
            "SIZE": [str(dtype[name].itemsize) for name in names],
            "TYPE": [kinds[dtype[name].kind] for name in names],
            "COUNT": ["1"] * len(names),
        }

    def _records(self) -> Records:
        if self.kind == "binary":
            return RecordFile(self.path, self.size, self.dtype, self.count)
        with self.path.open("rb") as stream:
            stream.seek(self.size)
            if self.kind == "ascii":
                return self._parse(stream)
            sizes = np.frombuffer(stream.read(8), "<u4")
            packed = stream.read(int(sizes[0])) if len(sizes) == 2 else b""
        if len(sizes) != 2 or len(packed) != sizes[0] or sizes[1] != self.count * self.dtype.itemsize:
            raise UserError(f"{self.path} is truncated: its compressed data are not as long as its header says")
        try:
            raw = decompress(packed, int(sizes[1]))
        except ValueError as error:
            raise UserError(f"{self.path} is damaged: {error}") from None
        records, at = np.empty(self.count, self.dtype), 0
        for name in self.names():
            size = self.count * self.dtype[name].itemsize
            records[name] = np.frombuffer(raw[at : at + size], self.dtype[name])
            at += size
        return records

    def _parse(self, stream: Any) -> NDArray[Any]:
        words = stream.read().split()
        width = len(self.names())
        if len(words) < self.count * width:
            raise UserError(f"{self.path} is truncated: its header promises {self.count} points of {width} values")
        table = np.array(words[: self.count * width]).reshape(self.count, width)
        records = np.empty(self.count, self.dtype)
        try:
            for i, name in enumerate(self.names()):
                records[name] = table[:, i].astype(np.float64).astype(self.dtype[name])
        except ValueError as error:
            raise UserError(f"{self.path} is damaged: {error}") from None
        return records


def _unpack(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    for name in ("rgb", "rgba"):
        if name in columns and columns[name].dtype.itemsize == 4 and "red" not in columns:
            bits = np.ascontiguousarray(columns[name]).view(np.uint32)
            colors = {"red": bits >> 16 & 255, "green": bits >> 8 & 255, "blue": bits & 255}
            return {**columns, **{key: value.astype(np.uint8) for key, value in colors.items()}}
    return columns


def _read_header(path: Path) -> tuple[dict[str, list[str]], int]:
    header: dict[str, list[str]] = {}
    with path.open("rb") as stream:
        while "DATA" not in header:
            raw = stream.readline(65536)
            if not raw or len(header) > len(KEYS):
                raise UserError(f"{path} is no pcd file: its header has no DATA line")
            words = raw.decode("ascii", "replace").split()
            if words and not words[0].startswith("#"):
                if words[0] not in KEYS:
                    raise UserError(f"{path} is no pcd file: its header has a line {words[0][:20]!r}")
                header[words[0]] = words[1:]
        size = stream.tell()
    for key in ("FIELDS", "SIZE", "TYPE", "POINTS", "DATA"):
        if not header.get(key):
            raise UserError(f"{path} is damaged: its header has no {key}")
    if header["DATA"][0] not in ("ascii", "binary", "binary_compressed") or not header["POINTS"][0].isdigit():
        raise UserError(f"{path} is damaged: DATA {header['DATA'][0]}, POINTS {header['POINTS'][0]}")
    return header, size
