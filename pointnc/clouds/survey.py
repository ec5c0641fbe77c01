"""What a pass over a file shows: how far it reaches, and which of its columns hold anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import CloudFile, PointCloud, flagged
from pointnc.clouds.held_values import MANY, HeldValues
from pointnc.clouds.names import NO_MEASUREMENT, STRENGTHS, plain
from pointnc.errors import UserError

LIMIT = 1e37
"""Coordinates beyond it are none: float32 could not hold them."""

STRAY = 200.0
"""A point so many times as far from the middle as 99 of 100 points is a stray one."""

_SAMPLE = 20_000


@dataclass(frozen=True)
class Survey:
    """What a pass over a file shows.

    A column that holds nothing counts as absent: colors and strengths that are 0, or from 100 points on any other
    single value; normals of length 0.

    Attributes:
        points: number of points.
        finite: how many have coordinates of use: finite, not stray, and measured.
        low: (3,) float64 least coordinates of these, in the file's frame.
        high: (3,) the greatest.
        color_high: greatest color value; None without colors.
        color_is_float: whether colors are floating point.
        has_normal: whether there are normals.
        strength_high: greatest strength of a laser pulse; None without any.
        stray: how many points lie so far from all others (see :data:`STRAY`) that they must be errors: a single one
            would decide the unit and be too far for any grid.
        color_bits: of a color value.
        colorless: how many points have no color (NaN) in a file that has colors.
        strength: the column of the strengths.
        flagged: how many points a flag of the format calls no measurement.
        unmeasured: how many lie at 0, 0, 0 to the bit, where these are so many that they stand for none.
        empty: which of colors and normals count as absent, each with what it holds.
        empty_strengths: which columns of strengths count as absent, each with what it holds.
        columns: what the file holds besides coordinates, colors and normals.
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
    color_bits: int = 8
    colorless: int = 0
    strength: str | None = None
    flagged: int = 0
    unmeasured: int = 0
    empty: tuple[str, ...] = ()
    empty_strengths: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass
class _Places:
    """Where points lie."""

    low: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.inf))
    high: NDArray[np.float64] = field(default_factory=lambda: np.full(3, -np.inf))
    finite: int = 0
    sample: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    stride: int = 1

    def add(self, coord: NDArray[np.float64]) -> None:
        """Take in (N, 3) finite coordinates."""
        if len(coord) == 0:
            return
        self.low, self.high = np.minimum(self.low, coord.min(axis=0)), np.maximum(self.high, coord.max(axis=0))
        self.sample = np.concatenate([self.sample, coord[-self.finite % self.stride :: self.stride]])
        self.finite += len(coord)
        while len(self.sample) > _SAMPLE:
            self.sample, self.stride = self.sample[::2], 2 * self.stride


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
    places = _Places()
    points = marked = zeros = flat = 0
    color, strengths = HeldValues(signed=False), dict[str, HeldValues]()
    normals = False
    columns: dict[str, None] = {}
    for chunk in chunks:
        points += len(chunk)
        columns |= dict.fromkeys(chunk.attributes)
        if len(chunk) == 0:
            continue
        good = has_place(chunk.coord)
        coord = chunk.coord if good.all() else chunk.coord[good]
        at_zero = is_zero(coord)
        zeros += len(at_zero)
        places.add(np.delete(coord, at_zero, axis=0) if len(at_zero) else coord)
        mask = flagged(chunk, *NO_MEASUREMENT)
        marked += 0 if mask is None else int(mask.sum())
        if chunk.color is not None:
            color.add(chunk.color)
        if chunk.normal is not None:
            normals = True
            flat += int((~has_direction(chunk.normal)).sum())
        for name, values in _strengths(chunk):
            strengths.setdefault(name, HeldValues()).add(values)
    if points == 0:
        raise UserError(f"{path} has no points", code="no-points")
    unmeasured = zeros if zeros >= MANY and places.finite else 0
    if not unmeasured:
        places.add(np.zeros((zeros, 3)))
    if places.finite == 0:
        raise UserError(f"{path}: none of its {points} points has finite coordinates", code="not-finite")
    low, high, stray = places.low, places.high, 0
    box = _box(places.sample)
    if (low < box[0]).any() or (high > box[1]).any():
        stray, low, high = _without_strays(chunks, *box, zeros=unmeasured == 0)
    empty = []
    if (what := color.nothing()) is not None:
        empty.append(f"its colors hold {what}")
    if normals and flat == points:
        empty.append("its normals have no length")
    order = sorted(strengths, key=lambda name: STRENGTHS.index(plain(name)))
    useful = [name for name in order if strengths[name].nothing() is None]
    strength = useful[0] if useful else None
    return Survey(
        points=points,
        finite=places.finite - stray,
        low=low,
        high=high,
        color_high=color.high if color.nothing() is None else None,
        color_is_float=color.is_float and color.high is not None,
        has_normal=normals and flat < points,
        strength_high=None if strength is None else strengths[strength].high,
        stray=stray,
        color_bits=color.bits,
        colorless=color.gaps,
        strength=strength,
        flagged=marked,
        unmeasured=unmeasured,
        empty=tuple(empty),
        empty_strengths=tuple(f"its {name} holds {strengths[name].nothing()}" for name in order if name not in useful),
        columns=tuple(columns),
    )


def has_place(coord: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (N,) which coordinates are finite, and not beyond what float32 can hold."""
    return np.asarray((np.abs(coord) <= LIMIT).all(axis=1))  # false for NaN


def is_zero(coord: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return (M,) the numbers of the points that lie at 0, 0, 0."""
    found = np.flatnonzero(coord[:, 0] == 0)
    return found[~coord[found].any(axis=1)]


def has_direction(normal: NDArray[Any]) -> NDArray[np.bool_]:
    """Return (N,) which normals have a length."""
    with np.errstate(invalid="ignore", over="ignore"):
        square = np.einsum("ni,ni->n", normal, normal, dtype=np.float64)
    return np.asarray(np.isfinite(square) & (square > 0))


def _strengths(cloud: PointCloud) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the name and (N, 1) values of all columns that may be strengths of laser pulses."""
    for name, values in cloud.attributes.items():
        if plain(name) in STRENGTHS and values.dtype.kind in "iuf" and values.size == len(cloud):
            yield name, values.reshape(-1, 1)


def find_strength(cloud: PointCloud, column: str | None) -> NDArray[np.float32] | None:
    """Return (N,) how much of each laser pulse came back, in the file's range; None where the column is none."""
    values = None if column is None else cloud.attributes.get(column)
    return None if values is None else values.reshape(-1).astype(np.float32)


def _box(sample: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the (3,) least and greatest coordinates of points that are not stray."""
    everywhere = np.full(3, np.inf)
    if len(sample) < 100:
        return -everywhere, everywhere
    middle = np.median(sample, axis=0)
    radius = STRAY * float(np.quantile(np.abs(sample - middle).max(axis=1), 0.99, method="lower"))
    return (middle - radius, middle + radius) if radius > 0 else (-everywhere, everywhere)


def _without_strays(
    chunks: Iterable[PointCloud], least: NDArray[np.float64], most: NDArray[np.float64], zeros: bool
) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """Return how many points lie beyond a box, and the least and greatest coordinates of the others.

    Points at 0, 0, 0 count where ``zeros`` says so.
    """
    low, high, stray = most, least, 0
    for chunk in chunks:
        coord = chunk.coord[has_place(chunk.coord)]
        coord = coord if zeros else np.delete(coord, is_zero(coord), axis=0)
        inside = coord[((coord >= least) & (coord <= most)).all(axis=1)]
        stray += len(coord) - len(inside)
        if len(inside):
            low, high = np.minimum(low, inside.min(axis=0)), np.maximum(high, inside.max(axis=0))
    return stray, low, high
