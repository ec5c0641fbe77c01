"""A binary ply of columns, for formats that have no place for further ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pointnc.clouds.cloud import Columns, Rows

NAMES = {"i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort", "i4": "int", "u4": "uint", "f4": "float",
         "f8": "double"}  # fmt: skip
"""What ply calls a type."""


def write_as_ply(target: Path, count: int, pieces: Iterable[Columns], rows: Rows) -> None:
    """Write columns piece by piece, with new ones behind them; those of the same name are replaced.

    64-bit integers and truth values, which ply does not know, become float64 and 8-bit integers.

    Args:
        target: a path that does not exist.
        count: of all points.
        pieces: the columns.
        rows: the new ones.
    """
    dtype = None
    with target.open("wb") as out:
        for piece in pieces:
            if dtype is None:
                kinds = {name: values.dtype for name, values in piece.items() if name not in rows.dtypes} | rows.dtypes
                dtype = np.dtype([(name, _kind(kind)) for name, kind in kinds.items()])
                lines = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
                lines += [f"property {NAMES[dtype[name].str[1:]]} {name.replace(' ', '_')}" for name in kinds]
                out.write(("\n".join([*lines, "end_header"]) + "\n").encode())
            new = rows.take(len(next(iter(piece.values()))))
            part = np.empty(len(next(iter(piece.values()))), dtype)
            for name in dtype.names or ():
                part[name] = new[name] if name in new else piece[name]
            out.write(part.tobytes())


def _kind(kind: np.dtype[np.generic]) -> np.dtype[np.generic]:
    if kind.kind == "b":
        return np.dtype("u1")
    if kind.kind in "iu" and kind.itemsize == 8:
        return np.dtype("<f8")
    return kind.newbyteorder("<")
