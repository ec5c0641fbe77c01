"""Compiled inner loops. Nothing here is imported before it is first used; see :func:`compiled`.

Each loop has a plain numpy twin in the module that calls it, with the same result bit for bit.
"""

from __future__ import annotations

from types import ModuleType

from pointnc.compiled import compiled_module


def compiled() -> ModuleType | None:
    """Return the module of numba loops, or None where numba cannot be used on this machine."""
    return compiled_module("pointnc.data.kernels_numba")
