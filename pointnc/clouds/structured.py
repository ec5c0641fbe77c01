"""Files whose points are fixed-size records: read in slices, copied slice by slice with more fields."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import CHUNK, PointCloud, Rows, from_columns, ranges
from pointnc.errors import UserError


class RecordFile:
    """Records of a file that are read when they are sliced: neither memory nor address space grows with the file.

    Args:
        path: of the file.
        offset: byte at which they begin.
        dtype: of one.
        count: how many.

    Raises:
        UserError: the file is shorter.
    """

    def __init__(self, path: Path, offset: int, dtype: np.dtype[Any], count: int) -> None:
        there = path.stat().st_size - offset
        if there < count * dtype.itemsize:
            raise UserError(
                f"{path} is truncated: its header promises {count} points, {max(there, 0) // dtype.itemsize} are there",
                code="damaged-file",
            )
        self.path, self.offset, self.dtype, self.count = path, offset, dtype, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, _ = rows.indices(self.count)
        offset = self.offset + start * self.dtype.itemsize
        return np.fromfile(self.path, self.dtype, max(stop - start, 0), offset=offset)


Records = RecordFile | NDArray[Any]
"""Records on the disk or in memory; both are cut by slices."""


def record_chunks(records: Records, path: Path, size: int) -> Iterator[PointCloud]:
    """Yield records as points."""
    for start, stop in ranges(len(records), size):
        part = records[start:stop]
        yield from_columns({name: part[name] for name in part.dtype.names or ()}, path)


def extended(dtype: np.dtype[Any], new: dict[str, np.dtype[Any]], order: str = "=") -> np.dtype[Any]:
    """Return a packed record with further fields in the given byte order; those of the same name are replaced."""
    names = dtype.names or ()
    fields: list[Any] = [(name, dtype[name]) for name in names if name not in new]
    return np.dtype([*fields, *((name, kind.newbyteorder(order)) for name, kind in new.items())])  # type: ignore[arg-type]


def copy_records(records: Records, target: BinaryIO, rows: Rows, dtype: np.dtype[Any]) -> None:
    """Write all records with the new columns behind them."""
    for start, stop in ranges(len(records), CHUNK):
        part, old = np.empty(stop - start, dtype), records[start:stop]
        new = rows.take(stop - start)
        for name in dtype.names or ():
            part[name] = new[name] if name in new else old[name]
        target.write(part.tobytes())
