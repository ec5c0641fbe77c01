"""Text files: xyz, txt, csv, asc, pts. One point a line; the lines keep their spelling when columns are added."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows, from_columns
from pointnc.clouds.table import SAMPLE, given_names, guess_names
from pointnc.clouds.text_lines import MARK, SEPARATORS, cut, heading_names, lines, read_start
from pointnc.errors import UserError
from pointnc.untrusted.numbers import parse_lines


class TextFile(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`.

    Columns are parted by commas, semicolons, tabs, bars or spaces; decimals may stand behind a comma. Their names come
    from a first line that is no numbers (a comment counts), for example ``x,y,z,red,green,blue``; without one, see
    :func:`~pointnc.clouds.table.guess_names`. Lines that begin with ``#`` or ``//`` are comments. A byte order mark, a
    line with the number of points, quotes, and columns of words are kept; the latter are not read.
    """

    def __init__(self, path: Path, columns: Sequence[str] = ()) -> None:
        super().__init__(path)
        self._start = read_start(path)
        self.dialect = self._start.dialect
        self.separator = self.dialect.separator
        self.width = len(cut(self._start.first, self.separator))
        names, self._part = self._heading()
        self.named = len(names) == self.width  # else a sentence
        if not self.named and self.width < 3:
            raise UserError(f"{self.path} has {self.width} columns: x, y and z are needed", code="missing-column")
        self.count, sample = self._count()
        values = list(zip(*sample)) or [(word,) for word in cut(self._start.first, self.separator)]
        number, is_number = self.dialect.number, self.dialect.is_number
        words = [
            i for i, column in enumerate(values) if not all(map(is_number, column)) or not any(map(bytes.strip, column))
        ]
        if columns:
            names = given_names(columns, self.width, path)
        elif not self.named:
            table = np.array([[number(word) if is_number(word) else -1.0 for word in row] for row in zip(*values)])
            names, remark = guess_names(table, intensity=self._start.counted and self.width in (4, 7))
            self.remarks += [] if remark is None else [remark]
        names = [name or f"column{i + 1}" for i, name in enumerate(names)]
        self._names = names
        self._words = [i for i in words if names[i].lower() not in ("x", "y", "z")]
        if self._words:
            self.remarks.append(f"{', '.join(names[i] for i in self._words)}: words, which are kept but not read")

    def _heading(self) -> tuple[list[str], bytes | None]:
        """Return the words of the line before the points, and what parts them: mostly, but not always, as in these."""
        heading = self._start.heading
        if heading is None:
            return [], self.separator
        for separator in (self.separator, *SEPARATORS):
            names = heading_names(heading, separator)
            if len(names) == self.width:
                return names, separator
        return heading_names(heading, self.separator), self.separator

    def __len__(self) -> int:
        return self.count

    def names(self) -> list[str]:
        """The columns."""
        return self._names

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Parse so many lines at a time."""
        separator = None if self.separator is None else self.separator.decode()
        spelled = self.dialect.spelled if self.dialect.comma else None
        used = [i for i in range(self.width) if i not in self._words]
        with self.path.open("rb") as stream:
            points = filter(self._start.is_point, lines(stream))
            done = 0
            while batch := list(itertools.islice(points, size)):
                if self._words:  # numpy counts columns only where it reads all
                    self._check(batch, done, words=False)
                usecols = used if self._words else None
                try:
                    table = parse_lines(batch, spelled, delimiter=separator, usecols=usecols, quotechar='"')
                except ValueError as error:
                    self._check(batch, done)
                    raise UserError(
                        f"{self.path}, points {done + 1} to {done + len(batch)}: {error}", code="damaged-file"
                    ) from None
                if table.shape != (len(batch), len(used)):
                    self._check(batch, done)
                    raise UserError(
                        f"{self.path}: points {done + 1} to {done + len(batch)} are no table", code="damaged-file"
                    )
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
                texts = ([self._text(v) for v in column] for column in rows.take(count).values())
                new = iter(zip(*texts))
                for line in batch:
                    if self._start.is_point(line):
                        if comment:
                            out.write(comment + _end(line))
                            comment = b""
                        out.write(self._row(line, drop, next(new), self.separator))
                    elif heading is not None and line.strip() == heading:  # wherever it stands, it is no point
                        out.write(self._row(line, drop, [name.encode() for name in rows.dtypes], self._part))
                    else:
                        out.write(line)

    def _text(self, value: object) -> bytes:
        text = str(value).encode()
        return text.replace(b".", b",") if self.dialect.comma else text

    def _row(self, line: bytes, drop: list[int], values: Iterable[bytes], part: bytes | None) -> bytes:
        text, end = line.strip(), _end(line)
        separator = part or b" "
        if not drop:
            return separator.join([text, *values]) + end
        bare = text.lstrip(b"#/ ")  # the names may stand in a comment
        words = [word for i, word in enumerate(cut(bare, part)) if i not in drop]
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
                raise UserError(
                    f"{self.path}, point {number}: {len(row)} columns, {self.width} before", code="damaged-file"
                )
            for i, word in enumerate(row if words else ()):
                if i not in self._words and not self.dialect.is_number(word):
                    text = word[:40].decode("utf-8", "replace")
                    raise UserError(
                        f"{self.path}, point {number}: {text!r} is no number ({self._names[i]})", code="damaged-file"
                    )


def _end(line: bytes) -> bytes:
    return b"\r\n" if line.endswith(b"\r\n") else b"\n"
