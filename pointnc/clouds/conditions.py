"""What points out of any file must become before they are a scene: meters, z up, colors from 0 to 255."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import PointCloud
from pointnc.clouds.held_values import is_known
from pointnc.clouds.names import STRENGTHS
from pointnc.clouds.survey import STRAY, Survey, find_strength, has_direction, is_zero
from pointnc.errors import UserError

Unit = Literal["m", "cm", "mm", "auto"]
Up = Literal["z", "y"]

METERS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
LARGEST = 60.0
"""Meters across beyond which ``auto`` does not believe in a unit."""

GRAY = 128

Bits = Literal["auto", 8, 10, 12, 16]
"""Of a color value; "auto": 8 where none is greater than 255, else 16."""


def check_frame(unit: str, up: str, color_bits: object = "auto") -> None:
    """Refuse a unit, axis or range of colors that is unknown.

    Raises:
        UserError: it is; the message names those that there are.
    """
    for key, value, kind in (("units", unit, Unit), ("up", up, Up), ("color_bits", color_bits, Bits)):
        if value not in get_args(kind):
            raise UserError(f"{key}={value}: choose one of {', '.join(map(str, get_args(kind)))}", code="option")


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
        strength_column: where it stands; None where there is none.
        has_normal: whether the file's normals are of use.
        zeros: whether points at 0, 0, 0 count.
    """

    scale: float
    up: Up
    origin: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    color_scale: float | None
    strength_scale: float = 1.0
    strength_column: str | None = None
    has_normal: bool = True
    zeros: bool = True

    @classmethod
    def of(
        cls, seen: Survey, arrays: Collection[str], unit: Unit = "m", up: Up = "z", color_bits: Bits = "auto"
    ) -> tuple[Conditions, list[str]]:
        """Decide from what a file holds; return the conditions and a remark on everything that was assumed.

        Args:
            seen: the file.
            arrays: what the network wants besides coordinates: "color", "normal", both or neither.
            unit: of the coordinates; "auto": the first of m, cm, mm in which the file is at most 60 m across.
            up: which axis points up.
            color_bits: of a color value, where the file's colors are whole numbers.

        Raises:
            UserError: unknown unit or axis, or no strength of laser pulses where the network wants it.
        """
        check_frame(unit, up, color_bits)
        empty = seen.empty if "strength" not in arrays else (*seen.empty, *seen.empty_strengths)
        remarks = [f"{one}: taken as absent" for one in empty]
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
                    f"{' or '.join(STRENGTHS)}; {_there(seen)}",
                    code="missing-column",
                )
            if seen.strength_high > 1:
                most = 255 if seen.strength_high <= 255 else 65535
                strength_scale = 1 / most
                remarks.append(f"strengths go up to {seen.strength_high:.6g}: divided by {most}")
        color_scale = None
        if "color" in arrays:
            color_scale, said = _color_scale(seen, color_bits)
            remarks += said
        if "normal" in arrays and not seen.has_normal:
            remarks.append("no normals, which the network was trained with: taken from the faces, or estimated")
        conditions = cls(
            METERS[unit],
            up,
            seen.low,
            seen.low,
            seen.high,
            color_scale,
            strength_scale,
            seen.strength,
            seen.has_normal,
            seen.unmeasured == 0,
        )
        return conditions, remarks

    def usable(self, coord: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return (N,) which points of the file count: finite coordinates, not stray, and measured."""
        good = np.asarray(((coord >= self.low) & (coord <= self.high)).all(axis=1))
        if not self.zeros:
            good[is_zero(coord)] = False
        return good

    def coord(self, cloud: PointCloud) -> NDArray[np.float32]:
        """Return (N, 3) meters, z up, near the origin."""
        return self._turn(((cloud.coord - self.origin) * self.scale).astype(np.float32))

    def world_origin(self) -> NDArray[np.float64]:
        """Return (3,) float64 meters, z up: added to :meth:`coord` it gives world coordinates."""
        turned: NDArray[np.float64] = self._turn((self.origin * self.scale)[None])[0]
        return turned

    def normal(self, cloud: PointCloud) -> NDArray[np.float32] | None:
        """Return (N, 3) unit normals, z up, NaN where one has no length; None where the file has none."""
        return None if cloud.normal is None or not self.has_normal else self.turned(cloud.normal)

    def turned(self, normal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N, 3) unit normals, z up, of those in the file's frame; NaN where one has no length."""
        normal = self._turn(normal)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
        normal[~has_direction(normal)] = np.nan
        return normal.astype(np.float32)

    def color(self, cloud: PointCloud) -> NDArray[np.uint8]:
        """Return (N, 3) colors from 0 to 255; gray where the file has none."""
        if cloud.color is None or self.color_scale is None:
            return np.full((len(cloud), 3), GRAY, np.uint8)
        if cloud.color.dtype == np.uint8 and self.color_scale == 1:
            return cloud.color
        values = cloud.color.astype(np.float32) * np.float32(self.color_scale)
        known = is_known(cloud.color)
        if known is not None:
            values[~known] = GRAY
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)

    def strength(self, cloud: PointCloud) -> NDArray[np.float32] | None:
        """Return (N,) strengths of laser pulses from 0 to 1; None where the file has none."""
        values = find_strength(cloud, self.strength_column)
        return None if values is None else np.nan_to_num(values) * np.float32(self.strength_scale)

    def _turn(self, vectors: NDArray[Any]) -> NDArray[Any]:
        if self.up == "z":
            return vectors
        x, y, z = vectors.T
        return np.stack([x, -z, y], axis=1)


def _there(seen: Survey) -> str:
    """Say what else a file holds: one of these columns may be the one that is missing."""
    return f"besides coordinates, colors and normals it has {', '.join(seen.columns) or 'nothing'}"


def _color_scale(seen: Survey, bits: Bits) -> tuple[float | None, list[str]]:
    """Return the factor on colors, None where there are none, and what was assumed."""
    remarks = []
    high = seen.color_high
    if high is None:
        return None, [f"no colors, which the network was trained with: all points are taken as gray ({_there(seen)})"]
    if seen.colorless:
        remarks.append(f"{seen.colorless} points have no color: they are taken as gray")
    if seen.color_is_float and high <= 1:
        return 255.0, [*remarks, "colors lie between 0 and 1: multiplied by 255"]
    if bits != "auto":
        return 255 / (2**bits - 1), remarks
    if high > 255:
        doubt = "; give color_bits=10 or 12 if they are of these" if high < 4096 else ""
        return 255 / 65535, [*remarks, f"colors go beyond 255: taken as 16 bits{doubt}"]
    if not seen.color_is_float and seen.color_bits == 16 and high < 128:
        remarks.append(
            f"colors of 16 bits go up to {high:g} alone: taken as 8 bits; give color_bits=16 if the scan is so dark"
        )
    return 1.0, remarks
