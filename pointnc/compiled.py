"""Modules of compiled loops, which may be missing: whoever asks has a plain way beside them."""

from __future__ import annotations

import importlib
from functools import lru_cache
from types import ModuleType


@lru_cache
def compiled_module(name: str) -> ModuleType | None:
    """Return a module of numba loops, or None where numba cannot be used on this machine.

    Numba's import takes a second or two: ask when the first loop is to run, never while modules are imported.
    """
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError):  # RuntimeError: numba finds no folder for its cache
        return None
