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

    The temporary path does not exist yet: make a file or a folder of it. What stood at ``path`` is removed only when
    the new one has its place.

    Raises:
        UserError: ``path`` has no name of its own (``.``, ``..``, ``/``), or a file would replace a folder or a folder
            a file.
    """
    path = Path(path)
    if path.name in ("", ".."):  # renaming would move the folder that one stands in, or fail
        raise UserError(f"{path} names no file or folder to write: add a name, such as {path / 'result'}")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        _take_place(temporary, path)
    except BaseException:
        _remove(temporary)
        raise


def _take_place(temporary: Path, path: Path) -> None:
    """Rename; a folder, which no rename replaces, first steps aside and comes back if the new one fails."""
    if path.is_symlink() or not path.exists():
        if temporary.is_dir() and path.is_symlink():
            path.unlink()  # the link, never what it leads to
        temporary.replace(path)
        return
    if path.is_dir() != temporary.is_dir():
        there, new = ("folder", "file") if path.is_dir() else ("file", "folder")
        raise UserError(f"{path} is a {there}, and a {new} was to be written there: give another name")
    if not path.is_dir():
        temporary.replace(path)
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        path.replace(aside)
        temporary.replace(path)
    except BaseException:
        if aside.exists() and not path.exists():
            aside.replace(path)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a utf-8 text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, data: Any, compact: bool = False) -> None:
    """Write json atomically, keys in the order given, in one line if ``compact``; NaN is refused."""
    write_text(path, json.dumps(data, indent=None if compact else 1, allow_nan=False) + "\n")
