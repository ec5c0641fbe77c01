"""Modules of compiled loops: imported when the first loop is to run."""

from __future__ import annotations

import importlib
import tempfile
from functools import lru_cache
from types import ModuleType


@lru_cache
def loops(name: str) -> ModuleType:
    """Return a module of numba loops.

    Numba's import takes a second or two: ask when the first loop is to run, never while modules are imported. Where
    numba may write neither beside the package nor to the user's cache, what it compiles is kept for this process only.
    """
    try:
        return importlib.import_module(name)
    except RuntimeError:  # numba finds no folder for its cache
        from numba import config

        setattr(config, "CACHE_DIR", _own_folder().name)  # noqa: B010 (mypy)
        return importlib.import_module(name)


@lru_cache(maxsize=1)
def _own_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="pointnc-numba-")  # removed when the process ends
