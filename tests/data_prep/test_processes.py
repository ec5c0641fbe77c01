"""Other processes do their work where the command stands, also those that another command has started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_prep.processes import in_parallel


def place(_: int) -> str:
    return os.getcwd()  # noqa: PTH109


def test_workers_stand_where_we_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert set(in_parallel(place, range(8), workers=2)) == {str(tmp_path / name)}
