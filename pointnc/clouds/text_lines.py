"""The lines of a table in a text file: which are points, and what parts their columns."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pointnc.errors import UserError

COMMENTS = (b"#", b"//")
MARK = b"\xef\xbb\xbf"
"""The byte order mark that some programs write before utf-8."""

LONGEST = 65536
"""Bytes of a line that are held at a time."""


@dataclass(frozen=True)
class Start:
    """What the first lines of a file say.

    Attributes:
        heading: the line that may hold names, the last one before the points; None without one.
        others: lines before the points that are none of them.
        first: the first point.
        separator: what parts columns; None: spaces.
        counted: whether a line with the number of points stands before them.
    """

    heading: bytes | None
    others: frozenset[bytes]
    first: bytes
    separator: bytes | None
    counted: bool

    def is_point(self, line: bytes) -> bool:
        """Whether a line is a point: neither empty, nor a comment, nor one of those before the points."""
        text = line.strip()
        return bool(text) and not text.startswith(COMMENTS) and text not in self.others


def read_start(path: Path) -> Start:
    """Look for the first point among a thousand lines.

    Raises:
        UserError: there is none.
    """
    heading: bytes | None = None
    others: set[bytes] = set()
    count: bytes | None = None
    with path.open("rb") as stream:
        for line in _at_most(stream, 1000):
            text = line.removeprefix(MARK).strip()
            if not text:
                continue
            if text.startswith(COMMENTS):
                heading = text
                continue
            separator = find_separator(text)
            words = cut(text, separator)
            if _may_be_point(words, heading, separator):
                if len(words) > 1 or count is not None:
                    if len(words) == 1:  # a second single number: a file of one column
                        return Start(heading, frozenset(), text, None, False)
                    return Start(heading, frozenset(others), text, separator, count is not None)
                count = text
            else:
                heading = text
            others.add(text)
    if count is not None and len(others) == 1:
        return Start(heading, frozenset(), count, None, False)
    raise UserError(f"{path} has no line of numbers among its first thousand: it is no table of points")


def _may_be_point(words: list[bytes], heading: bytes | None, separator: bytes | None) -> bool:
    """Whether the coordinates are numbers; other columns may hold words."""
    names = [] if heading is None else heading_names(heading, separator)
    where = [names.index(axis) for axis in "xyz" if axis in names]
    if len(where) == 3 and len(names) == len(words):
        return all(is_number(words[i]) for i in where)
    numbers = [is_number(word) for word in words]
    return all(numbers) or (len(words) > 3 and all(numbers[:3]))


def heading_names(heading: bytes, separator: bytes | None) -> list[str]:
    """Return the words of a line of names, which may be a comment."""
    words = cut(heading.lstrip(b"#/ ").strip(), separator)
    return [word.strip().strip(b'"').decode("utf-8", "replace") for word in words]


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file, the first one without a byte order mark.

    None is longer than :data:`LONGEST`: the rest of a longer one comes as a line of its own, which is no point.
    """
    first = stream.readline(LONGEST)
    if first:
        yield first.removeprefix(MARK)
    yield from iter(partial(stream.readline, LONGEST), b"")


def find_separator(text: bytes) -> bytes | None:
    """Return the comma, semicolon or tab that parts columns outside quotes; None where spaces do."""
    bare = re.sub(rb'"[^"]*"', b"", text)
    return next((one for one in (b",", b";", b"\t") if one in bare), None)


def cut(text: bytes, separator: bytes | None) -> list[bytes]:
    """Part a line into words, which keep their quotes."""
    if b'"' not in text:
        return text.split(separator)
    part = rb"\s+" if separator is None else re.escape(separator)
    return re.split(part + rb'(?=(?:[^"]*"[^"]*")*[^"]*$)', text)


def is_number(word: bytes) -> bool:
    """Whether a word, in quotes or not, can be read as a number."""
    try:
        float(word.strip().strip(b'"'))
    except ValueError:
        return False
    return True


def _at_most(stream: BinaryIO, count: int) -> Iterator[bytes]:
    return itertools.takewhile(bool, (stream.readline(LONGEST) for _ in range(count)))
