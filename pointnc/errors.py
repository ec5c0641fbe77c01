"""The one exception that stands for a user's mistake rather than a bug of ours."""

from __future__ import annotations

from typing import ClassVar

from pointnc.error_codes import ErrorCode

LONGEST = 2000
"""Letters of a message."""


class UserError(Exception):
    """Bad input. The message is one line: what is wrong, where, and how to fix it.

    Entry points print it without a traceback and exit with code 2. What it quotes from a file may be untrusted:
    line breaks and control characters are spelled out, and what is very long is cut in the middle.

    Args:
        message: the line.
        code: the kind of mistake, one of :data:`pointnc.error_codes.MEANINGS`; None: the usual one of the class.

    Attributes:
        code: the kind of mistake. Programs go by it; messages are for people, and change.
    """

    usual_code: ClassVar[ErrorCode] = "bad-input"

    def __init__(self, message: str, *, code: ErrorCode | None = None) -> None:
        line = printable(message)
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST - 300]} ... {line[-300:]}")
        self.code: ErrorCode = code or self.usual_code


def printable(text: str) -> str:
    """Return a text in one line that commands nothing of a terminal: what cannot be printed is spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Interrupted(Exception):  # noqa: N818 - no error: the run can go on
    """The user stopped a run. The message says where it stopped and how to go on; exit code 130."""
