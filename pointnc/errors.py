"""The one exception that stands for a user's mistake rather than a bug of ours."""


class UserError(Exception):
    """Bad input. The message is one line: what is wrong, where, and how to mend it.

    Entry points print it without a traceback and exit with code 2.
    """


class Interrupted(Exception):  # noqa: N818 - no error: the run can go on
    """The user stopped a run. The message says where it stopped and how to go on; exit code 130."""
