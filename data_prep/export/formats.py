"""A scene as a file of any format, with labels: the way back from the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.scenes.ply import write_ply

Table = Mapping[str, NDArray[Any]]
"""Column name to (N,) values: x, y, z, red, green, blue, nx, ny, nz, label, instance."""


def _write_text(path: Path, table: Table, separator: str) -> None:
    formats = ["%.9g" if values.dtype == np.float32 else "%.4f" if values.dtype.kind == "f" else "%d"
               for values in table.values()]  # fmt: skip
    # Column by column: one common type would print integers as floats.
    texts = [np.char.mod(form, values) for form, values in zip(formats, table.values())]
    with path.open("w", encoding="ascii") as stream:
        stream.write(separator.join(table) + "\n")
        stream.writelines(separator.join(row) + "\n" for row in zip(*texts))


def _write_npy(path: Path, table: Table) -> None:
    records = np.empty(len(table["x"]), [(name, values.dtype) for name, values in table.items()])
    for name, values in table.items():
        records[name] = values
    with path.open("wb") as stream:
        np.save(stream, records)


def _write_npz(path: Path, table: Table) -> None:
    with path.open("wb") as stream:
        np.savez_compressed(stream, **dict(table))  # type: ignore[arg-type]


def _write_pcd(path: Path, table: Table) -> None:
    kinds = {"f": "F", "i": "I", "u": "U"}
    count = len(table["x"])
    records = np.empty(count, [(name, values.dtype.newbyteorder("<")) for name, values in table.items()])
    for name, values in table.items():
        records[name] = values
    header = {
        "VERSION": "0.7",
        "FIELDS": " ".join(table),
        "SIZE": " ".join(str(values.dtype.itemsize) for values in table.values()),
        "TYPE": " ".join(kinds[values.dtype.kind] for values in table.values()),
        "COUNT": " ".join("1" for _ in table),
        "WIDTH": str(count),
        "HEIGHT": "1",
        "VIEWPOINT": "0 0 0 1 0 0 0",
        "POINTS": str(count),
        "DATA": "binary",
    }
    with path.open("wb") as stream:
        stream.write("".join(f"{key} {value}\n" for key, value in header.items()).encode())
        stream.write(records.tobytes())


def _write_las(path: Path, table: Table, compress: bool) -> None:
    try:
        import laspy
    except ImportError:
        raise UserError("format=las and laz need laspy: pip install 'pointnc[las]'", code="no-package") from None
    header = laspy.LasHeader(point_format=2 if "red" in table else 0, version="1.4")
    header.offsets = np.array([np.floor(table[axis].min()) for axis in "xyz"], np.float64)
    header.scales = np.full(3, 1e-4)  # tenths of a millimeter
    extra = {name: values for name, values in table.items() if name not in ("x", "y", "z", "red", "green", "blue")}
    header.add_extra_dims([laspy.ExtraBytesParams(name, values.dtype) for name, values in extra.items()])
    las = laspy.LasData(header)
    for axis in "xyz":
        las[axis] = table[axis].astype(np.float64)
    for name in ("red", "green", "blue"):
        if name in table:
            las[name] = table[name].astype(np.uint16) * 257  # the format's colors have 16 bits
    for name, values in extra.items():
        las[name] = values
    with path.open("wb") as stream:
        las.write(stream, do_compress=compress)


WRITERS: dict[str, Callable[[Path, Table], None]] = {
    "ply": write_ply,
    "pcd": _write_pcd,
    "las": lambda path, table: _write_las(path, table, False),
    "laz": lambda path, table: _write_las(path, table, True),
    "txt": lambda path, table: _write_text(path, table, " "),
    "csv": lambda path, table: _write_text(path, table, ","),
    "npy": _write_npy,
    "npz": _write_npz,
}
"""Format to what writes a table to a path."""
