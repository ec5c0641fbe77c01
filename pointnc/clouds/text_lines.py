"""The lines of a table in a text file: which are points, what parts their columns, and which letter their decimals."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pointnc.errors import UserError
from pointnc.untrusted.numbers import plain_numbers

COMMENTS = (b"#", b"//")
MARK = b"\xef\xbb\xbf"
"""The byte order mark that some programs write before utf-8."""

LONGEST = 65536
"""Bytes of a line that are held at a time."""

SEPARATORS = (b",", b";", b"\t", b"|", None)
"""What may part columns; None: spaces."""

_LOOKED_AT = 60
"""Lines that decide what parts columns."""


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Attributes:
        separator: what parts columns; None: spaces.
        comma: whether decimals stand behind a comma.
    """

    separator: bytes | None = None
    comma: bool = False

    def spelled(self, text: bytes) -> bytes:
        """Return a line or word with points before its decimals."""
        return text.replace(b",", b".") if self.comma else text

    def is_number(self, word: bytes) -> bool:
        """Whether a word, in quotes or not, can be read as a number."""
        try:
            self.number(word)
        except ValueError:
            return False
        return True

    def number(self, word: bytes) -> float:
        """Return what a word, in quotes or not, stands for.

        Raises:
            ValueError: it is no number.
        """
        word = self.spelled(word.strip().strip(b'" '))
        if not word and self.separator is not None:
            return math.nan  # an empty cell
        if b"_" in word:  # Python's own way to part digits
            raise ValueError
        return float(plain_numbers(word))


@dataclass(frozen=True)
class Start:
    """What the first lines of a file say.

    Attributes:
        heading: the line that may hold names, the last one before the points; None without one.
        others: lines before the points that are none of them.
        first: the first point.
        dialect: how the points are written.
        counted: whether a line with the number of points stands before them.
    """

    heading: bytes | None
    others: frozenset[bytes]
    first: bytes
    dialect: Dialect
    counted: bool

    def is_point(self, line: bytes) -> bool:
        """Whether a line is a point: neither empty, nor a comment, nor one of those before the points."""
        text = line.strip()
        return bool(text) and not text.startswith(COMMENTS) and text not in self.others


def read_start(path: Path) -> Start:
    """Look for the first point among a thousand lines.

    Raises:
        UserError: there is none, or the file is a text of another kind.
    """
    with path.open("rb") as stream:
        head = stream.read(LONGEST)
        _check_kind(path, head)
        stream.seek(0)
        texts = [line.removeprefix(MARK).strip() for line in _at_most(stream, 1000)]
    dialect = find_dialect(text for text in texts if text and not text.startswith(COMMENTS))
    heading: bytes | None = None
    others: set[bytes] = set()
    count: bytes | None = None
    for text in texts:
        if not text:
            continue
        if text.startswith(COMMENTS):
            heading = text
            continue
        words = cut(text, dialect.separator)
        if _may_be_point(words, heading, dialect):
            if len(words) > 1 or count is not None:
                if len(words) == 1:  # a second single number: a file of one column
                    return Start(heading, frozenset(), text, Dialect(), False)
                return Start(heading, frozenset(others), text, dialect, count is not None)
            count = text
        else:
            heading = text
        others.add(text)
    if count is not None and len(others) == 1:
        return Start(heading, frozenset(), count, Dialect(), False)
    raise UserError(
        f"{path} has no line of numbers among its first thousand: it is no table of points", code="wrong-format"
    )


def _check_kind(path: Path, head: bytes) -> None:
    """Refuse texts that would be read as something that they are not."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{path} is written in UTF-16: save it as UTF-8 or plain text", code="wrong-format")
    if b"\r" in head and b"\n" not in head:
        raise UserError(f"{path} has line ends of old Macs (CR alone): save it with other ones", code="wrong-format")
    if head[:200].removeprefix(MARK).split()[:1] in ([b"ncols"], [b"NCOLS"]):
        raise UserError(f"{path} is a raster of heights (ESRI grid): write it as points x y z", code="wrong-format")


def find_dialect(texts: Iterable[bytes]) -> Dialect:
    """Return the dialect in which most lines have equal numbers of columns with at least three numbers among them.

    Without any, the first separator that a line has decides.
    """
    # The number of points and names say nothing of it.
    sample = list(itertools.islice((text for text in texts if any(48 <= letter < 58 for letter in text)), _LOOKED_AT))
    best, found = (0, 0), Dialect(find_separator(sample[-1]) if sample else None)
    for separator in SEPARATORS:
        for comma in (False, True) if separator != b"," else (False,):
            dialect = Dialect(separator, comma)
            if comma and not any(b"," in text for text in sample):
                continue
            rows = [cut(text, separator) for text in sample]
            numbers = [sum(bool(word.strip()) and dialect.is_number(word) for word in row) for row in rows]
            widths = Counter(len(row) for row, number in zip(rows, numbers) if number >= 3)
            if widths:
                width, lines = widths.most_common(1)[0]
                score = lines, max(number for row, number in zip(rows, numbers) if len(row) == width)
                if score > best:
                    best, found = score, dialect
    return found


def _may_be_point(words: list[bytes], heading: bytes | None, dialect: Dialect) -> bool:
    """Whether the coordinates are numbers; other columns may hold words."""
    names = [] if heading is None else heading_names(heading, dialect.separator)
    where = [names.index(axis) for axis in "xyz" if axis in names]
    if len(where) == 3 and len(names) == len(words):
        return all(dialect.is_number(words[i]) for i in where)
    numbers = [bool(word.strip()) and dialect.is_number(word) for word in words]
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


def _at_most(stream: BinaryIO, count: int) -> Iterator[bytes]:
    return itertools.takewhile(bool, (stream.readline(LONGEST) for _ in range(count)))
