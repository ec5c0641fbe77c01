"""A CUDA device that is not there, for tests: made by one call, gone when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from pointnc.sparse import engines
from tests.cuda import convolution, runtime
from tests.cuda.calls import Calls
from tests.cuda.kernels import Kernels
from tests.cuda.waits import Waits


@contextmanager
def pretend_cuda() -> Iterator[Waits]:
    """Within the context, ``torch.cuda`` has one device; yields what counts the host's waits for it.

    Tensors on it compute on the CPU. They refuse what CUDA refuses: other tensors that are on the CPU, a generator of
    the CPU, ``.numpy()``. The device belongs to the thread that made it: load data with ``workers=0``.

    It shows where devices are mixed and where the host waits, dtypes, and that a run finishes. It shows nothing of CUDA's
    kernels: neither their rounding nor speed and memory; nothing of spconv's own waits, and nothing of several devices.
    """
    waits = Waits()
    kernels, calls = Kernels(waits), Calls()
    engine = torch.autograd._engine_run_backward

    def run_backward(*args: Any, **kwargs: Any) -> Any:
        with calls:  # torch leaves the mode for the time of a call, but functions have a way back in Python
            return engine(*args, **kwargs)

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device: nothing has to stand in for it")
    engines._choose.cache_clear()  # who asked before was told that there is no device
    try:
        with pytest.MonkeyPatch.context() as patch, torch.autograd.set_multithreading_enabled(False):
            runtime.install(patch, kernels)
            convolution.install(patch)
            patch.setattr(torch.autograd, "_engine_run_backward", run_backward)
            with calls, kernels:
                yield waits
    finally:
        engines._choose.cache_clear()
