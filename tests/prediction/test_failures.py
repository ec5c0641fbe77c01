"""What is said of a file that could not be labelled."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pointnc.errors import UserError
from pointnc.prediction.failures import failure_line, stopped_by_signal


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("a.ply is empty"), "a.ply is empty"),
        (MemoryError(), "a.ply: out of memory (no details); lower block_points or max_points"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory:\n8 bytes"), "a.ply: out of memory"),
        (PermissionError(13, "Permission denied", "a.ply"), "a.ply: Permission denied"),
        (OSError(28, "No space left", "out/b"), "a.ply: No space left (out/b)"),
        (IndexError("list index"), "a.ply: IndexError: list index; this is a bug"),
    ],
)
def test_every_failure_is_one_line_that_names_the_file(error: Exception, line: str) -> None:
    said = failure_line(Path("a.ply"), error)
    assert said.startswith(line) and "\n" not in said


def test_termination_is_an_interruption() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="terminated"), stopped_by_signal():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    assert signal.getsignal(signal.SIGTERM) == before
