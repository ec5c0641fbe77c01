"""Prediction files: one ``<scene>.txt`` a scene, one class id a line, in the order of the mesh's vertices.

Benchmark servers take them zipped (:mod:`pointnc.benchmarks.submission`), scoring reads them as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.files.atomic import atomic_path
from pointnc.version import __version__

NOT_PARSED = np.iinfo(np.int64).min
"""Stands in :attr:`Lines.values` for a line that is no integer."""

_INTEGER = re.compile(rb"[ \t]*[+-]?[0-9]{1,19}[ \t]*")
_SAFE_DIGITS = 18  # any number of 18 digits fits int64
_TABLE_SPAN = 1 << 16  # ids closer together than this are looked up by offset, without sorting them


@dataclass(frozen=True)
class Lines:
    """The N lines of a prediction file.

    Attributes:
        values: (N,) int64, ``NOT_PARSED`` where a line is no integer.
        faults: the first lines that are no integers: line number counted from 1, and what stands there.
        faulty: how many lines are no integers.
    """

    values: NDArray[np.int64]
    faults: tuple[tuple[int, bytes], ...]
    faulty: int

    def explain(self, fault: int) -> str:
        """Say what is wrong with ``faults[fault]``: half a sentence without the line number."""
        text = self.faults[fault][1]
        if not text.strip():
            return "is blank"
        return f"{repr(text[:40])[1:]}{'…' if len(text) > 40 else ''} is no integer"


def format_labels(ids: NDArray[Any]) -> bytes:
    """Return (N,) integers as text, one a line: the bytes that ``np.savetxt(fmt="%d")`` writes.

    Raises:
        ValueError: ``ids`` is empty, no vector, or not of an integer type.
    """
    if ids.ndim != 1 or len(ids) == 0 or ids.dtype.kind not in "iu":
        raise ValueError(f"labels must be a vector of integers, not {ids.dtype} of shape {ids.shape}")
    low, high = int(ids.min()), int(ids.max())
    if high - low < _TABLE_SPAN:
        numbers: list[int] = list(range(low, high + 1))
        index = ids.astype(np.int64) - low
    else:
        distinct, index = np.unique(ids, return_inverse=True)
        numbers = distinct.tolist()
    # Every line is looked up in a table of finished lines, padded to one width; then the padding goes.
    table = np.array([b"%d\n" % number for number in numbers])
    return table[index].tobytes().translate(None, b"\0")


def write_labels(path: str | Path, ids: NDArray[Any]) -> None:
    """Write a prediction file, whole or not at all.

    Args:
        path: ``<scene>.txt``.
        ids: (N,) integer class ids in the order of the mesh's vertices.
    """
    text = format_labels(ids)
    with atomic_path(path) as temporary:
        temporary.write_bytes(text)


def read_labels(path: str | Path) -> NDArray[np.int64]:
    """Return the (N,) int64 class ids of a prediction file.

    Raises:
        UserError: the file is missing or empty, or a line is no integer; the message names the first.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"cannot read the prediction file {path.absolute()} ({error.strerror})", code="file-access"
        ) from None
    lines = parse_lines(raw, keep=1)
    if len(lines.values) == 0:
        raise UserError(f"{path} is empty; it needs one class id a line", code="empty-file")
    if lines.faults:
        raise UserError(
            f"{path}, line {lines.faults[0][0]}: {lines.explain(0)}; write one class id a line", code="damaged-file"
        )
    return lines.values


def parse_lines(raw: bytes, keep: int) -> Lines:
    r"""Parse a prediction file.

    Lines end with ``\n`` or ``\r\n``, the last one may lack its end. A sign and blanks around a number are allowed.

    Args:
        raw: the file's bytes.
        keep: how many faults to describe; all are counted.
    """
    raw = raw.replace(b"\r\n", b"\n")
    if raw and not raw.endswith(b"\n"):
        raw += b"\n"
    text = np.frombuffer(raw, np.uint8)
    digit = text - np.uint8(ord("0"))  # wraps: a byte is a digit where this is below 10
    ends = np.flatnonzero(text == ord("\n"))
    length = np.diff(ends, prepend=-1) - 1
    values = np.zeros(len(ends), np.int64)
    for place in range(min(int(length.max(initial=0)), _SAFE_DIGITS)):
        # Digits from the last one; where a line has none left, the byte of another line is multiplied away.
        column = digit[ends - (1 + place)] * (length > place)
        values += column.astype(np.int64) * 10**place

    # What is not made of a few digits alone is looked at one by one.
    strange = (length == 0) | (length > _SAFE_DIGITS)
    strange[np.searchsorted(ends, np.flatnonzero((digit > 9) & (text != ord("\n"))))] = True
    faults: list[tuple[int, bytes]] = []
    faulty = 0
    for row in np.flatnonzero(strange).tolist():
        line = raw[ends[row] - length[row] : ends[row]]
        number = int(line) if _INTEGER.fullmatch(line) else NOT_PARSED
        if NOT_PARSED < number <= np.iinfo(np.int64).max:
            values[row] = number
            continue
        values[row] = NOT_PARSED
        faulty += 1
        if len(faults) < keep:
            faults.append((row + 1, line))
    return Lines(values, tuple(faults), faulty)


def cache_folder(root: str | Path, fingerprint: str, options: Mapping[str, Any], scenes: Mapping[str, Path]) -> Path:
    """Return the folder that keeps the predictions of one checkpoint, one set of options and one set of scenes.

    A change of any of them, or of the package's version, leads to another folder, so that what is there is never
    stale. Scenes are told apart by path, size and time of change.

    Args:
        root: where such folders are.
        fingerprint: hash of the checkpoint.
        options: how labels are predicted, in plain types.
        scenes: scene to the file that stands for it.
    """
    state = []
    for scene, path in sorted(scenes.items()):
        stat = path.stat()
        state.append([scene, str(path.resolve()), stat.st_size, stat.st_mtime_ns])
    key = json.dumps([__version__, fingerprint, dict(options), state], sort_keys=True)
    return Path(root) / hashlib.sha256(key.encode()).hexdigest()[:16]
