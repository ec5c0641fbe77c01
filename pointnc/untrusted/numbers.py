"""Numbers in texts, as programs of any origin spell them."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

# What Microsoft's libraries print for NaN and infinity, and others for a NaN of a certain kind.
_NONE = re.compile(rb"([-+]?)(?:nan\([^)\s]*\)|1\.#(?:QNAN|SNAN|IND)\w*|1\.#(INF)\w*)", re.IGNORECASE)
_FORTRAN = re.compile(rb"(?<=[0-9.])[dD](?=[-+]?[0-9])")
_ODD = re.compile(rb"nan\(|#|[0-9.][dD][-+0-9]", re.IGNORECASE)


def plain_numbers(text: bytes) -> bytes:
    """Return a line with numbers as Python reads them: ``-nan(ind)``, ``1.#QNAN``, ``1.#INF``, ``1.5D+03`` are not."""
    if _ODD.search(text) is None:
        return text
    text = _NONE.sub(lambda found: found[1] + b"inf" if found[2] else b"nan", text)
    return _FORTRAN.sub(b"e", text)


def fill_empty(line: bytes, separator: bytes) -> bytes:
    """Return a line with NaN in its empty cells."""
    return separator.join(cell if cell.strip(b' "\r\n\t') else b"nan" for cell in line.rstrip(b"\r\n").split(separator))


def parse_lines(
    lines: Iterable[bytes], spelled: Callable[[bytes], bytes] | None = None, **options: Any
) -> NDArray[Any]:
    """Return lines of numbers as a (N, C) table of float64.

    Args:
        lines: of the text.
        spelled: changes each line first.
        options: of :func:`numpy.loadtxt`.

    Raises:
        ValueError: what stands there is no table of numbers.
    """
    if spelled is not None or not isinstance(lines, list):
        lines = list(lines if spelled is None else map(spelled, lines))
    part = options.get("delimiter")
    options = {"comments": None, "ndmin": 2, **options}
    try:
        return np.loadtxt(lines, np.float64, **options)
    except ValueError:
        again = [plain_numbers(line if part is None else fill_empty(line, part.encode())) for line in lines]
        if again == lines:
            raise
    return np.loadtxt(again, np.float64, **options)


def parse_rows(stream: BinaryIO, count: int) -> NDArray[Any]:
    """Return the next ``count`` rows of a stream as a table of float64; empty lines do not count.

    Raises:
        ValueError: what stands there is no table of numbers.
    """
    start = stream.tell()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, that there are no numbers: whoever asked looks at the shape
        try:
            return np.loadtxt(stream, np.float64, comments=None, max_rows=count, ndmin=2)
        except ValueError:
            stream.seek(start)
            return parse_lines(itertools.islice((line for line in stream if line.strip()), count))
