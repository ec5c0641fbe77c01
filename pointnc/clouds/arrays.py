"""numpy's files: npy (a table, or records with names), npz (an array for each column)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows, check_numbers, from_columns, ranges
from pointnc.clouds.names import COLORS, COORDS, NORMALS
from pointnc.clouds.structured import copy_records, extended
from pointnc.clouds.table import SAMPLE, given_names, guess_names
from pointnc.errors import UserError
from pointnc.untrusted.numpy_file import map_array, read_archive

TRIPLES = {
    **dict.fromkeys(("coord", "coords", "points", "xyz", "position", "positions", "pos", "vertices"), COORDS[0]),
    **dict.fromkeys(("color", "colors", "rgb"), COLORS[0]),
    **dict.fromkeys(("normal", "normals"), NORMALS[0]),
}
"""What arrays of three columns are called, and these columns."""


class NpyFile(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`.

    A table (N, C) has coordinates in its first three columns; what the others are, their values say, see
    :func:`~pointnc.clouds.table.guess_names`. New columns are appended; a table of integers becomes float64.
    """

    def __init__(self, path: Path, columns: Sequence[str] = ()) -> None:
        super().__init__(path)
        self.array: NDArray[Any] = map_array(path, "write it again by numpy.save")
        self._last: tuple[str, ...] = ()
        if self.array.dtype.names is None and (self.array.ndim != 2 or self.array.shape[1] < 3):
            raise UserError(f"{path} has the shape {self.array.shape}: (N, 3 or more) is needed", code="shape")
        if self.array.dtype.names is None and len(self.array) <= 16 and self.array.shape[1] > 64:
            raise UserError(
                f"{path} has the shape {self.array.shape}: its points seem to be columns; transpose it", code="shape"
            )
        if self.array.dtype.names is None:
            check_numbers(self.array, str(path))
            if columns:
                self._guessed = given_names(columns, self.array.shape[1], path)
            elif (remark := self._guess()) is not None:
                self.remarks.append(remark)
        if self.array.dtype.names is not None and self.array.ndim != 1:
            raise UserError(f"{path} has records in the shape {self.array.shape}: (N,) is needed", code="shape")

    def __len__(self) -> int:
        return len(self.array)

    def names(self) -> list[str]:
        """Fields, or what the columns of a table mean."""
        if self.array.dtype.names is not None:
            return [name for field in self.array.dtype.names for name in _spread(field, self.array.dtype[field].shape)]
        return [*self._guessed, *self._last]

    def name_last(self, *names: str) -> None:
        """Say what the last columns of a table are, which only its writer knows; ignored if xyz would not be left."""
        if self.array.dtype.names is None and self.array.shape[1] >= 3 + len(names):
            self._last = names
            self._guess()

    def _guess(self) -> str | None:
        """Name the columns of a table by a sample of its rows; return a remark on them."""
        step = len(self.array) // SAMPLE + 1
        sample = np.array(self.array[::step, : self.array.shape[1] - len(self._last)])
        self._guessed, remark = guess_names(sample, whole=False)
        return remark

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Read pieces of the mapped array."""
        for start, stop in ranges(len(self), size):
            part = np.array(self.array[start:stop])
            columns: dict[str, NDArray[Any]] = {}
            for field in part.dtype.names or ():
                names = _spread(field, part.dtype[field].shape)
                values = part[field]
                columns |= {name: values[:, i] if len(names) > 1 else values for i, name in enumerate(names)}
            if part.dtype.names is None:
                columns = {name: part[:, i] for i, name in enumerate(self.names())}
            yield from_columns(columns, self.path)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Write an array of the same kind with more fields or columns."""
        rows, array = Rows(columns), self.array
        with target.open("wb") as out:
            if array.dtype.names is not None:
                dtype = extended(array.dtype, rows.dtypes)
                _write_header(out, dtype, (len(array),))
                copy_records(array, out, rows, dtype)
                return
            kind = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
            width = array.shape[1] + len(rows.dtypes)
            _write_header(out, kind, (len(array), width))
            for start, stop in ranges(len(array), CHUNK):
                new = rows.take(stop - start)
                out.write(np.column_stack([array[start:stop], *new.values()]).astype(kind).tobytes())


def _spread(name: str, shape: tuple[int, ...]) -> list[str]:
    """Return what the values of a field are called: those of a vector have names of their own."""
    if len(shape) != 1 or shape[0] < 2:
        return [name]
    if shape[0] == 3 and name.lower() in TRIPLES:
        return list(TRIPLES[name.lower()])
    return [f"{name}_{i}" for i in range(shape[0])]


class NpzFile(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`. Read as a whole.

    Arrays are named ``coord`` (or ``points``, ``xyz``; or ``x``, ``y``, ``z``), ``color``, ``normal``; any others are
    attributes.
    Arrays of another length than N are kept, but are not of the points.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.arrays = read_archive(
            path, "write it as records in an npy file, or as ply or las: these are read in pieces"
        )
        self._columns: dict[str, NDArray[Any]] = {}
        for name, values in self.arrays.items():
            if name.lower() in TRIPLES and values.ndim == 2 and values.shape[1] == 3:
                self._columns |= {one: values[:, i] for i, one in enumerate(TRIPLES[name.lower()])}
        self._read_table()
        if "x" not in self._columns and "x" not in self.arrays:
            raise UserError(
                f"{path} has no array coord (N, 3); it has {', '.join(self.arrays) or 'none'}", code="missing-column"
            )
        along = self._columns["x"] if "x" in self._columns else self.arrays["x"]
        if along.ndim != 1:
            raise UserError(f"{path}: x has the shape {along.shape}: (N,) is needed", code="shape")
        count = len(along)
        self._columns |= {name: v for name, v in self.arrays.items() if v.shape == (count,)}
        for name, values in self._columns.items():
            if len(values) != count:
                raise UserError(f"{path}: {name} has {len(values)} rows, the coordinates {count}", code="other-length")

    def _read_table(self) -> None:
        """Take the only array of rows for a table, where none is called as coordinates are."""
        tables = [name for name, values in self.arrays.items() if values.ndim == 2 and values.shape[1] >= 3]
        if "x" in self._columns or "x" in self.arrays or len(tables) != 1:
            return
        table = self.arrays[tables[0]]
        check_numbers(table, f"{self.path}: the array {tables[0]!r}")
        names, remark = guess_names(np.array(table[:: len(table) // SAMPLE + 1]), whole=False)
        self._columns |= {name: table[:, i] for i, name in enumerate(names)}
        self.remarks.append(f"its points are taken from the array {tables[0]}" + (f"; {remark}" if remark else ""))

    def __len__(self) -> int:
        return len(self._columns["x"])

    def names(self) -> list[str]:
        """The arrays, and the columns of those that have several."""
        return list(dict.fromkeys([*self._columns, *self.arrays]))

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Cut the arrays."""
        for start, stop in ranges(len(self), size):
            yield from_columns({name: values[start:stop] for name, values in self._columns.items()}, self.path)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Write all arrays and the new ones."""
        rows = Rows(columns)
        arrays = {**self.arrays, **rows.take(len(self))}
        # As numpy.savez_compressed does, which cannot take an array called "file".
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, values in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                    npy_format.write_array(stream, values, allow_pickle=False)


def _write_header(out: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    description = {"descr": npy_format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy_format.write_array_header_2_0(out, description)
