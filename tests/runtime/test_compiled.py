"""Where numba may keep what it compiles, and where it may not."""

from __future__ import annotations

from pathlib import Path

import numba
import pytest

from pointnc.runtime import compiled

LOOPS = """
from numba import config

if not config.CACHE_DIR:
    raise RuntimeError("cannot cache function: no locator available")
folder = config.CACHE_DIR
"""
"""A module that numba refuses to compile where it finds no folder, as it does beside a read-only package."""


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loops_without_a_cache.py").write_text(LOOPS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")


def test_without_a_folder_numba_gets_one_for_the_process() -> None:
    assert Path(compiled.loops("loops_without_a_cache").folder).is_dir()


def test_a_module_that_is_missing_is_an_error() -> None:
    with pytest.raises(ImportError):
        compiled.loops("no_such_loops")
