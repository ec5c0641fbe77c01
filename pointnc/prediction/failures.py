"""One file's failure is its own: a line for it, and the others go on."""

from __future__ import annotations

from pathlib import Path

from pointnc.errors import UserError


def failure_line(path: Path, error: Exception) -> str:
    """Return the line that says why a file was not labeled.

    Args:
        path: the file.
        error: what was raised.
    """
    text = " ".join(str(error).split())
    if isinstance(error, UserError):
        return text
    # torch has no class of its own for a lack of memory on the CPU.
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
        return f"{path}: out of memory ({text or 'no details'}); lower block_points or max_points"
    if isinstance(error, OSError):
        place = f" ({error.filename})" if error.filename and str(error.filename) != str(path) else ""
        return f"{path}: {error.strerror or text or type(error).__name__}{place}"
    return f"{path}: {type(error).__name__}: {text}; this is a bug of pointnc, please report it with the file"
