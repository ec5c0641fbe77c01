"""A process that says how far it is, and is given up only when it has said nothing for long.

It prints a line of json at each stage. The last whole one is what it found, so that a process that hangs or crashes
still tells all that it knew, and where it was.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Facts = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a process ended, and what it had said by then.

    Attributes:
        facts: its last line of json; empty without one.
        waited: seconds of silence after which it was given up; None where it ended by itself.
        code: its exit code; below zero the signal that ended it.
        error: what it wrote to the standard error.
    """

    facts: Facts = field(default_factory=dict)
    waited: float | None = None
    code: int = 0
    error: str = ""


class Watched:
    """A Python process that runs beside this one.

    Args:
        arguments: what stands behind ``python`` on its command line.
    """

    def __init__(self, *arguments: str) -> None:
        # A file and no pipe: what nobody reads yet must not stop the process.
        self._error = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=self._error, text=True, errors="replace"
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def finish(self, patience: Callable[[Facts], float]) -> Outcome:
        """Wait for the end of the process, or for the end of one's patience.

        Args:
            patience: facts so far to the seconds to wait for the next line; called once for each line of json.
        """
        facts: Facts = {}
        waited: float | None = None
        limit = patience(facts)
        try:
            while (line := self._lines.get(timeout=limit)) is not None:
                if found := _parse(line):
                    facts, limit = found, patience(found)
            self._process.wait(limit)
        except (queue.Empty, subprocess.TimeoutExpired):
            waited = limit
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # one that hangs in the driver cannot be ended
                self._process.wait(5)
        with self._error:
            self._error.seek(0)
            return Outcome(facts, waited, self._process.returncode or 0, self._error.read())

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put(None)


def _parse(line: str) -> Facts | None:
    """Return a line of json as facts, None for whatever else a library prints."""
    try:
        facts = json.loads(line)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None
