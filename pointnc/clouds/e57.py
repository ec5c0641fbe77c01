"""E57 files (ASTM E2807) through pye57: read only, since it cannot write further fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows, concatenate, from_columns, ranges
from pointnc.clouds.e57_header import check_e57
from pointnc.clouds.structured import copy_records
from pointnc.errors import UserError
from pointnc.untrusted.sizes import one_line

COLORS = {"colorRed": "red", "colorGreen": "green", "colorBlue": "blue"}
COORD = ("cartesianX", "cartesianY", "cartesianZ")


class E57File(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`. All scans, in the common frame, one after the other.

    Needs ``pip install pointnc[e57]``. A scan is read as a whole; :meth:`rewrite` writes a binary ply.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            import pye57
        except ImportError:
            raise UserError(f"{path} needs pye57: pip install 'pointnc[e57]'") from None
        check_e57(path)
        try:
            self._file = pye57.E57(str(path))
            headers = [self._file.get_header(number) for number in range(self._file.scan_count)]
        except Exception as error:  # its bindings raise an exception class of their own
            raise UserError(f"{path} is damaged or no e57 file ({one_line(error)})") from None
        self._fields = [list(header.point_fields) for header in headers]
        self.count = sum(header.point_count for header in headers)

    def __len__(self) -> int:
        return self.count

    def names(self) -> list[str]:
        """The fields that every scan has; colors and coordinates under the names of other formats."""
        common = [name for name in (self._fields or [[]])[0] if all(name in fields for fields in self._fields)]
        return ["x", "y", "z", *(COLORS.get(name, name) for name in common if name not in COORD)]

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Read scan by scan."""
        wanted = set(self.names())
        for number in range(len(self._fields)):
            try:
                data = self._file.read_scan_raw(number)
                coord = np.stack([data[name] for name in COORD], axis=1)
                coord = self._file.to_global(coord, *_pose(self._file.get_header(number)))
            except Exception as error:
                raise UserError(f"{self.path}, scan {number}: {one_line(error)}") from None
            columns = {COLORS.get(name, name): values for name, values in data.items() if name not in COORD}
            columns = {name: values for name, values in columns.items() if name in wanted}
            columns |= {axis: coord[:, i] for i, axis in enumerate("xyz")}
            for start, stop in ranges(len(coord), size):
                yield from_columns({name: values[start:stop] for name, values in columns.items()}, self.path)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Write a binary ply with everything that was read."""
        from pointnc.clouds.ply import NAMES

        rows, cloud = Rows(columns), concatenate(list(self.chunks()))
        table: dict[str, NDArray[Any]] = {axis: cloud.coord[:, i] for i, axis in enumerate("xyz")}
        if cloud.color is not None:
            table |= {name: cloud.color[:, i] for i, name in enumerate(("red", "green", "blue"))}
        table |= {name: _plain(values) for name, values in cloud.attributes.items()}
        dtype = np.dtype([*((name, v.dtype.newbyteorder("<")) for name, v in table.items() if name not in rows.dtypes),
                          *((name, kind.newbyteorder("<")) for name, kind in rows.dtypes.items())])  # fmt: skip
        records = np.empty(len(cloud), [(name, values.dtype) for name, values in table.items()])
        for name, values in table.items():
            records[name] = values
        lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(cloud)}"]
        lines += [f"property {NAMES[dtype[name].str[1:]]} {name}" for name in dtype.names or ()]
        with target.open("wb") as out:
            out.write(("\n".join([*lines, "end_header"]) + "\n").encode())
            copy_records(records, out, rows, dtype)


def _plain(
    values: np.ndarray[tuple[int, ...], np.dtype[np.generic]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """Return 64-bit integers, which ply does not know, as 32-bit ones."""
    return values.astype(np.int32) if values.dtype.kind in "iu" and values.dtype.itemsize == 8 else values


def _pose(header: object) -> tuple[object, object]:
    has = header.has_pose()  # type: ignore[attr-defined]
    if not has:
        return np.array([1.0, 0, 0, 0]), np.zeros(3)
    return header.rotation, header.translation  # type: ignore[attr-defined]
