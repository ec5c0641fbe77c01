"""Voxelization beside the usual ways: ``python -m bench voxels``."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from bench.measure import REPEATS, exponent, growth, medians
from bench.rows import Row
from pointnc.data.voxels import Representative, voxelize

SIZE = 0.02


def synthetic_room(points: int, seed: int = 0) -> NDArray[np.float32]:
    """Return (N, 3) points on the walls of a box, 2.5 thousand to the square meter, in the order of a scan."""
    rng = np.random.default_rng(seed)
    extent = np.array([4.4, 3.3, 2.5]) * np.sqrt(points / 150_000) * 0.87
    coord = rng.random((points, 3)) * extent
    side = rng.choice(6, points, p=np.repeat(np.prod(extent) / extent, 2) / (2 * np.sum(np.prod(extent) / extent)))
    coord[np.arange(points), side // 2] = np.where(side % 2, extent[side // 2], 0) + rng.normal(0, 0.003, points)
    # Meshes come in blocks of space, at random within a block at worst.
    x, y, z = (np.floor(coord[:, axis] / 0.25).astype(np.int64) + 1 for axis in range(3))
    block = (z * (y.max() + 1) + y) * (x.max() + 1) + x
    return coord[np.argsort(block, kind="stable")].astype(np.float32)


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
    repeats = 3 if quick else REPEATS
    result = []
    for points, target in targets.items():
        result += _rows_of(synthetic_room(points), target, repeats)
    sizes = (5_000, 10_000, 20_000, 40_000) if quick else (150_000, 1_500_000, 15_000_000, 50_000_000)
    durations = growth(lambda points: partial(voxelize, synthetic_room(points), SIZE), sizes, repeats)
    note = ", ".join(f"{duration:.0f} ms" for duration in durations)
    span = f"{sizes[0]:,} to {sizes[-1]:,} points"
    fitted = exponent(sizes, durations)
    result.append(Row("voxelize, growth", span, durations[-1], growth=fitted, repeats=repeats, note=note))
    return result


def _rows_of(coord: NDArray[np.float32], target: float | None, repeats: int) -> list[Row]:
    """Measure all ways in turns, and the memory of each representative in a room and where no two points share one."""
    voxels = voxelize(coord, SIZE)
    buffers = np.empty_like(coord), np.empty_like(voxels.grid), voxels.index.copy(), voxels.inverse.copy()

    def memory_pass() -> None:
        np.copyto(buffers[0], coord)
        np.copyto(buffers[1], voxels.grid)
        buffers[2].fill(0)
        buffers[3].fill(0)

    def ours(representative: Representative, coord: NDArray[np.float32] = coord) -> Any:
        return voxelize(coord, SIZE, representative, np.random.default_rng(0))

    slow = references(coord)
    fast: dict[str, Callable[[], Any]] = {
        "first": partial(ours, "first"),
        "random": partial(ours, "random"),
        "pass": memory_pass,
    }
    taken = medians(fast | slow, repeats, "cpu")
    size = f"{len(coord):,} points, {len(voxels):,} voxels"
    note = "limit: reading the points and writing the result once"
    result = [
        Row(
            f"voxelize, {way}", size, taken[way], "ms", name, taken[name],
            target if name == "torch.unique of keys" else None, limit=taken["pass"], repeats=repeats, note=note,
        )
        for way, names in (("first", tuple(slow)), ("random", ("torch.unique of keys",)))
        for name in names
    ]  # fmt: skip
    # As many voxels as points: the costliest case.
    sparse = coord * np.float32(50)
    for representative in get_args(Representative):
        for kind, points in (("", coord), (", a voxel for each point", sparse)):
            bytes_a_point = peak_bytes(partial(ours, representative, points)) / len(points)
            step = f"voxelize, {representative}, peak memory{kind}"
            result.append(Row(step, size, bytes_a_point, "bytes a point", target=40, repeats=1))
    return result


def main() -> None:
    """Print the rows of the usual sizes."""
    from rich.console import Console

    from bench.rows import terminal_table

    Console(width=180).print(terminal_table("voxels", rows()))


if __name__ == "__main__":
    main()
