"""Points as lines of text, "x y z red green blue", of which a few may be damaged."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError

COLUMNS = 6
LARGEST_COLOR = 255
TOLERATED = 10
"""So many lines of a file may be dropped, or one in a hundred; more are no accident."""

_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_EXPECTED = frozenset(b"0123456789+-.eE \t")
_BIT = 0x20
"""The bit by which the control characters 0x10 to 0x19 differ from the digits 0 to 9."""


@dataclass(frozen=True)
class PointText:
    """What a file holds.

    Attributes:
        coord: (N, 3) float32, in the file's unit.
        color: (N, 3) uint8.
        repaired: how many of the N lines were fixed.
        dropped: how many further lines were unreadable.
    """

    coord: NDArray[np.float32]
    color: NDArray[np.uint8]
    repaired: int
    dropped: int


def read_points(path: Path) -> PointText:
    """Read a file of points.

    A line that is not six numbers, the last three of them in [0, 255], is fixed where a single stray character says
    by itself what it was (see :func:`repair`), and left out otherwise.

    Raises:
        UserError: the file is missing or empty, or more than a few of its lines are unreadable.
    """
    try:
        if path.stat().st_size == 0:
            raise UserError(f"{path} is empty; unpack the data set again", code="empty-file")
        # As latin-1 every byte is a character: none can stop the reading before the line is looked at.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's, that there are no numbers: refused below
            table = np.loadtxt(path, np.float32, comments=None, ndmin=2, encoding="latin-1")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; unpack the data set again", code="missing-file") from None
    except ValueError:
        return _read_lines(path)
    return _split(table) if len(table) and _is_readable(table) else _read_lines(path)


def _is_readable(table: NDArray[np.float32]) -> bool:
    if table.shape[1] != COLUMNS or not np.isfinite(table).all():
        return False
    color = table[:, 3:]
    return bool(color.min() >= 0 and color.max() <= LARGEST_COLOR)


def _split(table: NDArray[np.float32], repaired: int = 0, dropped: int = 0) -> PointText:
    coord, color = np.ascontiguousarray(table[:, :3]), np.rint(table[:, 3:]).astype(np.uint8)
    return PointText(coord, color, repaired, dropped)


def _read_lines(path: Path) -> PointText:
    """Read line by line."""
    rows: list[list[float]] = []
    repaired = dropped = 0
    for line in path.read_bytes().splitlines():
        if not line.strip():
            continue
        row = parse(line)
        if row is None:
            row = repair(line)
            repaired += row is not None
        if row is None:
            dropped += 1
        else:
            rows.append(row)
    lines = len(rows) + dropped
    if not rows or dropped > max(TOLERATED, lines // 100):
        raise UserError(
            f"{path}: {dropped} of {lines} lines are not 'x y z red green blue'; unpack the data set again",
            code="damaged-file",
        )
    return _split(np.array(rows, np.float32), repaired, dropped)


def parse(line: bytes) -> list[float] | None:
    """Return the six numbers of a line, or None where it is anything else."""
    words = line.split()
    if len(words) != COLUMNS or not all(map(_NUMBER.fullmatch, words)):
        return None
    row = [float(word) for word in words]
    with np.errstate(over="ignore"):  # a number too large becomes infinite, which is unreadable
        return row if _is_readable(np.array([row], np.float32)) else None


def repair(line: bytes) -> list[float] | None:
    """Return the six numbers of a line in which one character is wrong, or None where that is not what is wrong.

    It stands between two numbers in place of their separator, or is a digit that lost a bit (0x16 for "6"), or follows
    the last number. Any other one may have been a sign or a digit, which leaves the number unknown.
    """
    strays = [place for place, byte in enumerate(line) if byte not in _EXPECTED]
    if len(strays) != 1:
        return None
    (place,) = strays
    before, stray, after = line[:place], line[place], line[place + 1 :]
    readings = []
    if not after or len((before + after).split()) == COLUMNS - 1:
        readings.append(before + b" " + after)
    if 0 <= stray - 0x10 <= 9:
        readings.append(before + bytes([stray | _BIT]) + after)
    return next((row for row in map(parse, readings) if row is not None), None)
