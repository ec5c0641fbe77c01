"""Measuring side by side: interleaved calls, medians, growth, peak memory, and what the machine can do at best."""

from __future__ import annotations

import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import torch

Clock = Literal["cpu", "wall"]
CLOCKS: dict[str, Callable[[], float]] = {"cpu": time.thread_time, "wall": time.perf_counter}
REPEATS = 7


def medians(
    ways: Mapping[str, Callable[[], Any]], repeats: int = REPEATS, clock: Clock = "wall", warm: bool = True
) -> dict[str, float]:
    """Return the median milliseconds of each way, measured in turns, so that a noisy minute hits all of them.

    Args:
        ways: name to call.
        repeats: how often each is measured.
        clock: "cpu" counts this thread only, for calls of one thread.
        warm: call each once before, uncounted.
    """
    now = CLOCKS[clock]
    for call in ways.values() if warm else ():
        call()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, call in ways.items():
            start = now()
            call()
            taken[name].append(now() - start)
    return {name: 1e3 * statistics.median(values) for name, values in taken.items()}


def growth(
    make: Callable[[int], Callable[[], Any]], sizes: Sequence[int], repeats: int = REPEATS, clock: Clock = "cpu"
) -> list[float]:
    """Return the median milliseconds of a call at each size, one size after the other: only one is in memory."""
    return [medians({"call": make(size)}, repeats, clock)["call"] for size in sizes]


def exponent(sizes: Sequence[float], durations: Sequence[float]) -> float:
    """Return b of the least-squares fit duration = a · size^b."""
    slope, _ = np.polyfit(np.log(sizes), np.log(durations), 1)
    return float(slope)


NOTHING_KEPT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Has glibc give back at once what is freed: then resident memory is memory in use, the same at every run."""


def peak_memory(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> float:
    """Run ``python -m module arguments`` and return the MiB that it prints on its last line.

    A process of its own for each figure: what one way leaves in the allocator would be counted to the next.
    """
    command = [sys.executable, "-m", module, *arguments]
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip().splitlines()[-1:]}")
    return float(done.stdout.strip().splitlines()[-1])


@lru_cache
def copy_bandwidth() -> float:
    """Return the bytes a second, read and written, of a large copy by one thread."""
    source = np.ones(2**25, np.float32)
    target = np.empty_like(source)
    taken = medians({"copy": lambda: np.copyto(target, source)}, clock="cpu")["copy"]
    return 2 * source.nbytes / taken * 1e3


def moving(count: float) -> float:
    """Return the milliseconds in which one thread moves so many bytes, read and written taken together, at best."""
    return 1e3 * count / copy_bandwidth()


@lru_cache
def product_peak(threads: int) -> float:
    """Return the floating-point operations a second of a product of two 2048 x 2048 matrices."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    a = torch.ones(2048, 2048)
    taken = medians({"mm": lambda: a @ a})["mm"]
    torch.set_num_threads(before)
    return 2 * 2048**3 / taken * 1e3


def machine() -> dict[str, Any]:
    """Describe the machine and what was installed on it."""
    with open("/proc/cpuinfo", encoding="utf-8") as stream:  # noqa: PTH123
        model = next((line.split(":")[1].strip() for line in stream if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ("torch", "numpy", "numba", "spconv-cu118", "plyfile")
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "load_before": round(os.getloadavg()[0], 2),
        "copy_gb_per_s": round(copy_bandwidth() / 1e9, 1),
        "product_gflop_per_s_2_threads": round(product_peak(2) / 1e9),
    }


def round_to(value: float, digits: int = 3) -> float:
    """Return a number with so many significant digits."""
    return value if value == 0 else round(value, digits - 1 - math.floor(math.log10(abs(value))))
