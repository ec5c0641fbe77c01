"""The points of a file, and what every format offers: chunks of them, and a copy of the file with more columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError

Columns = Mapping[str, NDArray[Any]]
"""Name to (N,) values."""

CHUNK = 1_000_000
"""Points that are read or written at a time."""

COLORS = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
NORMALS = (("nx", "ny", "nz"), ("normal_x", "normal_y", "normal_z"), ("normalx", "normaly", "normalz"))


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
    """Sort named columns into coordinates, colors, normals and the rest; names are compared in lower case.

    Raises:
        UserError: x, y or z is missing; or these, colors or normals are no real numbers, or there twice.
    """
    lower: dict[str, str] = {}
    twice: set[str] = set()
    for name in columns:
        if lower.setdefault(name.lower(), name) != name:
            twice.add(name.lower())
    missing = [axis for axis in "xyz" if axis not in lower]
    if missing:
        raise UserError(f"{path} has no column {missing[0]!r}; it has {', '.join(columns) or 'none'}")
    used = {lower[axis] for axis in "xyz"}
    found: dict[str, NDArray[Any]] = {}
    for key, alternatives in (("color", COLORS), ("normal", NORMALS)):
        for triple in alternatives:
            if key not in found and all(name in lower for name in triple):
                found[key] = _stack(columns, [lower[name] for name in triple], path)
                used |= {lower[name] for name in triple}
    for name in used:
        if name.lower() in twice:
            raise UserError(f"{path} has two columns {name.lower()!r}, which differ in case alone; rename one")
    return PointCloud(
        _stack(columns, [lower[axis] for axis in "xyz"], path).astype(np.float64),
        found.get("color"),
        found["normal"].astype(np.float32) if "normal" in found else None,
        {name: np.asarray(values) for name, values in columns.items() if name not in used},
    )


def check_columns(names: Sequence[str], path: Path) -> None:
    """Refuse names that cannot be told apart, or would command a terminal or another program that reads a copy.

    Raises:
        UserError: two columns have the same name, or a name holds a control character.
    """
    seen: set[str] = set()
    for name in names:
        if any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in name):
            raise UserError(f"{path}: the name of the column {name!r} holds control characters; rename it")
        if name in seen:
            raise UserError(f"{path}: the column {name!r} is declared twice; rename one")
        seen.add(name)


def check_numbers(values: NDArray[Any], what: str) -> None:
    """Refuse what is no array of real numbers.

    Raises:
        UserError: texts, complex numbers, truth values, dates, records.
    """
    if values.dtype.kind not in "iuf":
        raise UserError(f"{what} holds values of the type {values.dtype}: integers or floating point are needed")


def _stack(columns: Columns, names: list[str], path: Path) -> NDArray[Any]:
    for name in names:
        check_numbers(columns[name], f"{path}: the column {name!r}")
        if columns[name].ndim != 1:
            raise UserError(f"{path}: the column {name!r} has {columns[name].shape[1:]} values a point: 1 is needed")
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
