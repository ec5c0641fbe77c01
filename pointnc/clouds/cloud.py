"""The points of a file, and what every format offers: chunks of them, and a copy of the file with more columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.names import (
    COLORS,
    COORDS,
    NO_COLOR,
    NO_MEASUREMENT,
    NO_STRENGTH,
    NORMALS,
    STRENGTHS,
    by_plain_name,
)
from pointnc.errors import UserError

Columns = Mapping[str, NDArray[Any]]
"""Name to (N,) values."""

CHUNK = 1_000_000
"""Points that are read or written at a time."""


@dataclass(frozen=True)
class PointCloud:
    """N points as a file has them.

    Attributes:
        coord: (N, 3) float64, in the file's unit and frame.
        color: (N, 3) RGB in the file's range (0 to 255, 0 to 65535 or 0 to 1); None where there is none.
        normal: (N, 3) float32; None where there is none.
        attributes: name to (N,) values of everything else.
    """

    coord: NDArray[np.float64]
    color: NDArray[Any] | None = None
    normal: NDArray[np.float32] | None = None
    attributes: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return N."""
        return len(self.coord)

    def select(self, rows: NDArray[Any]) -> PointCloud:
        """Return a part of the points: by number (M,), or by a mask (N,)."""
        return PointCloud(
            self.coord[rows],
            None if self.color is None else self.color[rows],
            None if self.normal is None else self.normal[rows],
            {name: values[rows] for name, values in self.attributes.items()},
        )


class CloudFile(ABC):
    """A point cloud on the disk.

    Args:
        path: of the file.

    Attributes:
        remarks: what was assumed of a file that does not say it itself.

    Raises:
        UserError: it is missing, empty, damaged or of another format; the message names it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.remarks: list[str] = []

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of points N."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names of the columns, in the file's order."""

    @abstractmethod
    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Yield all points in their order, at most ``size`` at a time; nothing else is held in memory."""

    @abstractmethod
    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Copy the file with further columns.

        Everything that the file holds stays as it is, to the bit. A column that it has already is replaced.

        Args:
            target: a path that does not exist.
            columns: pieces of the new columns, together N rows; every piece has the same names.
        """

    def mesh_normals(self) -> NDArray[np.float32] | None:
        """Return the (N, 3) normals of the mesh that the points belong to, in the file's frame; None without one.

        They are NaN where a point belongs to no face.
        """
        return None

    def read(self) -> PointCloud:
        """Return all points."""
        return concatenate(list(self.chunks()))


def from_columns(columns: Columns, path: Path) -> PointCloud:
    """Sort named columns into coordinates, colors, normals and the rest; see :mod:`pointnc.clouds.names`.

    What a flag of the format calls no measurement has no coordinates (NaN), and no color or strength where the flag is
    about these.

    Raises:
        UserError: x, y or z is missing; or these, colors or normals are no real numbers, or there twice.
    """
    known = by_plain_name(columns)
    coord = _triple(known, COORDS)
    if not coord:
        missing = next(axis for axis in "xyz" if axis not in known)
        raise UserError(
            f"{path} has no column {missing!r}; it has {', '.join(columns) or 'none'}", code="missing-column"
        )
    color, normal = _triple(known, COLORS), _triple(known, NORMALS)
    used = {*coord, *color, *normal}
    lower = [name.lower() for name in columns]
    for name in used:
        if lower.count(name.lower()) > 1:
            raise UserError(
                f"{path} has two columns {name.lower()!r}, which differ in case alone; rename one", code="ambiguous"
            )
    cloud = PointCloud(
        _stack(columns, coord, path).astype(np.float64, copy=False),
        _stack(columns, color, path) if color else None,
        _stack(columns, normal, path).astype(np.float32, copy=False) if normal else None,
        {name: np.asarray(values) for name, values in columns.items() if name not in used},
    )
    return _without_flagged(cloud)


def flagged(cloud: PointCloud, *flags: str) -> NDArray[np.bool_] | None:
    """Return (N,) which points a flag of the format marks; None where no point is."""
    marked: NDArray[np.bool_] | None = None
    for name, values in cloud.attributes.items():
        if name.lower() in flags and values.ndim == 1 and values.dtype.kind in "iufb" and values.any():
            marked = values != 0 if marked is None else marked | (values != 0)
    return marked


def _without_flagged(cloud: PointCloud) -> PointCloud:
    """Put NaN where a flag says that there is nothing."""
    places = flagged(cloud, *NO_MEASUREMENT)
    if places is not None:
        cloud.coord[places] = np.nan
    color, attributes = cloud.color, cloud.attributes
    colorless = None if color is None else flagged(cloud, NO_COLOR)
    if color is not None and colorless is not None:
        color = color.astype(np.float32)
        color[colorless] = np.nan
    strengthless = flagged(cloud, NO_STRENGTH)
    if strengthless is not None:
        attributes = {
            name: np.where(strengthless, np.nan, v).astype(np.float32) if name.lower() in STRENGTHS else v
            for name, v in attributes.items()
        }
    return PointCloud(cloud.coord, color, cloud.normal, attributes)


def _triple(known: Mapping[str, str], alternatives: Iterable[Sequence[str]]) -> list[str]:
    """Return the names of the first three columns that are all there; none where none are."""
    return next(([known[one] for one in names] for names in alternatives if all(one in known for one in names)), [])


def check_columns(names: Sequence[str], path: Path) -> None:
    """Refuse names that cannot be told apart, or would command a terminal or another program that reads a copy.

    Raises:
        UserError: two columns have the same name, or a name holds a control character.
    """
    seen: set[str] = set()
    for name in names:
        if any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in name):
            raise UserError(
                f"{path}: the name of the column {name!r} holds control characters; rename it", code="bad-name"
            )
        if name in seen:
            raise UserError(f"{path}: the column {name!r} is declared twice; rename one", code="ambiguous")
        seen.add(name)


def check_numbers(values: NDArray[Any], what: str) -> None:
    """Refuse what is no array of real numbers.

    Raises:
        UserError: texts, complex numbers, truth values, dates, records.
    """
    if values.dtype.kind not in "iuf":
        raise UserError(
            f"{what} holds values of the type {values.dtype}: integers or floating point are needed", code="dtype"
        )


def _stack(columns: Columns, names: Sequence[str], path: Path) -> NDArray[Any]:
    for name in names:
        check_numbers(columns[name], f"{path}: the column {name!r}")
        if columns[name].ndim != 1:
            raise UserError(
                f"{path}: the column {name!r} has {columns[name].shape[1:]} values a point: 1 is needed", code="shape"
            )
    return np.stack([columns[name] for name in names], axis=1)


def concatenate(clouds: list[PointCloud]) -> PointCloud:
    """Join clouds that have the same columns."""
    first = clouds[0]
    if len(clouds) == 1:
        return first
    return PointCloud(
        np.concatenate([cloud.coord for cloud in clouds]),
        None if first.color is None else np.concatenate([cloud.color for cloud in clouds]),
        None if first.normal is None else np.concatenate([cloud.normal for cloud in clouds]),
        {name: np.concatenate([cloud.attributes[name] for cloud in clouds]) for name in first.attributes},
    )


def ranges(count: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut ``range(count)`` into pieces of at most ``size``."""
    return ((start, min(start + size, count)) for start in range(0, count, size))


class Rows:
    """Takes rows of new columns out of pieces of any length, as many as are asked for."""

    def __init__(self, pieces: Iterable[Columns]) -> None:
        self._pieces = iter(pieces)
        self._rest = dict(next(self._pieces, {}))
        self.dtypes = {name: values.dtype for name, values in self._rest.items()}

    def take(self, count: int) -> dict[str, NDArray[Any]]:
        """Return the next ``count`` rows.

        Raises:
            ValueError: there are no more so many.
        """
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in self.dtypes}
        while count:
            held = len(next(iter(self._rest.values()), ()))
            if held == 0:
                piece = next(self._pieces, None)
                if piece is None:
                    raise ValueError(f"{count} rows are missing")
                self._rest = dict(piece)
                continue
            taken = min(count, held)
            for name, values in self._rest.items():
                parts[name].append(values[:taken])
            self._rest = {name: values[taken:] for name, values in self._rest.items()}
            count -= taken
        return {
            name: np.concatenate(values) if values else np.empty(0, self.dtypes[name]) for name, values in parts.items()
        }
