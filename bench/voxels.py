"""Voxelisation beside the usual ways: ``python -m bench voxels``."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.measure import exponent, medians
from bench.rows import Row
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


def keys(coord: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return one int64 key a point."""
    cells = np.floor(coord / np.float32(SIZE)).astype(np.int64)
    cells -= cells.min(axis=0)
    extent = cells.max(axis=0) + 1
    return (cells[:, 0] * extent[1] + cells[:, 1]) * extent[2] + cells[:, 2]


def unique_rows(coord: NDArray[np.float32]) -> Any:
    cells = np.floor(coord / np.float32(SIZE)).astype(np.int32)
    return np.unique(cells, axis=0, return_index=True, return_inverse=True)


def peak_bytes(call: Callable[[], Any]) -> int:
    """Return numpy's peak memory during a call, results included."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def references(coord: NDArray[np.float32]) -> dict[str, Callable[[], Any]]:
    """Return the usual ways by name; torch's has no representative."""
    return {
        "torch.unique of keys": lambda: torch.unique(torch.from_numpy(keys(coord)), return_inverse=True),
        "np.unique of keys": lambda: np.unique(keys(coord), return_index=True, return_inverse=True),
        "np.unique(axis=0)": lambda: unique_rows(coord),
    }


def rows(quick: bool = False) -> list[Row]:
    """Measure against the usual ways at two sizes, the memory, and the growth."""
    torch.set_num_threads(1)
    targets = {20_000: None, 40_000: None} if quick else {150_000: 4.5, 1_500_000: 60.0}
    result = []
    for points, target in targets.items():
        coord = synthetic_room(points)
        voxels = voxelize(coord, SIZE)
        buffers = np.empty_like(coord), np.empty_like(voxels.grid), voxels.index.copy(), voxels.inverse.copy()

        def memory_pass(coord: Any = coord, buffers: Any = buffers, voxels: Any = voxels) -> None:
            np.copyto(buffers[0], coord)
            np.copyto(buffers[1], voxels.grid)
            buffers[2].fill(0)
            buffers[3].fill(0)

        def ours(coord: Any = coord) -> None:
            voxelize(coord, SIZE)

        slow = references(coord)
        fast = {"ours": ours, "pass": memory_pass}
        taken = medians(fast, 15, "cpu") | medians(slow, 3 if points > 500_000 else 7, "cpu")
        size = f"{points:,} points, {len(voxels):,} voxels"
        note = f"{taken['ours'] / taken['pass']:.0f} x reading and writing once"
        for name in slow:
            result.append(Row("voxelise, first", size, taken["ours"], "ms", name, taken[name], target, note=note))
            target, note = None, ""
        draw = partial(voxelize, coord, SIZE, "random", np.random.default_rng(0))
        drawn = medians({"random": draw}, clock="cpu")
        result.append(Row("voxelise, random representative", size, drawn["random"]))
        bytes_a_point = peak_bytes(ours) / points
        result.append(Row("voxelise, peak memory", size, bytes_a_point, "bytes a point", target=40))
    sizes = (5_000, 10_000, 20_000, 40_000) if quick else (150_000, 1_500_000, 15_000_000, 50_000_000)
    durations = []
    for points in sizes:
        coord = synthetic_room(points)
        durations.append(medians({"ours": lambda coord=coord: voxelize(coord, SIZE)}, 3, "cpu")["ours"])  # type: ignore[misc]
        del coord
    note = ", ".join(f"{duration:.0f} ms" for duration in durations) + ", medians of 3"
    size = f"{sizes[0]:,} to {sizes[-1]:,} points"
    growth = exponent(sizes, durations)
    result.append(Row("voxelise, growth", size, durations[-1], growth=growth, note=note))
    return result


def main() -> None:
    """Print the rows of the usual sizes."""
    from rich.console import Console

    from bench.rows import terminal_table

    Console(width=180).print(terminal_table("voxels", rows()))


if __name__ == "__main__":
    main()
