"""The one exception that stands for a user's mistake rather than a bug of ours."""


class UserError(Exception):
    """Bad input. The message is one line: what is wrong, where, and how to mend it.

    Entry points print it without a traceback and exit with code 2. What it quotes from a file may be a stranger's:
    line breaks and control characters are spelled out.

    Args:
        message: the line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def printable(text: str) -> str:
    """Return a text in one line that commands nothing of a terminal: what cannot be printed is spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Interrupted(Exception):  # noqa: N818 - no error: the run can go on
    """The user stopped a run. The message says where it stopped and how to go on; exit code 130."""
