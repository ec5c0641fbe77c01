"""The decompressor of laz files, in a process of its own: run as a script by :mod:`pointnc.clouds.laz`.

Damaged data make it abort, read where it may not, or ask for memory without end, and no ``except`` catches that. It
imports next to nothing, so that it starts in a few hundredths of a second.

    python laz_process.py FILE START POINTS RECORD PIECE LASZIP    # numbers of bytes and points; LASZIP in hex

The points' records go to the standard output, an error's line to the standard error.
"""

from __future__ import annotations

import contextlib
import importlib
import signal
import sys

MEMORY = 3 << 30
"""Bytes of address space, of which pieces and chunks that are not damaged take a few hundred MiB."""

CPU_SECONDS = 120
"""For a piece of at most a million points, which takes a second or two."""


def bound() -> None:
    """Bound memory where the system can do that, and leave no dumps."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def main(path: str, start: int, points: int, record: int, piece: int, laszip: bytes) -> None:
    """Write the records of all points, a piece at a time."""
    lazrs = importlib.import_module("lazrs")  # without types
    bound()
    timer = getattr(signal, "ITIMER_PROF", None)  # not on Windows; it ends the process in native code too
    with open(path, "rb") as source:  # noqa: PTH123 - pathlib would take as long to import as all the rest
        source.seek(start)
        decompressor = lazrs.ParLasZipDecompressor(
            source, laszip, lazrs.DecompressionSelection(lazrs.SELECTIVE_DECOMPRESS_ALL)
        )
        for first in range(0, points, piece):
            if timer is not None:
                signal.setitimer(timer, CPU_SECONDS)
            records = bytearray(min(piece, points - first) * record)
            decompressor.decompress_many(records)
            sys.stdout.buffer.write(records)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose modules are no part of it
    try:
        start, points, record, piece = map(int, sys.argv[2:6])
        main(sys.argv[1], start, points, record, piece, bytes.fromhex(sys.argv[6]))
    except BrokenPipeError:  # whoever reads has enough
        sys.exit(0)
    except BaseException as error:  # a panic of Rust is no Exception
        sys.exit(" ".join(str(error).split()) or type(error).__name__)
