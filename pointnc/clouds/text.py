"""Text files: xyz, txt, csv. One point a line; the lines keep their spelling when columns are added."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows, from_columns
from pointnc.clouds.table import SAMPLE, guess_names
from pointnc.clouds.text_lines import MARK, cut, heading_names, is_number, lines, read_start
from pointnc.errors import UserError


class TextFile(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`.

    Columns are parted by commas, semicolons, tabs or spaces. Their names come from a first line that is no numbers
    (a comment counts), for example ``x,y,z,red,green,blue``; without one, see
    :func:`~pointnc.clouds.table.guess_names`. Lines that begin with ``#`` or ``//`` are comments. A byte order mark, a
    line with the number of points, quotes, and columns of words are kept; the latter are not read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._start = read_start(path)
        self.separator = self._start.separator
        self.width = len(cut(self._start.first, self.separator))
        names = [] if self._start.heading is None else heading_names(self._start.heading, self.separator)
        self.named = len(names) == self.width  # else a sentence
        if not self.named and self.width < 3:
            raise UserError(f"{self.path} has {self.width} columns: x, y and z are needed")
        self.count, sample = self._count()
        columns = list(zip(*sample)) or [(word,) for word in cut(self._start.first, self.separator)]
        words = [i for i, column in enumerate(columns) if not all(map(is_number, column))]
        if not self.named:
            table = np.array([[float(w.strip(b'" ')) if is_number(w) else -1.0 for w in row] for row in zip(*columns)])
            names, remark = guess_names(table, intensity=self._start.counted and self.width == 7)
            self.remarks += [] if remark is None else [remark]
        names = [name or f"column{i + 1}" for i, name in enumerate(names)]
        self._names = names
        self._words = [i for i in words if names[i].lower() not in ("x", "y", "z")]
        if self._words:
            self.remarks.append(f"{', '.join(names[i] for i in self._words)}: words, which are kept but not read")

    def __len__(self) -> int:
        return self.count

    def names(self) -> list[str]:
        """The columns."""
        return self._names

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Parse so many lines at a time."""
        separator = None if self.separator is None else self.separator.decode()
        used = [i for i in range(self.width) if i not in self._words]
        with self.path.open("rb") as stream:
            points = filter(self._start.is_point, lines(stream))
            done = 0
            while batch := list(itertools.islice(points, size)):
                if self._words:  # numpy counts columns only where it reads all
                    self._check(batch, done, words=False)
                usecols = used if self._words else None
                try:
                    table = np.loadtxt(
                        batch, np.float64, comments=None, delimiter=separator, ndmin=2, usecols=usecols, quotechar='"'
                    )
                except ValueError as error:
                    self._check(batch, done)
                    raise UserError(f"{self.path}, points {done + 1} to {done + len(batch)}: {error}") from None
                if table.shape != (len(batch), len(used)):
                    self._check(batch, done)
                    raise UserError(f"{self.path}: points {done + 1} to {done + len(batch)} are no table")
                done += len(batch)
                yield from_columns({self._names[i]: table[:, k] for k, i in enumerate(used)}, self.path)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Append the columns to each line; all other lines stay as they are.

        Columns without names get some, in a comment before the first point: the new ones can be told from the others.
        """
        rows = Rows(columns)
        drop = [i for i, name in enumerate(self._names) if self.named and name in rows.dtypes]
        heading = self._start.heading if self.named else None
        with self.path.open("rb") as source, target.open("wb") as out:
            if source.read(len(MARK)) == MARK:
                out.write(MARK)
            source.seek(0)
            every = lines(source)
            names = [name.encode() for name in [*self._names, *rows.dtypes]]
            comment = b"" if self.named else b"# " + (self.separator or b" ").join(names)
            while batch := list(itertools.islice(every, CHUNK)):
                count = sum(map(self._start.is_point, batch))
                new = iter(zip(*([str(v).encode() for v in column] for column in rows.take(count).values())))
                for line in batch:
                    if self._start.is_point(line):
                        if comment:
                            out.write(comment + _end(line))
                            comment = b""
                        out.write(self._row(line, drop, next(new)))
                    elif heading is not None and line.strip() == heading:  # wherever it stands, it is no point
                        out.write(self._row(line, drop, [name.encode() for name in rows.dtypes]))
                    else:
                        out.write(line)

    def _row(self, line: bytes, drop: list[int], values: Iterable[bytes]) -> bytes:
        text, end = line.strip(), _end(line)
        separator = self.separator or b" "
        if not drop:
            return separator.join([text, *values]) + end
        bare = text.lstrip(b"#/ ")  # the names may stand in a comment
        words = [word for i, word in enumerate(cut(bare, self.separator)) if i not in drop]
        return text[: len(text) - len(bare)] + separator.join([*words, *values]) + end

    def _count(self) -> tuple[int, list[list[bytes]]]:
        """Return the number of points, and the words of some, evenly spread over the file."""
        count, stride, sample = 0, 1, list[bytes]()
        with self.path.open("rb") as stream:
            for line in filter(self._start.is_point, lines(stream)):
                if count % stride == 0:
                    sample.append(line)
                    if len(sample) > SAMPLE:
                        sample, stride = sample[::2], 2 * stride
                count += 1
        rows = [cut(line.strip(), self.separator) for line in sample]
        return count, [row for row in rows if len(row) == self.width]

    def _check(self, batch: list[bytes], done: int, words: bool = True) -> None:
        """Name the first point that is none.

        Raises:
            UserError: there is one.
        """
        for number, line in enumerate(batch, done + 1):
            row = cut(line.strip(), self.separator)
            if len(row) != self.width:
                raise UserError(f"{self.path}, point {number}: {len(row)} columns, {self.width} before")
            for i, word in enumerate(row if words else ()):
                if i not in self._words and not is_number(word):
                    text = word[:40].decode("utf-8", "replace")
                    raise UserError(f"{self.path}, point {number}: {text!r} is no number ({self._names[i]})")


def _end(line: bytes) -> bytes:
    return b"\r\n" if line.endswith(b"\r\n") else b"\n"
