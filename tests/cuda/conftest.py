"""Fixtures of the tests on the stand-in device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cuda.device import pretend_cuda
from tests.cuda.waits import Waits


@pytest.fixture
def waits() -> Iterator[Waits]:
    """The stand-in device for one test, and the waits for it."""
    with pretend_cuda() as counted:
        yield counted
