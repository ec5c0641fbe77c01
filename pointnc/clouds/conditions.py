"""What points out of any file must become before they are a scene: meters, z up, colors from 0 to 255."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import CloudFile, PointCloud
from pointnc.errors import UserError

Unit = Literal["m", "cm", "mm", "auto"]
Up = Literal["z", "y"]

METERS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
LARGEST = 60.0
"""Meters across beyond which ``auto`` does not believe in a unit."""

GRAY = 128

LIMIT = 1e37
"""Coordinates beyond it are none: float32 could not hold them."""

STRAY = 200.0
"""A point so many times as far from the middle as 99 of 100 points is a stray one."""

_SAMPLE = 20_000

STRENGTHS = ("strength", "remission", "intensity", "reflectance")
"""What columns are called that say how much of a laser pulse came back."""


@dataclass(frozen=True)
class Survey:
    """What a pass over a file shows.

    Attributes:
        points: number of points.
        finite: how many have coordinates of use: finite, and not stray.
        low: (3,) float64 least coordinates of these, in the file's frame.
        high: (3,) the greatest.
        color_high: greatest color value; None without colors.
        color_is_float: whether colors are floating point.
        has_normal: whether there are normals.
        strength_high: greatest strength of a laser pulse; None without any.
        stray: how many points lie so far from all others (see :data:`STRAY`) that they must be errors: a single one
            would decide the unit and be too far for any grid.
    """

    points: int
    finite: int
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    color_high: float | None
    color_is_float: bool
    has_normal: bool
    strength_high: float | None = None
    stray: int = 0


@dataclass(frozen=True)
class _Chunks:
    """The pieces of a file, as often as they are asked for."""

    cloud: CloudFile

    def __iter__(self) -> Iterator[PointCloud]:
        return self.cloud.chunks()


def survey(cloud: CloudFile) -> Survey:
    """Look through a file, a second time only where points are stray.

    Raises:
        UserError: it is damaged, or has no point with finite coordinates.
    """
    return survey_points(_Chunks(cloud), cloud.path)


def survey_points(chunks: Iterable[PointCloud], path: Path) -> Survey:
    """Look through the points of a file, piece by piece.

    Args:
        chunks: the points; they are gone through again where points are stray.
        path: of the file, for the message.

    Raises:
        UserError: no point has finite coordinates.
    """
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    points = finite = 0
    sample, stride = np.empty((0, 3)), 1
    color_high: float | None = None
    strength_high: float | None = None
    color_is_float = has_normal = False
    for chunk in chunks:
        coord = chunk.coord[_has_place(chunk.coord)]
        if len(coord):
            low, high = np.minimum(low, coord.min(axis=0)), np.maximum(high, coord.max(axis=0))
            sample = np.concatenate([sample, coord[-finite % stride :: stride]])
        points, finite = points + len(chunk), finite + len(coord)
        while len(sample) > _SAMPLE:
            sample, stride = sample[::2], 2 * stride
        if chunk.color is not None and len(chunk):
            color_is_float = chunk.color.dtype.kind == "f"
            color_high = max(color_high or 0.0, _greatest(chunk.color))
        has_normal = has_normal or chunk.normal is not None
        strength = find_strength(chunk)
        if strength is not None and len(chunk):
            strength_high = max(strength_high or 0.0, _greatest(strength))
    if points == 0:
        raise UserError(f"{path} has no points")
    if finite == 0:
        raise UserError(f"{path}: none of its {points} points has finite coordinates")
    box = _box(sample)
    stray = 0
    if (low < box[0]).any() or (high > box[1]).any():
        stray, low, high = _without_strays(chunks, *box)
    return Survey(points, finite - stray, low, high, color_high, color_is_float, has_normal, strength_high, stray)


def _has_place(coord: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((np.abs(coord) <= LIMIT).all(axis=1))  # false for NaN


def _greatest(values: NDArray[Any]) -> float:
    return float(np.max(values, initial=0.0, where=np.isfinite(values)))


def _box(sample: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the (3,) least and greatest coordinates of points that are not stray."""
    everywhere = np.full(3, np.inf)
    if len(sample) < 100:
        return -everywhere, everywhere
    middle = np.median(sample, axis=0)
    radius = STRAY * float(np.quantile(np.abs(sample - middle).max(axis=1), 0.99, method="lower"))
    return (middle - radius, middle + radius) if radius > 0 else (-everywhere, everywhere)


def _without_strays(
    chunks: Iterable[PointCloud], least: NDArray[np.float64], most: NDArray[np.float64]
) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """Return how many points lie beyond a box, and the least and greatest coordinates of the others."""
    low, high, stray = most, least, 0
    for chunk in chunks:
        coord = chunk.coord[_has_place(chunk.coord)]
        inside = coord[((coord >= least) & (coord <= most)).all(axis=1)]
        stray += len(coord) - len(inside)
        if len(inside):
            low, high = np.minimum(low, inside.min(axis=0)), np.maximum(high, inside.max(axis=0))
    return stray, low, high


def find_strength(cloud: PointCloud) -> NDArray[np.float32] | None:
    """Return (N,) how much of each laser pulse came back, in the file's range; None where no column has that name."""
    columns = {
        name.lower(): values
        for name, values in cloud.attributes.items()
        if values.dtype.kind in "iuf" and values.size == len(cloud)
    }
    found = next((columns[name] for name in STRENGTHS if name in columns), None)
    return None if found is None else found.reshape(-1).astype(np.float32)


def check_frame(unit: str, up: str) -> None:
    """Refuse a unit or axis that is unknown.

    Raises:
        UserError: it is; the message names those that there are.
    """
    for key, value, kind in (("units", unit, Unit), ("up", up, Up)):
        if value not in get_args(kind):
            raise UserError(f"{key}={value}: choose one of {', '.join(get_args(kind))}")


@dataclass(frozen=True)
class Conditions:
    """How a file's points become meters, z up, colors from 0 to 255.

    Attributes:
        scale: meters of a unit of the file.
        up: the axis that points up in the file.
        origin: (3,) float64 what is subtracted before coordinates become float32, in the file's unit and frame.
        low: (3,) float64 least coordinates of points that count, in the file's unit and frame.
        high: (3,) the greatest.
        color_scale: factor on colors; None where there are none.
        strength_scale: factor on the strength of laser pulses.
    """

    scale: float
    up: Up
    origin: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    color_scale: float | None
    strength_scale: float = 1.0

    @classmethod
    def of(cls, seen: Survey, arrays: Collection[str], unit: Unit = "m", up: Up = "z") -> tuple[Conditions, list[str]]:
        """Decide from what a file holds; return the conditions and a remark on everything that was assumed.

        Args:
            seen: the file.
            arrays: what the network wants besides coordinates: "color", "normal", both or neither.
            unit: of the coordinates; "auto": the first of m, cm, mm in which the file is at most 60 m across.
            up: which axis points up.

        Raises:
            UserError: unknown unit or axis, or no strength of laser pulses where the network wants it.
        """
        check_frame(unit, up)
        remarks = []
        if seen.stray:
            remarks.append(
                f"{seen.stray} stray points lie more than {STRAY:g} times as far from the middle as 99 of 100 points: "
                "they are left out"
            )
        extent = float((seen.high - seen.low).max())
        if unit == "auto":
            unit = next((one for one in ("m", "cm", "mm") if extent * METERS[one] <= LARGEST), "mm")
            remarks.append(f"units=auto: {extent:.6g} across, taken as {unit}")
        elif extent * METERS[unit] > 1000 or extent * METERS[unit] < 0.3:
            remarks.append(f"{extent * METERS[unit]:.6g} m across: if that is wrong, give units=mm, cm or auto")
        strength_scale = 1.0
        if "strength" in arrays:
            if seen.strength_high is None:
                raise UserError(
                    "the network was trained with the strength of laser pulses: the file needs a column "
                    f"{' or '.join(STRENGTHS)}"
                )
            if seen.strength_high > 1:
                most = 255 if seen.strength_high <= 255 else 65535
                strength_scale = 1 / most
                remarks.append(f"strengths go up to {seen.strength_high:.6g}: divided by {most}")
        color_scale = None
        if "color" in arrays:
            if seen.color_high is None:
                remarks.append("no colors, which the network was trained with: all points are taken as gray")
            elif seen.color_is_float and seen.color_high <= 1:
                color_scale = 255.0
                remarks.append("colors lie between 0 and 1: multiplied by 255")
            elif seen.color_high > 255:
                color_scale = 255 / 65535
                remarks.append("colors go beyond 255: taken as 16 bits")
            else:
                color_scale = 1.0
        if "normal" in arrays and not seen.has_normal:
            remarks.append("no normals, which the network was trained with: taken from the faces, or estimated")
        return cls(METERS[unit], up, seen.low, seen.low, seen.high, color_scale, strength_scale), remarks

    def usable(self, coord: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return (N,) which points of the file count: finite coordinates, and not stray."""
        return np.asarray(((coord >= self.low) & (coord <= self.high)).all(axis=1))

    def coord(self, cloud: PointCloud) -> NDArray[np.float32]:
        """Return (N, 3) meters, z up, near the origin."""
        return self._turn(((cloud.coord - self.origin) * self.scale).astype(np.float32))

    def world_origin(self) -> NDArray[np.float64]:
        """Return (3,) float64 meters, z up: added to :meth:`coord` it gives world coordinates."""
        turned: NDArray[np.float64] = self._turn((self.origin * self.scale)[None])[0]
        return turned

    def normal(self, cloud: PointCloud) -> NDArray[np.float32] | None:
        """Return (N, 3) unit normals, z up; None where the file has none. Broken ones become (0, 0, 1)."""
        if cloud.normal is None:
            return None
        normal = self._turn(cloud.normal)
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            normal = normal / length
        broken = ~np.isfinite(normal).all(axis=1)
        normal[broken] = (0, 0, 1)
        return normal.astype(np.float32)

    def color(self, cloud: PointCloud) -> NDArray[np.uint8]:
        """Return (N, 3) colors from 0 to 255; gray where the file has none."""
        if cloud.color is None or self.color_scale is None:
            return np.full((len(cloud), 3), GRAY, np.uint8)
        values = np.nan_to_num(cloud.color.astype(np.float32)) * np.float32(self.color_scale)
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)

    def strength(self, cloud: PointCloud) -> NDArray[np.float32] | None:
        """Return (N,) strengths of laser pulses from 0 to 1; None where the file has none."""
        values = find_strength(cloud)
        return None if values is None else np.nan_to_num(values) * np.float32(self.strength_scale)

    def _turn(self, vectors: NDArray[Any]) -> NDArray[Any]:
        if self.up == "z":
            return vectors
        x, y, z = vectors.T
        return np.stack([x, -z, y], axis=1)
