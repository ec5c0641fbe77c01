"""What the columns of a file hold, and when that says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MANY = 100
"""From so many points on, what is the same in all of them says nothing; and so many at 0, 0, 0 were never measured."""


@dataclass
class HeldValues:
    """What a column holds, or several that belong together.

    Attributes:
        high: the greatest value, at least 0; None without any column.
        single: (C,) the values of all points so far, where these are the same; None where they differ, or are none.
        known: whether any value is finite.
        is_float: whether values are floating point in all pieces.
        bits: of a value.
        gaps: points that lack a value.
        signed: whether values below 0 are values.
        points: all.
    """

    high: float | None = None
    single: NDArray[Any] | None = None
    differ: bool = False
    known: bool = False
    is_float: bool = True
    bits: int = 0
    gaps: int = 0
    points: int = 0
    signed: bool = True

    def add(self, values: NDArray[Any]) -> None:
        """Take in (N, C) values."""
        self.is_float &= values.dtype.kind == "f"
        self.bits = max(self.bits, 8 * values.dtype.itemsize)
        self.points += len(values)
        good = is_known(values, self.signed)
        if good is not None:
            self.gaps += len(values) - int(good.sum())
            values = values[good]
        self.high = self.high or 0.0
        if len(values) == 0:
            return
        self.known = True
        self.high = max(self.high, float(values.max()))
        if not self.differ:  # as long as all are the same: a few pieces of a few files
            self.single = values[0] if self.single is None else self.single
            self.differ = bool((values != self.single).any())

    def nothing(self) -> str | None:
        """Return what they hold, where that says nothing; None otherwise."""
        if self.high is None or self.differ:
            return None
        if not self.known or self.single is None:
            return "NaN alone"
        if not self.single.any():
            return "0 alone"
        if self.points >= MANY:
            return f"{', '.join(f'{value:g}' for value in self.single)} alone"
        return None


def is_known(values: NDArray[Any], signed: bool = False) -> NDArray[np.bool_] | None:
    """Return (N,) in which rows of (N, C) all values are finite, and not below 0 unless ``signed``; None: in all."""
    if values.dtype.kind == "u" or (values.dtype.kind == "i" and signed) or len(values) == 0:
        return None
    if values.dtype.kind == "i" and values.min() >= 0:
        return None
    good = np.isfinite(values).all(axis=1)
    if not signed:
        good &= (values >= 0).all(axis=1)
    return None if good.all() else good
