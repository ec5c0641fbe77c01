"""What is printed reaches its reader, whatever characters the reader knows."""

from __future__ import annotations

import io
import os
import sys


def print_any_character() -> None:
    """Let no character end a command: not the blocks of a bar chart, not the name of a file.

    Windows gives a command that writes to a file or a pipe an alphabet of 256 letters; others are chosen by
    ``PYTHONIOENCODING``. There utf-8 is written instead, here what is missing is spelled out.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            chosen = os.name == "posix" or stream.isatty() or "PYTHONIOENCODING" in os.environ
            stream.reconfigure(encoding=None if chosen else "utf-8", errors="backslashreplace")
