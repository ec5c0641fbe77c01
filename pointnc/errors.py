"""The one exception that stands for a user's mistake rather than a bug of ours."""


class UserError(Exception):
    """Bad input. The message is one line: what is wrong, where, and how to mend it.

    Entry points print it without a traceback and exit with code 2.
    """
