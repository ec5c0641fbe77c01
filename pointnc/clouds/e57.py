"""E57 files (ASTM E2807) through pye57: read only, since it cannot write further fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.as_ply import write_as_ply
from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows, from_columns
from pointnc.clouds.e57_header import check_e57
from pointnc.clouds.names import NO_MEASUREMENT
from pointnc.errors import UserError
from pointnc.untrusted.sizes import one_line

COLORS = {"colorRed": "red", "colorGreen": "green", "colorBlue": "blue"}
CARTESIAN = ("cartesianX", "cartesianY", "cartesianZ")
SPHERICAL = ("sphericalRange", "sphericalAzimuth", "sphericalElevation")
WHOLE = (255, 65535)
"""Greatest colors of 8 and 16 bits, which are left as they are where all scans have the same."""

Kind = np.dtype[Any]


class E57File(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`. All scans, in the common frame, one after the other.

    Needs ``pip install pointnc[e57]``. Spherical coordinates are converted. A column that a scan lacks is NaN in it.
    Colors become 0 to 255 where scans give them in different ranges. :meth:`rewrite` writes a binary ply.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            import pye57
        except ImportError:
            raise UserError(f"{path} needs pye57: pip install 'pointnc[e57]'", code="no-package") from None
        check_e57(path)
        self._library = pye57.libe57
        try:
            self._file = pye57.E57(str(path))
            self._headers = [self._file.get_header(number) for number in range(self._file.scan_count)]
            self._fields = [self._kinds(header) for header in self._headers]
            self._limits = [self._color_limit(header) for header in self._headers]
        except Exception as error:  # its bindings raise an exception class of their own
            raise UserError(f"{path} is damaged or no e57 file ({one_line(error)})", code="damaged-file") from None
        self.count = sum(header.point_count for header in self._headers)
        self._columns = self._common()

    def __len__(self) -> int:
        return self.count

    def names(self) -> list[str]:
        """The fields of all scans; colors and coordinates under the names of other formats."""
        return ["x", "y", "z", *self._columns]

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Read scan by scan, each in pieces."""
        for columns in self._pieces(size):
            yield from_columns(columns, self.path)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Write a binary ply with everything that was read."""
        write_as_ply(target, len(self), self._pieces(CHUNK), Rows(columns))

    def _pieces(self, size: int) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the columns of the common frame; points that are no measurements keep the coordinates they have."""
        for number, (header, fields) in enumerate(zip(self._headers, self._fields)):
            try:
                for data in self._read(header, fields, size):
                    yield self._converted(number, data)
            except UserError:
                raise
            except Exception as error:
                raise UserError(f"{self.path}, scan {number}: {one_line(error)}", code="damaged-file") from None

    def _read(self, header: Any, fields: dict[str, Kind], size: int) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the values of a scan, as they are."""
        left = header.point_count
        size = max(1, min(size, left))
        arrays = {name: np.empty(size, kind) for name, kind in fields.items()}
        buffers = self._library.VectorSourceDestBuffer()
        for name, values in arrays.items():
            buffers.append(self._library.SourceDestBuffer(self._file.image_file, name, values, size, True, True))
        reader = header.points.reader(buffers)
        try:
            while left:
                got = reader.read()
                if got == 0:
                    raise ValueError(f"{left} of its {header.point_count} points are missing")
                yield {name: values[:got].copy() for name, values in arrays.items()}
                left -= got
        finally:
            reader.close()

    def _converted(self, number: int, data: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        header, count = self._headers[number], len(next(iter(data.values())))
        coord = _cartesian(data)
        if header.has_pose():
            coord = self._file.to_global(coord, header.rotation, header.translation)
        columns = {axis: coord[:, i] for i, axis in enumerate("xyz")}
        for name, kind in self._columns.items():
            field = next((field for field, other in COLORS.items() if other == name), name)
            if field not in data:
                columns[name] = np.full(count, np.nan if kind.kind == "f" else 0, kind)
            elif field in COLORS and kind == np.float32:
                columns[name] = (data[field] * (255 / (self._limits[number] or 255))).astype(kind)
            else:
                columns[name] = data[field].astype(kind, copy=False)
        return columns

    def _kinds(self, header: Any) -> dict[str, Kind]:
        """Return the fields of a scan that are numbers, with a type that holds them."""
        prototype = self._library.StructureNode(header.points.prototype())
        kinds: dict[str, Kind] = {}
        for name in header.point_fields:
            node = prototype[name]
            if isinstance(node, self._library.IntegerNode):
                fits = (kind for kind in "BbHh" if _holds(np.dtype(kind), node.minimum(), node.maximum()))
                kinds[name] = np.dtype(next(fits, "q"))
            elif isinstance(node, self._library.ScaledIntegerNode):
                kinds[name] = np.dtype("d")
            elif isinstance(node, self._library.FloatNode):
                # Values are checked against the range of the buffer: a point far away must not end the reading.
                single = "f" if name == "intensity" or name in COLORS else "d"
                kinds[name] = np.dtype(single)
        if not (set(CARTESIAN) <= set(kinds) or set(SPHERICAL) <= set(kinds)):
            raise ValueError(f"a scan has no coordinates; it has {', '.join(header.point_fields)}")
        return kinds

    def _color_limit(self, header: Any) -> float | None:
        """Return the greatest color of a scan, None where it has no colors or does not say."""
        if not set(COLORS) <= set(header.point_fields):
            return None
        node = self._library.StructureNode(header.points.prototype())["colorRed"]
        most = float(node.maximum()) if hasattr(node, "maximum") else 0.0
        if "colorLimits" in header.scan_fields and header.node["colorLimits"].isDefined("colorRedMaximum"):
            most = float(header.node["colorLimits"]["colorRedMaximum"].value())
        return most if 0 < most < 2**32 else None

    def _common(self) -> dict[str, Kind]:
        """Return what columns the file has, beside coordinates, in all scans together; say which scans lack some."""
        every = dict.fromkeys(name for fields in self._fields for name in fields)
        limits = {limit for limit in self._limits if limit is not None}
        columns: dict[str, Kind] = {}
        for field in every:
            if field in CARTESIAN:
                continue
            having = [fields[field] for fields in self._fields if field in fields]
            kind = np.result_type(*having)
            lacking = [str(number) for number, fields in enumerate(self._fields) if field not in fields]
            if field in COLORS and (lacking or len(limits) > 1 or not limits <= set(WHOLE)):
                kind = np.dtype(np.float32)
            elif lacking and field.lower() not in NO_MEASUREMENT:
                kind = np.result_type(kind, np.float32)
            columns[COLORS.get(field, field)] = kind
            if lacking and field not in ("colorGreen", "colorBlue"):
                what = "colors" if field in COLORS else field
                some = ", ".join(lacking[:5]) + (", ..." if len(lacking) > 5 else "")
                self.remarks.append(f"no {what} in scan {some}, counted from 0")
        return columns


def _holds(kind: Kind, low: int, high: int) -> bool:
    return bool(np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)


def _cartesian(data: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Return (N, 3) coordinates in the frame of the scanner."""
    if set(CARTESIAN) <= set(data):
        return np.stack([data[name] for name in CARTESIAN], axis=1).astype(np.float64, copy=False)
    distance, azimuth, elevation = (data[name].astype(np.float64, copy=False) for name in SPHERICAL)
    flat = distance * np.cos(elevation)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), distance * np.sin(elevation)], axis=1)
