"""Clouds larger than memory: cut along x and y into blocks with a margin, sorted into files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import CHUNK, CloudFile, PointCloud
from pointnc.clouds.conditions import Conditions
from pointnc.clouds.survey import Survey
from pointnc.errors import UserError

RECORD = np.dtype(
    [("row", "i8"), ("coord", "f4", 3), ("color", "u1", 3), ("normal", "f4", 3), ("strength", "f4"), ("inner", "?")]
)
"""A point of a block: its row in the file, and whether the block labels it or only sees it."""

_CELLS = 1024


@dataclass(frozen=True)
class Block:
    """Cells ``low`` ≤ (x, y) < ``high`` of a grid of columns."""

    low: tuple[int, int]
    high: tuple[int, int]


@dataclass(frozen=True)
class Columns:
    """A grid of columns over a cloud.

    Attributes:
        edge: of a cell in meters.
        origin: (2,) meters of its corner.
        counts: (X, Y) points of each.
    """

    edge: float
    origin: NDArray[np.float64]
    counts: NDArray[np.int64]

    def cells(self, coord: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return (N, 2) the column of each point."""
        cells = np.floor((coord[:, :2] - self.origin) / self.edge).astype(np.int64)
        return np.clip(cells, 0, np.array(self.counts.shape) - 1)


def points(cloud: CloudFile, conditions: Conditions) -> Iterator[NDArray[np.void]]:
    """Yield records of the points with coordinates of use, chunk by chunk, all inner; what is missing is 0."""
    row = 0
    for chunk in cloud.chunks():
        yield _records(chunk, conditions, row)
        row += len(chunk)


def _records(chunk: PointCloud, conditions: Conditions, first: int) -> NDArray[np.void]:
    good = np.flatnonzero(conditions.usable(chunk.coord))
    if len(good) < len(chunk):
        chunk = chunk.select(good)
    records = np.zeros(len(good), RECORD)
    records["row"], records["inner"] = first + good, True
    records["coord"], records["color"] = conditions.coord(chunk), conditions.color(chunk)
    normal = conditions.normal(chunk)
    if normal is not None:
        records["normal"] = normal
    strength = conditions.strength(chunk)
    if strength is not None:
        records["strength"] = strength
    return records


def count_columns(cloud: CloudFile, conditions: Conditions, seen: Survey) -> Columns:
    """Count the points in columns, at most 1024 along x and y."""
    corners = conditions.coord(PointCloud(np.stack([seen.low, seen.high])))
    low, high = corners.min(axis=0).astype(np.float64), corners.max(axis=0).astype(np.float64)
    edge = max(float((high - low)[:2].max()) / _CELLS, 0.05)
    shape = np.maximum(np.ceil((high - low)[:2] / edge).astype(int), 1)
    columns = Columns(edge, low[:2], np.zeros(shape, np.int64))
    for records in points(cloud, conditions):
        x, y = columns.cells(records["coord"]).T
        columns.counts[:] += np.bincount(x * shape[1] + y, minlength=shape.prod()).reshape(shape)
    return columns


def cut_blocks(columns: Columns, most: int, margin: float, name: str) -> list[Block]:
    """Halve blocks until none has more than ``most`` points, those within ``margin`` meters around it included.

    Raises:
        UserError: a single column with its margin has more.
    """
    sums = np.zeros(np.add(columns.counts.shape, 1), np.int64)
    sums[1:, 1:] = columns.counts.cumsum(0).cumsum(1)
    reach = int(np.ceil(margin / columns.edge))

    def count(low: tuple[int, int], high: tuple[int, int], around: int) -> int:
        (a, b), (c, d) = np.maximum(np.subtract(low, around), 0), np.minimum(np.add(high, around), columns.counts.shape)
        return int(sums[c, d] - sums[a, d] - sums[c, b] + sums[a, b])

    pending, blocks = [Block((0, 0), (columns.counts.shape[0], columns.counts.shape[1]))], []
    while pending:
        block = pending.pop()
        if count(block.low, block.high, 0) == 0:
            continue
        if count(block.low, block.high, reach) <= most:
            blocks.append(block)
            continue
        sizes = np.subtract(block.high, block.low)
        axis = int(sizes[1] > sizes[0])
        if sizes[axis] == 1:
            raise UserError(
                f"{name}: {count(block.low, block.high, reach)} points lie within {margin:g} m of one spot, more than "
                f"block_points={most}: raise it, or lower halo",
                code="too-dense",
            )
        middle = block.low[axis] + int(sizes[axis]) // 2
        first = (middle, block.high[1]) if axis == 0 else (block.high[0], middle)
        second = (middle, block.low[1]) if axis == 0 else (block.low[0], middle)
        pending += [Block(second, block.high), Block(block.low, first)]
    return blocks


def sort_into(
    folder: Path, cloud: CloudFile, conditions: Conditions, columns: Columns, blocks: list[Block], margin: float
) -> list[Path]:
    """Write the points of every block, its margin included, to a file of its own; return the files.

    One is open at a time, and a piece of the cloud costs as much as the records that come of it, however many blocks
    there are.
    """
    paths = [folder / f"block{number}.bin" for number in range(len(blocks))]
    owner, starts, seers = _who_sees(columns, blocks, int(np.ceil(margin / columns.edge)))
    for piece in points(cloud, conditions):
        x, y = columns.cells(piece["coord"]).T
        cells = x * columns.counts.shape[1] + y
        copies = np.diff(starts)[cells]
        # No more records at a time than a piece of the cloud has, however many blocks see a point.
        ends = np.searchsorted(np.cumsum(copies), np.arange(CHUNK, copies.sum() + CHUNK, CHUNK), side="left") + 1
        first = 0
        for last in np.minimum(ends, len(piece)):
            _append(paths, piece[first:last], cells[first:last], owner, starts, seers)
            first = last
    return paths


def _who_sees(
    columns: Columns, blocks: list[Block], reach: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
    """Return (C,) the block of each column, and the blocks that see column c: ``seers[starts[c] : starts[c + 1]]``.

    Columns are numbered along y. Those without points are left out, so that there are at most as many entries as
    records.
    """
    shape = columns.counts.shape
    owner = np.full(shape, -1, np.int32)
    full = columns.counts > 0
    cells: list[NDArray[np.int64]] = []
    for number, block in enumerate(blocks):
        owner[block.low[0] : block.high[0], block.low[1] : block.high[1]] = number
        left, top = np.maximum(np.subtract(block.low, reach), 0)
        right, bottom = np.minimum(np.add(block.high, reach), shape)
        x, y = np.nonzero(full[left:right, top:bottom])
        cells.append((x + left) * shape[1] + y + top)
    seers = np.repeat(np.arange(len(blocks), dtype=np.int32), [len(one) for one in cells])
    every = np.concatenate(cells)
    starts = np.concatenate([[0], np.cumsum(np.bincount(every, minlength=full.size))])
    return owner.reshape(-1), starts, seers[np.argsort(every, kind="stable")]


def _append(
    paths: list[Path],
    piece: NDArray[np.void],
    cells: NDArray[np.int64],
    owner: NDArray[np.int32],
    starts: NDArray[np.int64],
    seers: NDArray[np.int32],
) -> None:
    """Add points, which lie in ``cells``, to the files of the blocks that see them; their order is kept."""
    copies = starts[cells + 1] - starts[cells]
    rows = np.repeat(np.arange(len(piece)), copies)
    turn = np.arange(len(rows)) - np.repeat(np.cumsum(copies) - copies, copies)
    block = seers[starts[cells[rows]] + turn]
    order = np.argsort(block, kind="stable")
    block, rows = block[order], rows[order]
    numbers, begins = np.unique(block, return_index=True)
    for number, begin, end in zip(numbers, begins, [*begins[1:], len(rows)]):
        chosen = piece[rows[begin:end]]
        chosen["inner"] = owner[cells[rows[begin:end]]] == number
        with paths[number].open("ab") as stream:
            stream.write(chosen.tobytes())
