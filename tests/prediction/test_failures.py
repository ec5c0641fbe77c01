"""What is said of a file that could not be labeled."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointnc.errors import UserError
from pointnc.prediction.failures import failure_line


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
