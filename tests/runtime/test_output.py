"""No character that is printed ends a command."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from pointnc.runtime.output import print_any_character


@pytest.mark.parametrize(
    ("system", "chosen", "expected"),
    [
        ("posix", None, b"\\u2588 \\u221a\xb7"),
        ("nt", None, "█ √·".encode()),
        ("nt", "cp1252", b"\\u2588 \\u221a\xb7"),
    ],
)
def test_what_an_alphabet_lacks_is_spelled_out_or_written_in_utf_8(
    system: str, chosen: str | None, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", system)
        stream = io.TextIOWrapper(written, encoding="cp1252")  # kept: who lets it go closes what is below it
        patch.setattr(sys, "stdout", stream)
        if chosen:
            patch.setenv("PYTHONIOENCODING", chosen)
        print_any_character()
        print("█ √·", end="", flush=True)
    assert written.getvalue() == expected


def test_a_command_prints_into_any_alphabet() -> None:
    """The help of a training has symbols of formulas."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "pointnc.train", "--help"]
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 0 and b"\\u03c0/64" in done.stdout, done.stderr
