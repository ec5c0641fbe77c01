"""Folders that one process at a time may work in, on one machine or on several that share a disk.

``<folder>/.lock`` holds who that is. The kernel's lock on the file decides among processes of one kernel, in whatever
container, and among hosts where the file system carries locks from one to the other. Not all do: so the holder also
touches the file regularly, and of a holder on another machine one waits and sees whether it still does.

Forked children (loader processes) close their copy of the lock, so that they do not keep it after their parent was
killed.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from pointnc.error_codes import ErrorCode
from pointnc.errors import UserError
from pointnc.files.owners import Owner, boot

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
try:
    import msvcrt
except ImportError:  # every other system
    msvcrt = None  # type: ignore[assignment]

LOCK = ".lock"
BEAT = 15.0
"""Seconds between two touches of a lock that is held."""
PATIENCE = 3 * BEAT
"""Seconds without a touch after which a holder on another machine counts as dead."""
POLL = 0.2

FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)  # the latter on Windows
LOCKED_BYTE = 2**30
"""On Windows a lock keeps others from reading what is locked: a byte far behind all that files hold."""

_held: set[int] = set()
"""Descriptors of the locks of this process."""


def _forget() -> None:
    for stream in _held:
        with suppress(OSError):
            os.close(stream)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@dataclass(frozen=True)
class Holder:
    """Who works in a folder.

    Attributes:
        host: the name of the host, for people.
        boot: the run of the kernel there.
        machine: see :class:`~pointnc.files.owners.Owner`.
        pid: the process id there.
        start: when the process started.
    """

    host: str
    boot: str
    machine: str
    pid: int
    start: int

    @classmethod
    def current(cls) -> Holder:
        """Return this very process."""
        return cls(platform.node(), boot(), **asdict(Owner.current()))

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def owner(self) -> Owner:
        """The process."""
        return Owner(self.machine, self.pid, self.start)


class InUseError(UserError):
    """Another process works in a folder."""

    usual_code: ClassVar[ErrorCode] = "in-use"


@contextmanager
def hold(folder: Path, wait: bool = False, doing: str = "works") -> Iterator[None]:
    """Hold a folder that exists.

    Args:
        folder: what no other process may hold meanwhile.
        wait: whether to wait for another process, with a line that says so; else it is an error.
        doing: what is done to the folder, for the line: "trains".

    Raises:
        InUseError: another process holds it, and ``wait`` is not given.
        OSError: the folder is missing or cannot be written.
    """
    place, told = folder / LOCK, False
    taken: list[int] = []
    stop = threading.Event()
    # An interrupt may come between any two lines, those of giving back too: whatever it meets, no lock is left.
    try:
        try:
            while not taken:
                try:
                    _take(place, taken)
                except _HeldError as held:
                    if not wait:
                        raise InUseError(
                            f"{held} {doing} in {folder}: wait until it has ended, or choose another folder"
                        ) from None
                    if not told:
                        print(f"waiting: {held} {doing} in {folder}", flush=True)
                    told = True
                    time.sleep(POLL)
            threading.Thread(target=_beat, args=(place, stop), name="lock", daemon=True).start()
            yield
        finally:
            _release(place, taken, stop)
    finally:
        _release(place, taken, stop)


def _release(place: Path, taken: list[int], stop: threading.Event) -> None:
    """Give a lock back, if it is not; a forked child that comes by here leaves its parent's alone."""
    stop.set()
    while taken:
        if taken[-1] in _held:
            _remove(place, taken[-1])
        taken.pop()


def _remove(place: Path, stream: int) -> None:
    """Remove a file that is ours, and close it: first where an open file cannot be removed."""
    if os.name == "posix":
        with suppress(OSError):
            place.unlink()
    _held.discard(stream)
    with suppress(OSError):
        os.close(stream)
    if os.name != "posix":
        with suppress(OSError):
            place.unlink()


def is_held(folder: Path) -> bool:
    """Whether another process seems to work in a folder; a holder on another machine counts as long as it is fresh."""
    try:
        holder, touched = _read(folder / LOCK), (folder / LOCK).stat().st_mtime
    except OSError:
        return False
    if holder is None or holder.owner == Owner.current():
        return False
    if not holder.owner.is_here():
        return time.time() - touched < PATIENCE
    return not holder.owner.is_dead() and not (fcntl is None and _can_be_locked(folder / LOCK))


def _can_be_locked(place: Path) -> bool:
    """Whether nobody has locked a file; for Windows, where it is not known of a process whether it lives."""
    try:
        with place.open("r+b") as stream:
            return lock(stream.fileno()) is True
    except OSError:
        return False


class _HeldError(Exception):
    """Somebody holds the lock; the text says who."""


def _take(place: Path, taken: list[int]) -> None:
    """Add the descriptor of a lock that is ours from now on.

    Raises:
        _HeldError: it is another's.
    """
    stream, locked, ours = -1, None, False
    try:
        stream = os.open(place, FLAGS, 0o666)
        locked = lock(stream)
        holder = _read(place)
        if locked is False and not (holder is not None and holder.owner.is_dead()):
            raise _HeldError(str(holder or "another process"))
        if holder is not None and _is_held_elsewhere(place, holder, locked):
            raise _HeldError(str(holder))
        ours = True
        os.ftruncate(stream, 0)
        os.lseek(stream, 0, os.SEEK_SET)
        os.write(stream, json.dumps(asdict(Holder.current())).encode())
        # The one before us may have removed the file after we opened it; and where the kernel has no locks, another
        # may have written its name over ours.
        if not locked:
            time.sleep(POLL)
        if not _same_file(stream, place) or _read(place) != Holder.current():
            ours = False
            raise _HeldError(str(_read(place) or "another process"))
        _held.add(stream)
        taken.append(stream)
    except BaseException as error:
        if stream >= 0 and stream not in taken:
            _held.discard(stream)
            # Interrupted, with a file that is still empty or has our name: nobody else has it.
            alone = not isinstance(error, _HeldError) and (ours or locked or lock(stream))
            if alone and _same_file(stream, place) and _read(place) in (None, Holder.current()):
                _remove(place, stream)
            else:
                os.close(stream)
        raise


def lock(stream: int) -> bool | None:
    """Lock an open file for this process until it is closed.

    Returns:
        Whether the kernel's lock is ours; None where there is no such thing.
    """
    try:
        if fcntl is not None:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            os.lseek(stream, LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(stream, msvcrt.LK_NBLCK, 1)
        else:
            return None
    except BlockingIOError:
        return False
    except OSError as error:  # what Windows says of a locked byte; elsewhere a file system without locks
        return False if fcntl is None and isinstance(error, PermissionError) else None
    return True


def _is_held_elsewhere(place: Path, holder: Holder, locked: bool | None) -> bool:
    """Whether the one whose name stands in the file lives, as far as that can be found out; it may take a while."""
    if holder.owner.is_here():  # where its lock is ours, a process of that number is a later one
        return not locked and holder.owner != Owner.current() and not holder.owner.is_dead()
    if locked and holder.boot == boot():  # another container of this kernel, which knows better than we
        return False
    print(f"{place.parent} was in use by {holder}: waiting up to {PATIENCE:.0f} s to see whether it is", flush=True)
    before, until = _touched(place), time.monotonic() + PATIENCE
    while time.monotonic() < until:
        time.sleep(min(POLL, PATIENCE / 4))
        if _touched(place) != before:
            return True
    return False


def _touched(place: Path) -> int:
    """Return when a file was touched last, 0 if it is gone; opened, so that a network file system asks its server."""
    try:
        with place.open("rb") as stream:
            return os.fstat(stream.fileno()).st_mtime_ns
    except OSError:
        return 0


def _same_file(stream: int, place: Path) -> bool:
    try:
        there, ours = place.stat(), os.fstat(stream)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _read(place: Path) -> Holder | None:
    """Return who stands in the file; None where nobody does, or half a name."""
    try:
        record = json.loads(place.read_bytes()[:4096])
        return Holder(
            str(record["host"]), str(record["boot"]), str(record["machine"]), int(record["pid"]), int(record["start"])
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None


def _beat(place: Path, stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        with suppress(OSError):
            os.utime(place)
