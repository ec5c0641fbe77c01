"""Writing so that a file or folder is there whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pointnc.errors import UserError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success it takes the name, on any exception it is removed.

    The temporary path does not exist yet: make a file or a folder of it.

    Raises:
        UserError: the path has no name of its own, such as ``.`` and ``..``: a folder that one stands in is not
            replaced.
    """
    path = Path(path)
    if path.name in ("", ".."):
        raise UserError(f"{path} has no name that something could be written under; give FOLDER/NAME")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        if path.is_dir() and temporary.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    except BaseException:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write a utf-8 text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, data: Any, compact: bool = False) -> None:
    """Write json atomically, keys in the order given, in one line if ``compact``; NaN is refused."""
    write_text(path, json.dumps(data, indent=None if compact else 1, allow_nan=False) + "\n")
