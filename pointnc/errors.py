"""The one exception that stands for a user's mistake rather than a bug of ours."""

LONGEST = 2000
"""Letters of a message."""


class UserError(Exception):
    """Bad input. The message is one line: what is wrong, where, and how to fix it.

    Entry points print it without a traceback and exit with code 2. What it quotes from a file may be untrusted:
    line breaks and control characters are spelled out, and what is very long is cut in the middle.

    Args:
        message: the line.
    """

    def __init__(self, message: str) -> None:
        line = printable(message)
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST - 300]} ... {line[-300:]}")


def printable(text: str) -> str:
    """Return a text in one line that commands nothing of a terminal: what cannot be printed is spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Interrupted(Exception):  # noqa: N818 - no error: the run can go on
    """The user stopped a run. The message says where it stopped and how to go on; exit code 130."""
