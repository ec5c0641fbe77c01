"""Clouds larger than memory: cut along x and y into blocks with a margin, sorted into files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import CloudFile, PointCloud
from pointnc.clouds.conditions import Conditions, Survey
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
        edge: of a cell in metres.
        origin: (2,) metres of its corner.
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
    """Yield records of the points with finite coordinates, chunk by chunk, all inner; what is missing is 0."""
    row = 0
    for chunk in cloud.chunks():
        yield _records(chunk, conditions, row)
        row += len(chunk)


def _records(chunk: PointCloud, conditions: Conditions, first: int) -> NDArray[np.void]:
    good = np.flatnonzero(np.isfinite(chunk.coord).all(axis=1))
    if len(good) < len(chunk):
        chunk = PointCloud(
            chunk.coord[good],
            None if chunk.color is None else chunk.color[good],
            None if chunk.normal is None else chunk.normal[good],
            {name: values[good] for name, values in chunk.attributes.items()},
        )
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
    """Halve blocks until none has more than ``most`` points, those within ``margin`` metres around it included.

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
                f"block_points={most}: raise it, or lower halo"
            )
        middle = block.low[axis] + int(sizes[axis]) // 2
        first = (middle, block.high[1]) if axis == 0 else (block.high[0], middle)
        second = (middle, block.low[1]) if axis == 0 else (block.low[0], middle)
        pending += [Block(second, block.high), Block(block.low, first)]
    return blocks


def sort_into(
    folder: Path, cloud: CloudFile, conditions: Conditions, columns: Columns, blocks: list[Block], margin: float
) -> list[Path]:
    """Write the points of every block, its margin included, to a file of its own; return the files."""
    paths = [folder / f"block{number}.bin" for number in range(len(blocks))]
    reach = int(np.ceil(margin / columns.edge))
    with ExitStack() as stack:
        streams = [stack.enter_context(path.open("wb")) for path in paths]
        for records in points(cloud, conditions):
            cells = columns.cells(records["coord"])
            for block, stream in zip(blocks, streams):
                near = ((cells >= np.subtract(block.low, reach)) & (cells < np.add(block.high, reach))).all(axis=1)
                if not near.any():
                    continue
                chosen = records[near]
                chosen["inner"] = ((cells[near] >= block.low) & (cells[near] < block.high)).all(axis=1)
                stream.write(chosen.tobytes())
    return paths
