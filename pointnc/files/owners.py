"""Whose a temporary file or a lock is, and whether that process still lives.

A process id alone says little: another host, another container or a later process may bear the same one. So an owner
is the boot of a kernel, the namespace of process ids (a container has one of its own), the id, and when the process
started. Of an owner elsewhere nothing is known, and nobody guesses.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_ENDED = ("Z", "X")
"""States of a process that was ended and that its parent has not asked about yet."""


@dataclass(frozen=True)
class Owner:
    """A process on some machine.

    Attributes:
        machine: eight hexadecimal digits for the boot of the kernel and the namespace of process ids.
        pid: the process id there.
        start: when it started, in the kernel's ticks since the boot; 0 where the system does not say.
    """

    machine: str
    pid: int
    start: int

    @classmethod
    def current(cls) -> Owner:
        """Return this very process."""
        return _owner(os.getpid())

    def is_here(self) -> bool:
        """Whether it is, or was, a process of this boot and this namespace: then one can tell whether it lives."""
        return self.machine == machine()

    def is_dead(self) -> bool:
        """Whether the process is known to have ended; False where that cannot be known."""
        if not self.is_here() or os.name != "posix":
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            return False  # it is another user's
        state, start = _status(self.pid)
        return state in _ENDED or (self.start > 0 and start > 0 and start != self.start)

    def token(self) -> str:
        """Return a new name for something of this owner's; no two are alike, on all hosts and at all times."""
        return f"{self.machine}-{self.pid}-{self.start}-{secrets.token_hex(4)}"


TOKEN = r"(?P<machine>[0-9a-f]{8})-(?P<pid>\d{1,10})-(?P<start>\d{1,20})-[0-9a-f]{8}"
"""Pattern of :meth:`Owner.token`."""


@lru_cache(maxsize=2)  # a forked child asks for another process id
def _owner(pid: int) -> Owner:
    return Owner(machine(), pid, _status(pid)[1])


@lru_cache(maxsize=1)
def boot() -> str:
    """Return what tells this run of this kernel from every other; the host's name where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return platform.node()


@lru_cache(maxsize=1)
def machine() -> str:
    """Return eight digits for the boot and the namespace in which a process id means one process."""
    try:
        space = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        space = ""
    return hashlib.sha256(f"{boot()} {space}".encode()).hexdigest()[:8]


def _status(pid: int) -> tuple[str, int]:
    """Return the state and the start of a process; nothing of both where the system does not say."""
    try:
        # The name of the program stands in brackets and may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return fields[0], int(fields[19])
    except (OSError, ValueError, IndexError):
        return "", 0
