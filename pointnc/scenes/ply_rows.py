"""Rows of an element of a ply file that hold lists, and so have different lengths: walked through in pieces."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pointnc.scenes.ply_header import Element

BLOCK = 1 << 22
"""Bytes that are read at a time."""

_LETTERS = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I"}

LONGEST_ROW = 1 << 20
"""Bytes of a row, or of the line of one."""


@dataclass(frozen=True)
class Rows:
    """Some rows of an element, as they stand in the file.

    Attributes:
        element: theirs.
        data: (B,) uint8 all bytes.
        starts: (R + 1,) where each row begins, and where the last one ends.
        places: property to (R,) where its value, or the number of its values, begins.
        lengths: property to (R,) how many values a list has.
    """

    element: Element
    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    places: dict[str, NDArray[np.int64]]
    lengths: dict[str, NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def values(self) -> dict[str, NDArray[Any]]:
        """Return property to its (R,) values; lists are left out."""
        return {one.name: self._gather(self.places[one.name], one.dtype) for one in self.element.properties
                if one.length is None}  # fmt: skip

    def items(self, name: str) -> NDArray[Any]:
        """Return the values of all lists of a property, one after the other."""
        one = next(one for one in self.element.properties if one.name == name)
        assert one.length is not None
        lengths = self.lengths[name]
        ends = np.cumsum(lengths)
        turn = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)
        places = np.repeat(self.places[name] + one.length.itemsize, lengths) + turn * one.dtype.itemsize
        return self._gather(places, one.dtype)

    def _gather(self, places: NDArray[np.int64], dtype: np.dtype[Any]) -> NDArray[Any]:
        taken = self.data[places[:, None] + np.arange(dtype.itemsize)]
        return np.ascontiguousarray(taken).view(dtype)[:, 0] if len(taken) else np.empty(0, dtype)

    def extended(self, new: NDArray[np.void], without: set[str]) -> bytes:
        """Return the rows with others behind each, without the values of some properties."""
        kept = np.ones(len(self.data), bool)
        kept[: self.starts[0]] = kept[self.starts[-1] :] = False
        for one in self.element.properties:
            if one.name in without and one.length is None:
                kept[self.places[one.name][:, None] + np.arange(one.dtype.itemsize)] = False
        row = np.repeat(np.arange(len(self)), np.diff(self.starts))[kept[self.starts[0] : self.starts[-1]]]
        old, width = self.data[kept], new.dtype.itemsize
        out = np.empty(len(old) + len(self) * width, np.uint8)
        out[np.arange(len(old)) + row * width] = old
        ends = np.cumsum(np.bincount(row, minlength=len(self))) + np.arange(len(self)) * width
        out[ends[:, None] + np.arange(width)] = np.ascontiguousarray(new).view(np.uint8).reshape(len(self), width)
        return out.tobytes()


def walk(stream: BinaryIO, element: Element, most: int) -> Iterator[Rows]:
    """Yield the rows of an element of a binary file, at most ``most`` at a time; the stream stands behind them then.

    Raises:
        ValueError: they are truncated, or a list has no or a huge length.
    """
    data, left = b"", element.count
    while left:
        got = stream.read(BLOCK)
        data += got
        rows, used = _walk(data, element, min(most, left))
        if not len(rows):
            if not got:
                raise ValueError(f"{left} rows of {element.name} are missing")
            continue
        left -= len(rows)
        yield rows
        data = data[used:]
    stream.seek(-len(data), 1)


def _walk(data: bytes, element: Element, most: int) -> tuple[Rows, int]:
    """Return the whole rows at the begin of some bytes, and how many bytes they have."""
    steps = list[tuple[int, struct.Struct | None, int]]()  # fixed bytes, or what reads a length and bytes of a value
    for one in element.properties:
        if one.length is None:
            steps.append((one.dtype.itemsize, None, 0))
        else:
            order = ">" if one.length.byteorder == ">" else "<"
            length = struct.Struct(order + _LETTERS[one.length.str[1:]])
            steps.append((length.size, length, one.dtype.itemsize))
    starts, places, lengths = [0], list[list[int]](), list[list[int]]()
    at, end = 0, len(data)
    while len(starts) <= most:
        row: list[int] = []
        counts: list[int] = []
        place = at
        for size, reader, width in steps:
            row.append(place)
            if reader is not None:
                if place + size > end:
                    break
                (count,) = reader.unpack_from(data, place)
                if count < 0:
                    raise ValueError(f"a list of {element.name} has {count} values")
                counts.append(count)
                place += count * width
            place += size
        if place - at > LONGEST_ROW:
            raise ValueError(f"a row of {element.name} has more than {LONGEST_ROW} bytes")
        if len(row) < len(steps) or place > end:
            break
        at = place
        starts.append(at)
        places.append(row)
        lengths.append(counts)
    lists = [one.name for one in element.properties if one.length is not None]
    table = np.array(places, np.int64).reshape(-1, len(steps))
    counted = np.array(lengths, np.int64).reshape(len(places), len(lists))
    return Rows(
        element,
        np.frombuffer(data, np.uint8),
        np.array(starts, np.int64),
        {one.name: table[:, i] for i, one in enumerate(element.properties)},
        {name: counted[:, i] for i, name in enumerate(lists)},
    ), at


@dataclass(frozen=True)
class Line:
    """A row of an ascii file.

    Attributes:
        words: of its line.
        places: property to the word of its value, or of the number of its values.
    """

    words: list[bytes]
    places: dict[str, int]


def walk_lines(stream: BinaryIO, element: Element) -> Iterator[Line]:
    """Yield the rows of an element of an ascii file; empty lines do not count.

    Raises:
        ValueError: they are truncated, or a row has another number of values than its lists say.
    """
    for number in range(element.count):
        words: list[bytes] = []
        while not words:
            line = stream.readline(LONGEST_ROW)
            words = line.split()
            if not line:
                raise ValueError(f"{element.count - number} rows of {element.name} are missing")
        places: dict[str, int] = {}
        at = 0
        for one in element.properties:
            places[one.name] = at
            if one.length is not None and at < len(words):
                at += int(words[at])
            at += 1
        if at != len(words):
            raise ValueError(f"row {number + 1} of {element.name} does not have {at} values")
        yield Line(words, places)


def skip(stream: BinaryIO, element: Element, ascii_: bool) -> None:
    """Go to the end of an element.

    Raises:
        ValueError: it is truncated.
    """
    if ascii_:
        for _ in walk_lines(stream, element):
            pass
    elif element.has_lists:
        for _ in walk(stream, element, 1 << 20):
            pass
    else:
        stream.seek(element.count * element.least, 1)
