"""Two paths exchanged at once, so that at no moment one of them is missing."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

_HERE = -100
"""AT_FDCWD: a relative path starts at the working directory."""

_EXCHANGE = 2
"""RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS."""

_UNABLE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM)
"""What a kernel, a file system (NFS) or a sandbox answers that cannot."""


def swap(first: Path, second: Path) -> bool:
    """Exchange what stands at two paths; return False, with nothing changed, where the system cannot.

    Raises:
        OSError: one of them does not exist, or may not be changed.
    """
    exchange = _exchange()
    if exchange is None or exchange(os.fsencode(first), os.fsencode(second)) == 0:
        return exchange is not None
    number = ctypes.get_errno()
    if number in _UNABLE:
        return False
    raise OSError(number, os.strerror(number), str(first), None, str(second))


@lru_cache(maxsize=1)
def _exchange() -> Any:
    """Return the system's function of two paths, None where it has none."""
    if os.name != "posix":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        return lambda first, second: library.renamex_np(first, second, _EXCHANGE)
    if hasattr(library, "renameat2"):
        return lambda first, second: library.renameat2(_HERE, first, _HERE, second, _EXCHANGE)
    return None
