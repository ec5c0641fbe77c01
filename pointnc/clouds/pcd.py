"""Point Cloud Library files (pcd): ascii, binary and binary_compressed, after the format's public description."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows, from_columns, ranges
from pointnc.clouds.lzf import MOST_GROWTH, compress, decompress
from pointnc.clouds.pcd_header import Field, read_header
from pointnc.clouds.structured import RecordFile, Records, copy_records, extended
from pointnc.errors import UserError
from pointnc.untrusted.numbers import parse_rows
from pointnc.untrusted.sizes import check_unpacked, one_line, whole_number

PACKED = ("rgb", "rgba")
"""Fields that hold a color in the bits of one value."""

NAN = 0x7FC00000
"""The bits of a NaN as it comes out of a text."""

PADDING = "_"
"""The name of fields that only fill up a record."""

LARGEST_RECORD = 1 << 16
"""Bytes of a point: a header can ask for a billion values of one."""

SIZES = ("1", "2", "4", "8")


class PcdFile(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`.

    Fields with several values get the names ``field_0``, ``field_1`` and so on. A packed ``rgb`` or ``rgba`` is read as
    colors. Padding (fields called ``_``) is kept and not read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.header, self.lines, self.size, self.count = read_header(path)
        self.kind = self.header["DATA"][0]
        self.fields = self._read_fields()
        self.dtype = self._dtype()
        self._check_room()

    def __len__(self) -> int:
        return self.count

    def names(self) -> list[str]:
        """The fields."""
        return [name for field in self.fields if field.name != PADDING for name in field.columns]

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Read binary points in slices; ascii ones are parsed, compressed ones (by columns) unpacked as a whole."""
        records = self._records()
        for start, stop in ranges(len(self), size):
            part = records[start:stop]
            columns = _unpack({name: part[name] for name in self.names()}, self.kind == "ascii")
            yield from_columns(columns, self.path)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Write the same encoding; compressed files are written without looking for repetitions, so they grow."""
        rows = Rows(columns)
        fields = _extended(self.fields, rows.dtypes)
        with target.open("wb") as out:
            out.writelines(self._header(fields))
            if self.kind == "binary":
                copy_records(self._records(), out, rows, extended(self.dtype, rows.dtypes, "<"))
            elif self.kind == "ascii":
                self._rewrite_ascii(out, rows)
            else:
                old, new = self._records()[:], rows.take(len(self))
                raw = b"".join(_block(field, new, old) for field in fields if self._is_packed(field))
                packed = compress(raw)
                out.write(np.array([len(packed), len(raw)], "<u4").tobytes() + packed)

    def _rewrite_ascii(self, out: Any, rows: Rows) -> None:
        words_of = [name for field in self.fields for name in field.columns]
        kept = [i for i, name in enumerate(words_of) if name not in rows.dtypes]
        with self.path.open("rb") as source:
            source.seek(self.size)
            points = (words for words in map(bytes.split, source) if words)
            for start, stop in ranges(len(self), CHUNK):
                new = [[str(value).encode() for value in column] for column in rows.take(stop - start).values()]
                for row, words in zip(range(stop - start), points):
                    if len(words) != len(words_of):
                        raise UserError(
                            f"{self.path}, point {start + row + 1}: {len(words)} values, not {len(words_of)}",
                            code="damaged-file",
                        )
                    out.write(b" ".join([*(words[i] for i in kept), *(column[row] for column in new)]) + b"\n")

    def _read_fields(self) -> list[Field]:
        header = self.header
        counts = header.get("COUNT", ["1"] * len(header["FIELDS"]))
        fields: list[Field] = []
        width = 0
        try:
            for name, size, kind, text in zip(header["FIELDS"], header["SIZE"], header["TYPE"], counts, strict=True):
                count = whole_number(text)
                if count is None or size not in SIZES:
                    raise ValueError(f"COUNT {text}, SIZE {size}")
                width += count * int(size)
                if width > LARGEST_RECORD:
                    raise ValueError(f"a point has more than {LARGEST_RECORD} bytes")
                if name == PADDING:
                    columns = tuple(f"{PADDING}{len(fields)}{PADDING}{i}" for i in range(count))
                else:
                    columns = (name,) if count == 1 else tuple(f"{name}_{i}" for i in range(count))
                fields.append(Field(name, size, kind, count, columns))
        except ValueError as error:
            raise UserError(
                f"{self.path} is damaged: FIELDS, SIZE, TYPE and COUNT do not agree ({error})", code="damaged-file"
            ) from None
        return fields

    def _dtype(self) -> np.dtype[Any]:
        try:
            return np.dtype([(name, field.dtype) for field in self.fields for name in field.columns])
        except (KeyError, ValueError, TypeError) as error:
            raise UserError(
                f"{self.path} is damaged: FIELDS, SIZE, TYPE and COUNT do not agree ({error})", code="damaged-file"
            ) from None

    def _check_room(self) -> None:
        """Compare the number of points with the file: what is compressed cannot grow beyond what lzf can."""
        there = self.path.stat().st_size - self.size
        values = len(self.dtype.names or ())
        if self.kind == "binary_compressed":
            check_unpacked(
                self.path, self.count * self.dtype.itemsize, "write it as DATA binary, which is read in pieces"
            )
        elif self.count * (self.dtype.itemsize if self.kind == "binary" else 2 * values) > there + 1:
            raise UserError(
                f"{self.path} is truncated: its header promises {self.count} points of {values} values, {there} bytes "
                "are there",
                code="damaged-file",
            )

    def _header(self, fields: list[Field]) -> Iterator[bytes]:
        """Yield the lines of the header as they are, but for the fields."""
        described = {
            "FIELDS": [field.name for field in fields],
            "SIZE": [field.size for field in fields],
            "TYPE": [field.kind for field in fields],
            "COUNT": [str(field.count) for field in fields],
        }
        described["COLUMNS"] = described["FIELDS"]
        for line in self.lines:
            words = line.decode("ascii", "replace").split()
            if words and words[0] in described:
                end = line[len(line.rstrip(b"\r\n")) :]
                yield f"{words[0]} {' '.join(described[words[0]])}".encode() + end
            else:
                yield line

    def _is_packed(self, field: Field) -> bool:
        return field.name != PADDING or self._packs_padding

    def _records(self) -> Records:
        if self.kind == "binary":
            return RecordFile(self.path, self.size, self.dtype, self.count)
        with self.path.open("rb") as stream:
            stream.seek(self.size)
            if self.kind == "ascii":
                return self._parse(stream)
            sizes = stream.read(8)
            length, size = (int.from_bytes(sizes[at : at + 4], "little") for at in (0, 4))
            packed = stream.read(min(length, self.path.stat().st_size))
        # PCL leaves padding out of compressed data; others may not.
        self._packs_padding = size == self.count * self.dtype.itemsize
        there = [field for field in self.fields if self._is_packed(field)]
        width = sum(field.count * field.dtype.itemsize for field in there)
        fits = len(sizes) == 8 and len(packed) == length and size == self.count * width
        if not fits or size > MOST_GROWTH * len(packed):
            raise UserError(
                f"{self.path} is truncated: its compressed data are not as long as its header says", code="damaged-file"
            )
        try:
            raw = decompress(packed, size)
        except ValueError as error:
            raise UserError(f"{self.path} is damaged: {error}", code="damaged-file") from None
        records, at = np.zeros(self.count, self.dtype), 0
        for field in there:  # all values of a field together, those of a point side by side
            values = np.frombuffer(raw, field.dtype, self.count * field.count, at).reshape(self.count, field.count)
            for i, name in enumerate(field.columns):
                records[name] = values[:, i]
            at += values.nbytes
        return records

    def _parse(self, stream: Any) -> NDArray[Any]:
        names = self.dtype.names or ()
        try:
            table = parse_rows(stream, self.count)
        except ValueError as error:
            raise UserError(f"{self.path} is damaged: {one_line(error)}", code="damaged-file") from None
        if table.shape != (self.count, len(names)) and self.count:
            raise UserError(
                f"{self.path} is truncated: its header promises {self.count} points of {len(names)} values",
                code="damaged-file",
            )
        records = np.empty(self.count, self.dtype)
        with np.errstate(invalid="ignore", over="ignore"):  # numbers beyond their type
            for i, name in enumerate(names if self.count else ()):
                records[name] = table[:, i]
                if name in PACKED and self.dtype[name] == np.float32:
                    records[name] = _packed(table[:, i])
        return records


def _extended(fields: list[Field], new: dict[str, np.dtype[Any]]) -> list[Field]:
    """Return the fields that stay and the new ones; a field that loses one of its values falls apart."""
    kept: list[Field] = []
    for field in fields:
        columns = [name for name in field.columns if name not in new]
        if len(columns) == len(field.columns):
            kept.append(field)
        else:
            kept += [Field(name, field.size, field.kind, 1, (name,)) for name in columns]
    kinds = {"f": "F", "i": "I", "u": "U"}
    return kept + [Field(name, str(one.itemsize), kinds[one.kind], 1, (name,)) for name, one in new.items()]


def _block(field: Field, new: Columns, old: NDArray[Any]) -> bytes:
    """Return the values of a field, those of a point side by side."""
    columns = [np.asarray(new[name] if name in new else old[name], field.dtype) for name in field.columns]
    return np.stack(columns, axis=1).tobytes() if columns else b""


def _packed(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return packed colors of an ascii file, declared as floating point, by the bits that a binary file would have.

    They are written as whole numbers, or as the floating point numbers of the same bits. These are tiny (no alpha) or
    negative (with one), never from 1 to 2^32; those of bits that are no number are lost.
    """
    known = values[np.isfinite(values) & (values != 0)]
    if len(known) and ((known >= 1) & (known < 2**32)).all():
        bits = np.where(np.isfinite(values), values, 0).astype(np.uint32)
        return bits.view(np.float32)
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _unpack(columns: dict[str, NDArray[Any]], ascii_: bool) -> dict[str, NDArray[Any]]:
    for name in PACKED:
        if name in columns and columns[name].dtype.itemsize == 4 and "red" not in columns:
            bits = np.ascontiguousarray(columns[name]).view(np.uint32)
            colors = {"red": bits >> 16 & 255, "green": bits >> 8 & 255, "blue": bits & 255}
            made: dict[str, NDArray[Any]] = {key: value.astype(np.uint8) for key, value in colors.items()}
            if ascii_ and columns[name].dtype.kind == "f" and (bits == NAN).any():  # in a text all are alike
                made = {key: np.where(bits == NAN, np.nan, value).astype(np.float32) for key, value in made.items()}
            return {**columns, **made}
    return columns
