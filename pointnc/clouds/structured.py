"""Files whose points are fixed-size records: mapped instead of read, copied record by record with more fields."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import CHUNK, PointCloud, Rows, from_columns, ranges
from pointnc.errors import UserError


def map_records(path: Path, offset: int, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """Map ``count`` records that begin at a byte; the pages come from the disk when they are read.

    Raises:
        UserError: the file is shorter.
    """
    there = path.stat().st_size - offset
    if there < count * dtype.itemsize:
        raise UserError(
            f"{path} is truncated: its header promises {count} points, {max(there, 0) // dtype.itemsize} are there"
        )
    if count == 0:
        return np.empty(0, dtype)
    return np.memmap(path, dtype, "r", offset, (count,))


def record_chunks(records: NDArray[Any], path: Path, size: int) -> Iterator[PointCloud]:
    """Yield records as points."""
    for start, stop in ranges(len(records), size):
        part = np.array(records[start:stop])  # a copy in memory: the map is let go page by page
        yield from_columns({name: part[name] for name in part.dtype.names or ()}, path)


def extended(dtype: np.dtype[Any], new: dict[str, np.dtype[Any]], order: str = "=") -> np.dtype[Any]:
    """Return a packed record with further fields in the given byte order; those of the same name are replaced."""
    names = dtype.names or ()
    fields: list[Any] = [(name, dtype[name]) for name in names if name not in new]
    return np.dtype([*fields, *((name, kind.newbyteorder(order)) for name, kind in new.items())])  # type: ignore[arg-type]


def copy_records(records: NDArray[Any], target: BinaryIO, rows: Rows, dtype: np.dtype[Any]) -> None:
    """Write all records with the new columns behind them."""
    for start, stop in ranges(len(records), CHUNK):
        part = np.empty(stop - start, dtype)
        new = rows.take(stop - start)
        for name in dtype.names or ():
            part[name] = new[name] if name in new else records[name][start:stop]
        target.write(part.tobytes())
