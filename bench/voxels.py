"""Voxelisation beside the usual ways: ``python -m bench.voxels [points ...]``."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from pointnc.data.voxels import voxelize

SIZE = 0.02


def synthetic_room(points: int, seed: int = 0) -> NDArray[np.float32]:
    """Return (N, 3) points on the walls of a box, 2.5 thousand to the square metre, in the order of a scan."""
    rng = np.random.default_rng(seed)
    extent = np.array([4.4, 3.3, 2.5]) * np.sqrt(points / 150_000) * 0.87
    coord = rng.random((points, 3)) * extent
    side = rng.choice(6, points, p=np.repeat(np.prod(extent) / extent, 2) / (2 * np.sum(np.prod(extent) / extent)))
    coord[np.arange(points), side // 2] = np.where(side % 2, extent[side // 2], 0) + rng.normal(0, 0.003, points)
    # Meshes come in blocks of space, at random within a block at worst.
    return coord[np.lexsort(np.floor(coord / 0.25).T)].astype(np.float32)


def median_ms(call: Callable[[], Any], repeats: int = 7) -> float:
    """Return the median CPU time of a call in milliseconds, after one that is not counted.

    The time of this thread, so that other processes on the machine disturb little; all calls here use one thread.
    """
    call()
    seconds = []
    for _ in range(repeats):
        start = time.thread_time()
        call()
        seconds.append(time.thread_time() - start)
    return statistics.median(seconds) * 1e3


def keys(coord: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return one int64 key a point."""
    cells = np.floor(coord / np.float32(SIZE)).astype(np.int64)
    cells -= cells.min(axis=0)
    extent = cells.max(axis=0) + 1
    return (cells[:, 0] * extent[1] + cells[:, 1]) * extent[2] + cells[:, 2]


def unique_rows(coord: NDArray[np.float32]) -> Any:
    cells = np.floor(coord / np.float32(SIZE)).astype(np.int32)
    return np.unique(cells, axis=0, return_index=True, return_inverse=True)


def measure(points: int) -> list[tuple[str, float, float]]:
    """Return name, milliseconds and bytes a point at peak (of numpy's memory) of each way."""
    import tracemalloc

    coord = synthetic_room(points)
    voxels = voxelize(coord, SIZE)
    buffers = np.empty_like(coord), np.empty_like(voxels.grid), voxels.index.copy(), voxels.inverse.copy()

    def memory_pass() -> None:
        """Read the input and write results of the right sizes once."""
        np.copyto(buffers[0], coord)
        np.copyto(buffers[1], voxels.grid)
        buffers[2].fill(0)
        buffers[3].fill(0)

    rng = np.random.default_rng(0)
    ways: dict[str, tuple[Callable[[], Any], int]] = {
        "reading and writing once": (memory_pass, 15),
        "pointnc, first": (lambda: voxelize(coord, SIZE), 15),
        "pointnc, random": (lambda: voxelize(coord, SIZE, "random", rng), 15),
        "pointnc without numba": (lambda: voxelize(coord, SIZE, backend="numpy"), 7),
        "torch.unique of keys*": (
            lambda: torch.unique(torch.from_numpy(keys(coord)), return_inverse=True),
            7,
        ),
        "np.unique of keys": (lambda: np.unique(keys(coord), return_index=True, return_inverse=True), 7),
        "np.unique(axis=0)": (lambda: unique_rows(coord), 3 if points > 500_000 else 7),
    }
    rows = []
    for name, (call, repeats) in ways.items():
        duration = median_ms(call, repeats)
        tracemalloc.start()
        call()
        rows.append((name, duration, tracemalloc.get_traced_memory()[1] / points))
        tracemalloc.stop()
    return rows


def main(sizes: Sequence[int] = (150_000, 1_500_000)) -> None:
    torch.set_num_threads(1)
    for points in sizes:
        rows = measure(points)
        bandwidth, rowwise = rows[0][1], rows[-1][1]
        table = Table(
            title=f"{points:,} points, {SIZE * 100:g} cm, {len(voxelize(synthetic_room(points), SIZE)):,} voxels"
        )
        for column in ("way", "CPU ms", "x memory pass", "speed-up", "bytes a point"):
            table.add_column(column, justify="left" if column == "way" else "right", no_wrap=True)
        for name, duration, memory in rows:
            table.add_row(
                name, f"{duration:.2f}", f"{duration / bandwidth:.1f}", f"{rowwise / duration:.1f}", f"{memory:.0f}"
            )
        Console(width=110).print(table)
    Console(width=110).print(
        "speed-up: over np.unique(axis=0). bytes a point: numpy's peak, results included. *: no representative."
    )


if __name__ == "__main__":
    main(*([[int(argument) for argument in sys.argv[1:]]] if sys.argv[1:] else []))
