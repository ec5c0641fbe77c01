"""``torch.cuda`` of the stand-in device: one device of capability 9.0, streams and events, a random state."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.cuda.kernels import Kernels
from tests.cuda.tensor import DEVICE
from tests.cuda.waits import Waits

MEMORY = 80 * 2**30
NAME = "Stand-in device"


def install(patch: pytest.MonkeyPatch, kernels: Kernels) -> None:
    """Let ``torch.cuda`` answer for the stand-in device, until the patch is undone."""
    waits = kernels.waits
    properties = SimpleNamespace(
        name=NAME, major=9, minor=0, total_memory=MEMORY, multi_processor_count=132, warp_size=32, uuid="0"
    )
    answers: dict[str, Any] = {
        "is_available": True, "is_initialized": True, "device_count": 1, "current_device": 0, "set_device": None,
        "get_device_name": NAME, "get_device_capability": (9, 0), "get_device_properties": properties,
        "get_arch_list": ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"],
        "is_bf16_supported": True, "is_current_stream_capturing": False, "empty_cache": None, "_lazy_init": None,
        "_exchange_device": 0, "_maybe_exchange_device": 0, "init": None,
        "memory_allocated": 0, "max_memory_allocated": 0, "memory_reserved": 0, "max_memory_reserved": 0,
        "reset_peak_memory_stats": None, "memory_stats": {}, "mem_get_info": (MEMORY, MEMORY),
        "set_sync_debug_mode": None, "get_sync_debug_mode": 0,
    }  # fmt: skip
    for name, value in answers.items():
        patch.setattr(torch.cuda, name, _always(value))
    random = kernels.random
    patch.setattr(torch.cuda, "get_rng_state", lambda device="cuda": random.get_state())
    patch.setattr(torch.cuda, "get_rng_state_all", lambda: [random.get_state()])
    patch.setattr(torch.cuda, "set_rng_state", lambda state, device="cuda": random.set_state(state))
    patch.setattr(torch.cuda, "set_rng_state_all", lambda states: random.set_state(states[0]))
    for name in ("manual_seed", "manual_seed_all"):
        patch.setattr(torch.cuda, name, lambda seed: random.manual_seed(seed))
    stream = Stream(waits)
    patch.setattr(torch.cuda, "Event", lambda *args, **kwargs: Event(waits))
    patch.setattr(torch.cuda, "Stream", lambda *args, **kwargs: stream)
    patch.setattr(torch.cuda, "stream", lambda stream: nullcontext(stream))
    patch.setattr(torch.cuda, "default_stream", _always(stream))
    for module in (torch.cuda, torch.accelerator):
        patch.setattr(module, "current_stream", _always(stream))
        patch.setattr(module, "synchronize", lambda device=None: waits.wait("synchronize"))
    for name, value in {"is_available": True, "device_count": 1, "current_device_index": 0}.items():
        patch.setattr(torch.accelerator, name, _always(value))
    patch.setattr(torch.accelerator, "current_accelerator", _always(DEVICE))
    patch.setattr(torch._C, "_cuda_clearCublasWorkspaces", _always(None), raising=False)


def _always(value: Any) -> Any:
    return lambda *args, **kwargs: value


class Event:
    """A place in the device's work; the host that waits for it waits for what came before it only."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._mark = 0

    def record(self, stream: Any = None) -> None:
        self._mark = self._waits.mark()

    def synchronize(self) -> None:
        self._waits.wait("event", self._mark)

    def query(self) -> bool:
        self._waits.arrive(self._mark)  # the device is quick
        return True

    def wait(self, stream: Any = None) -> None:
        """The device waits; nothing to do, since there is one stream."""

    def elapsed_time(self, end: Event) -> float:
        return 0.0


class Stream:
    """The only queue of the device's work."""

    device = DEVICE

    def __init__(self, waits: Waits) -> None:
        self._waits = waits

    def synchronize(self) -> None:
        self._waits.wait("synchronize")

    def is_capturing(self) -> bool:
        return False

    def record_event(self, event: Event | None = None) -> Event:
        event = event or Event(self._waits)
        event.record()
        return event

    def wait_event(self, event: Event) -> None:
        """Nothing to do."""

    def wait_stream(self, stream: Stream) -> None:
        """Nothing to do."""
