"""Neighbor tables against a dictionary of voxels."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pointnc.sparse.neighbors import PairTable, lexicographic_order, linear_keys, strided_table, submanifold_table

Voxel = tuple[int, int, int, int]
voxels = st.lists(st.tuples(st.integers(0, 2), *[st.integers(0, 5)] * 3), min_size=1, max_size=40, unique=True).map(
    sorted
)
# Row-major numbers of 32 bits would confuse these in a grid of 2^16 cells a side, with a margin or without.
ALIASED = sorted(
    [(0, 0, 0, 0), (0, 2, 0, 0), (0, 0, 4, 0), (0, 1, 0, 4), (0, 0, 4, 1), (0, 1, 0, 5), (0, 65535, 3, 65535)]
)


def row_pairs(table: PairTable) -> list[set[tuple[int, int]]]:
    pairs = []
    for begin, end in zip(table.starts[:-1], table.starts[1:]):
        inputs, outputs = table.inputs[begin:end].tolist(), table.outputs[begin:end].tolist()
        assert inputs == sorted(inputs) and outputs == sorted(set(outputs))
        pairs.append(set(zip(inputs, outputs)))
    assert sum(map(len, pairs)) == len(table.inputs) == len(table.outputs)
    return pairs


def submanifold_pairs(coord: list[Voxel], kernel: int) -> list[set[tuple[int, int]]]:
    row = {voxel: index for index, voxel in enumerate(coord)}
    reach = range(-(kernel // 2), kernel // 2 + 1)
    pairs = []
    for dx, dy, dz in product(reach, reach, reach):
        moved = [(b, x + dx, y + dy, z + dz) for b, x, y, z in coord]
        found = {(row[voxel], output) for output, voxel in enumerate(moved) if voxel in row}
        pairs.append(found)
    return pairs


def extent(coord: Tensor) -> tuple[int, int, int]:
    x, y, z = (coord[:, 1:].amax(dim=0) + 1).tolist()
    return x, y, z


@settings(max_examples=60, deadline=None)
@given(coord=voxels, kernel=st.sampled_from([1, 3, 5]))
def test_submanifold_table_lists_the_neighbors(coord: list[Voxel], kernel: int) -> None:
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
def test_an_extent_beyond_32_bits_invents_no_neighbors(far: int) -> None:
    coord = [*ALIASED, (1, far - 2, far - 1, far - 1), (1, far - 1, far - 1, far - 1)]
    voxel_rows = torch.tensor(coord, dtype=torch.int32)
    table = submanifold_table(voxel_rows, (far, far, far), 3)
    assert row_pairs(table) == submanifold_pairs(coord, 3)
    parents, _ = strided_table(voxel_rows, (far, far, far))
    assert len(parents) == len({(b, x // 2, y // 2, z // 2) for b, x, y, z in coord})


def test_keys_beyond_63_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        linear_keys(torch.tensor([[1, 0, 0, 0]], dtype=torch.int32), (2**21, 2**21, 2**20))


@settings(max_examples=40, deadline=None)
@given(coord=voxels, tile=st.integers(1, 50))
def test_splits_cut_the_pairs_where_the_tiles_of_the_output_end(coord: list[Voxel], tile: int) -> None:
    rows = torch.tensor(coord, dtype=torch.int32)
    table = submanifold_table(rows, extent(rows), 3)
    splits = table.splits(tile)
    assert (splits[0] == table.starts[:-1]).all() and (splits[-1] == table.starts[1:]).all()
    for number in range(len(splits) - 1):
        for begin, end in zip(splits[number], splits[number + 1]):
            assert (table.outputs[begin:end] // tile == number).all()


@settings(max_examples=40, deadline=None)
@given(coord=voxels)
def test_the_reversed_table_has_the_pairs_the_other_way_round(coord: list[Voxel]) -> None:
    _, table = strided_table(torch.tensor(coord, dtype=torch.int32), (6, 6, 6))
    turned = [{(output, row) for row, output in pairs} for pairs in row_pairs(table)]
    reverse = table.reversed
    assert (reverse.num_inputs, reverse.num_outputs) == (table.num_outputs, table.num_inputs)
    assert row_pairs(reverse) == turned


@settings(max_examples=40, deadline=None)
@given(coord=voxels, seed=st.integers(0, 99))
def test_any_order_is_sorted_and_the_sorted_one_is_recognized(coord: list[Voxel], seed: int) -> None:
    rows = torch.tensor(coord, dtype=torch.int32)
    assert lexicographic_order(rows, (6, 6, 6)) is None
    mixed = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]
    order = lexicographic_order(mixed, (6, 6, 6))
    assert torch.equal(mixed if order is None else mixed[order], rows)
