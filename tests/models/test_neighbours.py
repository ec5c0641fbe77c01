"""Neighbour tables against a dictionary of voxels."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pointnc.models.neighbours import NeighbourTable, linear_keys, strided_table, submanifold_table

Voxel = tuple[int, int, int, int]
voxels = st.lists(st.tuples(st.integers(0, 2), *[st.integers(0, 5)] * 3), min_size=1, max_size=40, unique=True)
# Row-major numbers of 32 bits would confuse these in a grid of 2^16 cells a side, with a margin or without.
ALIASED = [(0, 0, 0, 0), (0, 2, 0, 0), (0, 0, 4, 0), (0, 1, 0, 4), (0, 0, 4, 1), (0, 1, 0, 5), (0, 65535, 3, 65535)]


def row_pairs(table: NeighbourTable) -> list[set[tuple[int, int]]]:
    return [set(zip(*rows[:, :n].tolist())) for rows, n in zip(table.pairs.unbind(1), table.counts.tolist())]


def submanifold_pairs(coord: list[Voxel], kernel: int) -> list[set[tuple[int, int]]]:
    row = {voxel: index for index, voxel in enumerate(coord)}
    reach = range(-(kernel // 2), kernel // 2 + 1)
    pairs = []
    for dx, dy, dz in product(reach, reach, reach):
        moved = [(b, x + dx, y + dy, z + dz) for b, x, y, z in coord]
        found = {(row[voxel], output) for output, voxel in enumerate(moved) if voxel in row}
        pairs.append(found if (dx, dy, dz) != (0, 0, 0) else set())
    return pairs


def extent(coord: Tensor) -> tuple[int, int, int]:
    x, y, z = (coord[:, 1:].amax(dim=0) + 1).tolist()
    return x, y, z


@settings(max_examples=60, deadline=None)
@given(coord=voxels, kernel=st.sampled_from([1, 3, 5]))
def test_submanifold_table_lists_the_neighbours(coord: list[Voxel], kernel: int) -> None:
    voxel_rows = torch.tensor(coord, dtype=torch.int32)
    table = submanifold_table(voxel_rows, extent(voxel_rows), kernel)
    assert row_pairs(table) == submanifold_pairs(coord, kernel)


@settings(max_examples=60, deadline=None)
@given(coord=voxels)
def test_strided_table_gives_every_voxel_its_parent(coord: list[Voxel]) -> None:
    voxel_rows = torch.tensor(coord, dtype=torch.int32)
    parents, table = strided_table(voxel_rows, (6, 6, 6))
    expected = sorted({(b, x // 2, y // 2, z // 2) for b, x, y, z in coord})
    assert [tuple(parent) for parent in parents.tolist()] == expected
    pairs: list[set[tuple[int, int]]] = [set() for _ in range(8)]
    for row, (b, x, y, z) in enumerate(coord):
        pairs[x % 2 * 4 + y % 2 * 2 + z % 2].add((row, expected.index((b, x // 2, y // 2, z // 2))))
    assert row_pairs(table) == pairs


@pytest.mark.parametrize("far", [2**16, 2**20])
def test_an_extent_beyond_32_bits_invents_no_neighbours(far: int) -> None:
    coord = [*ALIASED, (1, far - 1, far - 1, far - 1), (1, far - 2, far - 1, far - 1)]
    voxel_rows = torch.tensor(coord, dtype=torch.int32)
    table = submanifold_table(voxel_rows, (far, far, far), 3)
    assert row_pairs(table) == submanifold_pairs(coord, 3)
    parents, _ = strided_table(voxel_rows, (far, far, far))
    assert len(parents) == len({(b, x // 2, y // 2, z // 2) for b, x, y, z in coord})


def test_keys_beyond_63_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        linear_keys(torch.tensor([[1, 0, 0, 0]], dtype=torch.int32), (2**21, 2**21, 2**20))
