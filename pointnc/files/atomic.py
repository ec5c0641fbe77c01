"""Writing so that a file or folder is there whole or not at all, whoever else writes it and whenever one is killed."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pointnc.errors import UserError
from pointnc.files.leftovers import remove, temporary_beside
from pointnc.files.swap import swap

__all__ = ["atomic_path", "scratch_folder", "write_json", "write_text"]


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success it takes the name, on any exception it is removed.

    The temporary path does not exist yet: make a file or a folder of it. What stood at ``path`` is exchanged for the
    new one at once where the system can, and is removed after that. Of several processes that write the same file the
    last one holds; of several that make the same folder the first one, and the others' are dropped.

    What a killed process leaves is settled by :func:`pointnc.files.leftovers.sweep`.

    Raises:
        UserError: ``path`` has no name of its own (``.``, ``..``, ``/``), or a file would replace a folder or a folder
            a file.
        OSError: it cannot be written; a full disk is named as such, whatever words a library had for it.
    """
    path = Path(path)
    if path.name in ("", ".."):  # renaming would move the folder that one stands in, or fail
        raise UserError(
            f"{path} names no file or folder to write: add a name, such as {path / 'result'}", code="bad-name"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, before = temporary_beside(path), _identity(path)
    try:
        yield temporary
        if temporary.is_dir():
            _place_folder(temporary, path, before)
        else:
            _place_file(temporary, path)
    except BaseException as error:
        full = _full_disk(path.parent, error)
        remove(temporary)
        if full is not None:
            raise full from error
        raise


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside ``path`` for the work on it; it is removed at the end, or by the next sweep."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = temporary_beside(path)
    try:
        scratch.mkdir()
        yield scratch
    finally:
        remove(scratch)


def write_text(path: str | Path, text: str) -> None:
    """Write a utf-8 text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")  # the same bytes on every system


def write_json(path: str | Path, data: Any, compact: bool = False) -> None:
    """Write json atomically, keys in the order given, in one line if ``compact``; NaN is refused."""
    write_text(path, json.dumps(data, indent=None if compact else 1, allow_nan=False) + "\n")


def _place_file(temporary: Path, path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        raise UserError(f"{path} is a folder, and a file was to be written there: give another name", code="path-kind")
    temporary.replace(path)


def _place_folder(temporary: Path, path: Path, before: tuple[int, int] | None) -> None:
    """Give a folder its name.

    Args:
        temporary: the new one.
        path: the name.
        before: what stood there when the work began.
    """
    while True:
        try:
            if path.is_symlink():
                path.unlink()  # the link, never what it leads to
            now = _identity(path)
            if now is None:
                temporary.rename(path)
            elif not path.is_dir():
                raise UserError(
                    f"{path} is a file, and a folder was to be written there: give another name", code="path-kind"
                )
            elif now == before and not swap(temporary, path):
                _step_aside(temporary, path)
            else:  # it holds the former folder now; or another process has made the folder meanwhile: that one stays
                remove(temporary)
            return
        except OSError as error:
            # Another process made the folder, or moved it, between two of these lines: look again.
            meanwhile = (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY)
            if error.errno not in meanwhile or not temporary.is_dir() or not path.parent.is_dir():
                raise


def _step_aside(temporary: Path, path: Path) -> None:
    """Replace a folder by two renames; between them nothing stands at ``path``, and a sweep would put it back."""
    aside = temporary_beside(path, "old")
    path.rename(aside)
    try:
        temporary.rename(path)
    except BaseException:
        if not path.exists():
            aside.rename(path)
        raise
    remove(aside)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _full_disk(folder: Path, error: BaseException) -> OSError | None:
    """Return what the system says where a library fails to write and has words of its own for it, else None.

    numpy counts items, torch tells of an unexpected position: neither hands the system's number on.
    """
    if not isinstance(error, OSError | RuntimeError) or getattr(error, "errno", None) is not None:
        return None
    if "free space" in str(error):  # numpy asks for the room of a large array first, and then writes nothing
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    probe = temporary_beside(folder / "probe")
    try:
        with probe.open("wb", buffering=0) as stream:
            for _ in range(64):
                stream.write(bytes(1 << 16))
    except OSError as reason:
        return OSError(reason.errno, reason.strerror, str(folder))
    finally:
        remove(probe)
    return None
