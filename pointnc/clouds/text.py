"""Text files: xyz, txt, csv. One point a line; the lines keep their spelling when columns are added."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows, from_columns
from pointnc.errors import UserError

COMMENTS = (b"#", b"//")


class TextFile(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`.

    Columns are parted by commas, semicolons, tabs or spaces. Their names come from a first line that is no numbers
    (a comment counts), for example ``x,y,z,red,green,blue``; without one the first three are coordinates, and three
    more that hold 0 to 255 are colours. Lines that begin with ``#`` or ``//`` are comments.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.heading, first = _first_lines(path)
        self.separator = next((one for one in (b",", b";", b"\t") if one in first), None)
        self.width = len(first.split(self.separator))
        self.named = self.heading is not None
        self._names = self._find_names(first)
        with path.open("rb") as stream:
            self.count = sum(1 for line in stream if _is_point(line, self.heading))

    def __len__(self) -> int:
        return self.count

    def names(self) -> list[str]:
        """The columns."""
        return self._names

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Parse so many lines at a time."""
        separator = None if self.separator is None else self.separator.decode()
        with self.path.open("rb") as stream:
            lines = (line for line in stream if _is_point(line, self.heading))
            done = 0
            while batch := list(itertools.islice(lines, size)):
                try:
                    table = np.loadtxt(batch, np.float64, comments=None, delimiter=separator, ndmin=2)
                except ValueError as error:
                    raise UserError(f"{self.path}, points {done + 1} to {done + len(batch)}: {error}") from None
                if table.shape[1] != self.width:
                    raise UserError(f"{self.path}: {table.shape[1]} columns after point {done}, {self.width} before")
                done += len(batch)
                yield from_columns({name: table[:, i] for i, name in enumerate(self._names)}, self.path)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Append the columns to each line; comments stay where they are.

        Columns without names get some, in a comment before the first point: the new ones can be told from the others.
        """
        rows = Rows(columns)
        separator = self.separator or b" "
        drop = [i for i, name in enumerate(self._names) if self.named and name in rows.dtypes]
        with self.path.open("rb") as source, target.open("wb") as out:
            heading = self.heading
            names = (name.encode() for name in [*self._names, *rows.dtypes])
            comment = b"" if self.named else b"# " + separator.join(names) + b"\n"
            while batch := list(itertools.islice(source, CHUNK)):
                count = sum(_is_point(line, heading) for line in batch)
                new = iter(zip(*([str(v).encode() for v in column] for column in rows.take(count).values())))
                for line in batch:
                    if _is_point(line, heading):
                        out.write(comment)
                        comment = b""
                        out.write(self._row(line, drop, separator, next(new)))
                    elif heading is not None and line == heading:
                        out.write(self._row(line, drop, separator, tuple(name.encode() for name in rows.dtypes)))
                        heading = b""  # only once
                    else:
                        out.write(line)

    def _row(self, line: bytes, drop: list[int], separator: bytes, values: Iterable[bytes]) -> bytes:
        text = line.strip()
        if not drop:
            return separator.join([text, *values]) + b"\n"
        bare = text.lstrip(b"#/ ")  # the names may stand in a comment
        words = [word for i, word in enumerate(bare.split(self.separator)) if i not in drop]
        return text[: len(text) - len(bare)] + separator.join([*words, *values]) + b"\n"

    def _find_names(self, first: bytes) -> list[str]:
        if self.heading is not None:
            words = self.heading.lstrip(b"#/ ").strip().split(self.separator)
            names = [word.strip().strip(b'"').decode("utf-8", "replace") for word in words]
            if len(names) == self.width:
                return names
            self.heading, self.named = None, False  # a sentence, not names
        if self.width < 3:
            raise UserError(f"{self.path} has {self.width} columns: x, y and z are needed")
        names = ["x", "y", "z"]
        values = [float(word) for word in first.split(self.separator)]
        if self.width >= 6 and all(value == int(value) and 0 <= value <= 255 for value in values[3:6]):
            names += ["red", "green", "blue"]
        return names + [f"column{i + 1}" for i in range(len(names), self.width)]


def _is_point(line: bytes, heading: bytes | None) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith(COMMENTS) and line != heading


def _first_lines(path: Path) -> tuple[bytes | None, bytes]:
    """Return a line that may hold names, and the first line of numbers."""
    heading = None
    with path.open("rb") as stream:
        for line in _at_most(stream, 1000):
            text = line.strip()
            if not text:
                continue
            words = text.replace(b",", b" ").replace(b";", b" ").split()
            if not text.startswith(COMMENTS) and all(_is_number(word) for word in words):
                return heading, text
            heading = line
    raise UserError(f"{path} has no line of numbers among its first thousand: it is no table of points")


def _at_most(stream: BinaryIO, count: int) -> Iterator[bytes]:
    return itertools.takewhile(bool, (stream.readline(65536) for _ in range(count)))


def _is_number(word: Any) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
