"""Threads for compiled loops and small products, as many as torch may use.

A pool of our own: each thread works on tiles of its own with single-threaded products, so that nobody waits for
anybody within a convolution. It may be called from any thread, and a forked child starts a pool again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import torch


@lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    # The number of threads of a product is a setting of the thread that asks for it.
    return ThreadPoolExecutor(threads, "sparse", initializer=torch.set_num_threads, initargs=(1,))


def run_all(function: Callable[..., None], calls: Sequence[tuple[Any, ...]]) -> None:
    """Run ``function(*call)`` for every call and return when all are done.

    The calls must not touch what another one writes; then the result depends on neither order nor number of threads.
    An exception of any call is raised.
    """
    threads = torch.get_num_threads()
    if threads == 1 or len(calls) <= 1:
        for call in calls:
            function(*call)
        return
    for future in [_pool(os.getpid(), threads).submit(function, *call) for call in calls]:
        future.result()


SMALL = 1 << 18
"""Numbers that a thread reads or writes in less time than it takes to hand them to another one."""


def pieces(length: int, most: int = 0, width: int = 0) -> list[tuple[int, int]]:
    """Cut ``range(length)`` into runs of nearly equal length.

    Args:
        length: rows, for example.
        most: number of runs at most; 0: four for each thread, one for a single thread.
        width: numbers in a row, where a loop only passes over them: then no run is smaller than ``SMALL``.
    """
    threads = torch.get_num_threads()
    most = most or (1 if threads == 1 else 4 * threads)
    if width:
        most = min(most, length * width // SMALL)
    most = max(1, min(length, most))
    return [(length * i // most, length * (i + 1) // most) for i in range(most)]
