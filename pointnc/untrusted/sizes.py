"""How much a file may make a reader hold: bytes, counts and lengths, compared before anything is allocated."""

from __future__ import annotations

from pathlib import Path

from pointnc.errors import UserError

MOST_UNPACKED = 2 << 30
"""Bytes that the packed parts of one file may unpack to, since they are held in memory: ten million points of 200."""

LARGEST_COUNT = 2**63 - 1
"""What an index of an array can be."""


def read_bounded(path: str | Path, most: int, hint: str) -> bytes:
    """Return the bytes of a file.

    Args:
        path: of the file.
        most: bytes that it may have.
        hint: how to fix what is wrong with it; ends the message.

    Raises:
        UserError: it has more.
        OSError: it is missing or cannot be read.
    """
    with Path(path).open("rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise UserError(
            f"{path} has more than {in_bytes(most)}, which is too much for what it is; {hint}", code="too-large"
        )
    return data


def whole_number(text: str) -> int | None:
    """Return the count that a header spells out, None where it is no whole number, or beyond what any file can hold."""
    if not (text.isascii() and text.isdigit()) or len(text.lstrip("0")) > 19:
        return None
    number = int(text)
    return number if number <= LARGEST_COUNT else None


def check_unpacked(path: str | Path, size: int, hint: str, most: int | None = None) -> None:
    """Refuse to unpack more than memory should be asked for.

    Args:
        path: of the file.
        size: bytes that its packed parts say that they unpack to.
        hint: what to do instead.
        most: the bound; None for :data:`MOST_UNPACKED`.

    Raises:
        UserError: there are more.
    """
    most = MOST_UNPACKED if most is None else most
    if size > most:
        raise UserError(
            f"{path} unpacks to {in_bytes(size)}, more than the {in_bytes(most)} it may; {hint}", code="too-large"
        )


def in_bytes(count: int) -> str:
    """Return a number of bytes in words."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("kiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.3g} {unit}" if count < 1000 * size or unit != "GiB" else f"{count // size:,} {unit}"
    return f"{count} bytes"


def one_line(error: BaseException) -> str:
    """Return what an exception says, in one line; its kind where it says nothing."""
    return " ".join(str(error).split())[:300] or type(error).__name__
