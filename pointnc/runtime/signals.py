"""Ctrl-C and SIGTERM end a command in one line, from its first import to its last.

Before a command has begun its work and after it has ended it, there is nothing to clean up, and an exception could be
swallowed or turned into another one by an import: the process ends at once. In between, KeyboardInterrupt is raised, so
that temporary files are removed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERRUPTED = 130
"""The exit code."""

Handlers = dict[int, Any]
"""What stood where a handler was set: signal to handler."""

_NUMBERS = (signal.SIGINT, signal.SIGTERM)
_LINES = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Interruption:
    """What the signals have done to a command.

    Attributes:
        number: the signal that came, None if none did.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Interrupt what runs."""
        self.number = number
        sys.unraisablehook = self._insist
        raise KeyboardInterrupt(_LINES[signal.Signals(number)])

    def _insist(self, unraisable: Any) -> None:
        """Be silent of what destructors make of an interruption, and interrupt again where one has swallowed it."""
        if self.number is not None and issubclass(unraisable.exc_type, KeyboardInterrupt):
            again = threading.Timer(0.02, os.kill, (os.getpid(), self.number))
            again.daemon = True
            again.start()


def is_command() -> bool:
    """Whether Python is importing a package in order to run a module of it (``python -m pointnc.train``)."""
    return bool(sys.argv) and sys.argv[0] == "-m"


def end_at_once() -> None:
    """Let Ctrl-C and SIGTERM end the process with one line, without any clean-up."""
    _install(_end)


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Let both signals raise KeyboardInterrupt meanwhile; say what came."""
    interruption = Interruption()
    before, hook = _install(interruption), sys.unraisablehook
    try:
        yield interruption
    finally:
        sys.unraisablehook = hook
        give_back(before)


def listen(new: Callable[[int, FrameType | None], Any]) -> Handlers:
    """Let a function have both signals, whoever has them now; return what stood there, for :func:`give_back`.

    Those that are ignored stay so, which is what nohup, or a shell that starts a job in the background, wants. Outside
    of the main thread nothing is done, since only there Python handles signals.
    """
    return _set(new, lambda handler: handler not in (signal.SIG_IGN, None))  # None: set from C, cannot be given back


def give_back(before: Handlers) -> None:
    """Set the handlers that stood there before."""
    for number, handler in before.items():
        signal.signal(number, handler)


def _install(new: Callable[[int, FrameType | None], Any]) -> Handlers:
    """Listen where nobody asked for another handler; return what stood there."""
    return _set(new, lambda handler: handler in (signal.SIG_DFL, signal.default_int_handler, _end))


def _set(new: Callable[[int, FrameType | None], Any], replaces: Callable[[Any], bool]) -> Handlers:
    if threading.current_thread() is not threading.main_thread():
        return {}
    before: Handlers = {number: signal.getsignal(number) for number in _NUMBERS}
    before = {number: handler for number, handler in before.items() if replaces(handler)}
    for number in before:
        signal.signal(number, new)
    return before


def _end(number: int, frame: FrameType | None) -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError, RuntimeError):  # closed, or in the middle of a write
            continue
    try:
        os.write(2, f"\n{_LINES[signal.Signals(number)]}\n".encode())
    finally:
        os._exit(INTERRUPTED)
