"""What laspy reads laz files with: a decompressor in another process, which a damaged file cannot take along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pointnc.clouds.las_header import LasLayout
from pointnc.errors import UserError

MOST_AT_A_TIME = 128 << 20
"""Bytes of points that are unpacked at a time: a header may say that one has 64 kB."""

PIECE = 1_000_000
SCRIPT = Path(__file__).with_name("laz_process.py")


class LazProcess:
    """Reads points in their order; the interface is that of laspy's readers.

    Args:
        path: of the file.
        layout: what its header says, which was compared with the file.
        source: laspy's stream of it, which is closed with the reader.
    """

    def __init__(self, path: Path, layout: LasLayout, source: Any) -> None:
        self.path, self.record, self._source = path, layout.record, source
        piece = max(1, min(PIECE, MOST_AT_A_TIME // layout.record))
        numbers = map(str, (layout.start, layout.points, layout.record, piece))
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(path), *numbers, layout.laszip.hex()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MALLOC_ARENA_MAX": "4"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )

    @property
    def source(self) -> Any:
        """The stream of the file."""
        return self._source

    def read_n_points(self, n: int) -> bytearray:
        """Return the records of the next points.

        Raises:
            UserError: there are fewer, or the decompressor was ended by them.
        """
        assert self._process.stdout is not None
        records = bytearray(n * self.record)
        view, filled = memoryview(records), 0
        while filled < len(records):
            got = self._process.stdout.readinto(view[filled:])  # type: ignore[attr-defined]
            if not got:
                raise UserError(f"{self.path} is damaged or truncated ({self._end()})", code="damaged-file")
            filled += got
        return records

    def _end(self) -> str:
        """Return why the process ended."""
        code = self._process.wait()
        if code < 0:
            return f"its decompressor was ended by {signal.Signals(-code).name}"
        self._said.seek(0)
        return " ".join(self._said.read(1000).decode("utf-8", "replace").split()) or "its points end too early"

    def close(self) -> None:
        """End the process, wherever it is."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._said.close()
        self._source.close()


class LazBackend:
    """Gives laspy a :class:`LazProcess`; see its ``laz_backend``."""

    def __init__(self, path: Path, layout: LasLayout) -> None:
        self.path, self.layout = path, layout

    def is_available(self) -> bool:
        """Whether it can be used."""
        return True

    def create_reader(self, source: Any, header: Any, decompression_selection: Any = None) -> LazProcess:
        """Return the reader of a file's points."""
        return LazProcess(self.path, self.layout, source)
