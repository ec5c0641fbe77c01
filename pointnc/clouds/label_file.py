"""Labels in a file beside a cloud: text (Semantic3D), raw numbers (SemanticKITTI) or an array of numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.untrusted.numbers import parse_lines
from pointnc.untrusted.numpy_file import map_array
from pointnc.untrusted.sizes import one_line

SUFFIXES = (".labels", ".label", ".seg")
"""Of files that hold labels and nothing else."""


def read_label_file(path: Path, count: int | None = None) -> dict[str, NDArray[Any]]:
    """Return ``label`` (N,), and ``instance`` (N,) where the file has objects too.

    ``.label`` holds a little-endian uint32 a point, the class in its lower 16 bits and the object in the upper ones;
    ``.npy`` an array; any other suffix a number a line.

    Args:
        path: of the file.
        count: N of the cloud; None: whatever the file has.

    Raises:
        UserError: it is missing, damaged, or has another number of labels.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist: the labels of {path.stem} were to be there", code="missing-file")
    found: dict[str, NDArray[Any]]
    if path.suffix.lower() == ".label" and _is_raw(path):
        values = np.fromfile(path, "<u4")
        found = {"label": values & 0xFFFF, "instance": (values >> 16).astype(np.int64)}
    elif path.suffix.lower() == ".npy":
        found = {"label": np.array(map_array(path, "write it again by numpy.save")).squeeze()}
    else:
        found = {"label": _read_text(path)}
    there = found["label"].shape
    if len(there) != 1 or (count is not None and there != (count,)):
        raise UserError(
            f"{path} has labels in the shape {there}, the cloud beside it {count} points", code="other-length"
        )
    return found


def _is_raw(path: Path) -> bool:
    """Whether a file holds raw numbers of four bytes and not a text."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(4096)
    return size % 4 == 0 and not all(letter in b"0123456789+-.eE \t\r\n" for letter in head)


def _read_text(path: Path) -> NDArray[np.float64]:
    try:
        with path.open("rb") as stream:
            table = parse_lines(line for line in stream if line.strip())
    except ValueError as error:
        raise UserError(f"{path} is no list of labels, one a line ({one_line(error)})", code="wrong-format") from None
    if table.shape[1:] != (1,):
        raise UserError(
            f"{path} is no list of labels: it has {table.shape[1] if table.size else 0} columns", code="wrong-format"
        )
    return np.asarray(table[:, 0])
