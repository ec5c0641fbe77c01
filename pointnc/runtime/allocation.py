"""Keeping freed memory for the next array instead of giving it back to the system.

glibc maps large arrays afresh and unmaps them when they are freed, and cuts free memory off the end of its heap. Each
page of the next array then costs a fault, in which the system clears it: a seventh of the time of a forward pass on a
CPU, a quarter of that of preparing a scan (figures in ``docs/speed.md``). Whoever makes arrays of the same size over
and over does better to keep the memory.
"""

from __future__ import annotations

import ctypes
import os
import sys

LIMIT = 1 << 30
"""Bytes: arrays of less come from the heap, and so much free memory at its end is kept."""

_SETTINGS = {"MALLOC_MMAP_THRESHOLD_": -3, "MALLOC_TRIM_THRESHOLD_": -1}
"""Environment variable that sets it for a new process, and parameter of ``mallopt`` that sets it for this one."""


def keep_freed_memory() -> bool:
    """Make this process, and those that it starts, keep the memory that they free; return whether that is so now.

    What the system counts as resident stays near its peak, and the peak can be higher: gaps stay between arrays, those
    that are resized are copied, and zeroed ones are written at once. Nothing happens where the C library is not glibc,
    or where the user has set its allocator up in the environment (``MALLOC_TRIM_THRESHOLD_``,
    ``MALLOC_MMAP_THRESHOLD_``, ``GLIBC_TUNABLES``).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    if all(os.environ.get(name) == str(LIMIT) for name in _SETTINGS):
        return True  # glibc read it when the process started, or this was called before
    if "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "") or any(name in os.environ for name in _SETTINGS):
        return False
    # In this order: a glibc that refuses so high a threshold for maps (before 2.35) is left as it was.
    if not all(mallopt(parameter, LIMIT) for parameter in _SETTINGS.values()):
        return False
    os.environ.update(dict.fromkeys(_SETTINGS, str(LIMIT)))
    return True
