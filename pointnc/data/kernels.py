"""Compiled inner loops. Nothing here is imported before it is first used; see :func:`compiled`.

Each loop has a plain numpy twin in the module that calls it, with the same result bit for bit.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType


@lru_cache
def compiled() -> ModuleType | None:
    """Return the module of numba loops, or None where numba cannot be used on this machine."""
    try:
        from pointnc.data import kernels_numba
    except (ImportError, RuntimeError):  # RuntimeError: numba finds no folder for its cache
        return None
    return kernels_numba
