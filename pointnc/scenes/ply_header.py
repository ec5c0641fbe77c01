"""What a polygon file (ply) says of itself: its elements, their properties, and whether there is room for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pointnc.errors import UserError
from pointnc.untrusted.sizes import whole_number

TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}

MOST_LINES = 10_000
LONGEST = 4096
"""Lines of a header, and bytes of one."""


@dataclass(frozen=True)
class Property:
    """A property of an element.

    Attributes:
        name: of it.
        dtype: of a value, in the file's byte order.
        length: type of the number of values of a list; None where it is one value.
        line: number of its line in the header.
    """

    name: str
    dtype: np.dtype[Any]
    length: np.dtype[Any] | None
    line: int


@dataclass(frozen=True)
class Element:
    """An element, for example ``vertex``: a table, whose rows may hold lists.

    Attributes:
        name: of it.
        count: of rows.
        properties: in their order.
    """

    name: str
    count: int
    properties: tuple[Property, ...]

    @cached_property
    def has_lists(self) -> bool:
        """Whether rows may have different lengths."""
        return any(one.length is not None for one in self.properties)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Of a row, without its lists."""
        return np.dtype([(one.name, one.dtype) for one in self.properties if one.length is None])

    @cached_property
    def least(self) -> int:
        """Bytes of the shortest row of a binary file: a list may be empty."""
        return sum((one.dtype if one.length is None else one.length).itemsize for one in self.properties)


@dataclass(frozen=True)
class Header:
    """What stands before the elements.

    Attributes:
        lines: of the header, without ``end_header``; bytes that are no utf-8 are kept.
        kind: ascii, binary_little_endian or binary_big_endian.
        elements: in the file's order.
        size: bytes of the whole header.
    """

    lines: list[str]
    kind: str
    elements: tuple[Element, ...]
    size: int

    def find(self, name: str) -> Element | None:
        """Return the element of a name, None without it."""
        return next((one for one in self.elements if one.name == name), None)

    def before(self, name: str) -> tuple[Element, ...]:
        """Return the elements that stand before another."""
        names = [one.name for one in self.elements]
        return self.elements[: names.index(name)]


def read_header(path: Path) -> Header:
    """Read a header, and compare it with the size of the file.

    Raises:
        UserError: it is no ply, has properties of unknown types, or promises more than there is.
        FileNotFoundError: it is not there.
    """
    lines = ["ply"]
    kind = ""
    found: dict[str, tuple[int, list[Property]]] = {}
    element = ""
    with path.open("rb") as stream:
        if stream.readline(16).strip() != b"ply":
            raise UserError(f"{path} is truncated or no ply file: it does not begin with 'ply'", code="damaged-file")
        while True:
            raw = stream.readline(LONGEST)
            if not raw or len(lines) > MOST_LINES:
                raise UserError(f"{path} is truncated or no ply file: its header has no end", code="damaged-file")
            line = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
            words = line.split()
            if words[:1] == ["end_header"]:
                break
            if words[:1] == ["format"] and len(words) > 1:
                kind = words[1]
            elif words[:1] == ["element"]:
                number = whole_number(words[2]) if len(words) == 3 else None
                if number is None or words[1] in found:
                    raise UserError(f"{path} is damaged: its header has a line {line[:60]!r}", code="damaged-file")
                element = words[1]
                found[element] = (number, [])
            elif words[:1] == ["property"] and element:
                found[element][1].append(_property(path, words, line, element, len(lines), kind))
            lines.append(line)
        size = stream.tell()
    if kind not in ORDERS or "vertex" not in found or not found["vertex"][1]:
        raise UserError(
            f"{path} is truncated or no ply file: its header has no format or no vertices", code="damaged-file"
        )
    elements = tuple(Element(name, count, tuple(properties)) for name, (count, properties) in found.items())
    for one in elements:
        names = [each.name for each in one.properties]
        if len(set(names)) < len(names):
            raise UserError(f"{path}: a {one.name} property is declared twice", code="ambiguous")
    least = [(one.name, one.count, 2 * len(one.properties) if kind == "ascii" else one.least) for one in elements]
    check_room(path, least, path.stat().st_size - size)
    return Header(lines, kind, elements, size)


def _property(path: Path, words: list[str], line: str, element: str, number: int, kind: str) -> Property:
    is_list = words[1:2] == ["list"]
    types = words[2:4] if is_list else words[1:2]
    if len(words) < (5 if is_list else 3) or any(one not in TYPES for one in types):
        raise UserError(f"{path}: the property {line[:60]!r} of {element} is not supported", code="wrong-format")
    kinds = [np.dtype(TYPES[one]).newbyteorder(ORDERS.get(kind, "=")) for one in types]  # type: ignore[arg-type]
    if is_list and kinds[0].kind not in "iu":
        raise UserError(
            f"{path}: the property {line[:60]!r} of {element} has no whole number of values", code="damaged-file"
        )
    return Property(words[-1], kinds[-1], kinds[0] if is_list else None, number)


def check_room(path: Path, elements: Iterable[tuple[str, int, int]], room: int) -> None:
    """Compare what a header promises with what is there.

    Args:
        path: of the file.
        elements: name, number of rows, and least bytes of one.
        room: bytes behind the header.

    Raises:
        UserError: there is less.
    """
    for name, count, smallest in elements:
        there = max(room + 1, 0) // max(smallest, 1)  # the last line may have no end
        if not 0 <= count <= there:
            promise = f"its header promises {count} rows of {name}, {there} at most are there"
            raise UserError(f"{path} is truncated or no ply file ({promise}); fetch it again", code="damaged-file")
        room -= count * smallest
