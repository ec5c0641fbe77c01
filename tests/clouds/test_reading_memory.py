"""Reading, looking through and rewriting hold pieces, not files; preparing holds what the store gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.clouds.reading_peaks import CASES
from tests.helpers.peaks import CLEAR

pytestmark = pytest.mark.slow

PREPARED = 100
"""Bytes a point: coordinates in float64, colors, normals, labels, and the arrays of the store; not 20 other columns."""


@pytest.fixture(scope="module")
def grown() -> dict[str, float]:
    pytest.importorskip("pye57")
    if not CLEAR.exists():
        pytest.skip("the peak of resident memory is read as Linux tells it")
    at_once = {"MALLOC_MMAP_THRESHOLD_": "4096", "MALLOC_TRIM_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.clouds.reading_peaks"]
    done = subprocess.run(command, env={**os.environ, **at_once}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("case", CASES)
def test_bytes_a_point(case: str, grown: dict[str, float]) -> None:
    assert grown[case] <= (PREPARED if case.startswith("preparing") else 12)
