"""What the tests of weights share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.training.conftest import finished

__all__ = ["finished"]


@pytest.fixture(autouse=True)
def _same_numbers_every_run() -> Iterator[None]:
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
