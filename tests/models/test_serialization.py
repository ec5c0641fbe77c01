"""Curves through voxels: by their definition, and what makes them curves."""

from __future__ import annotations

import pytest
import torch

from pointnc.models.patches import Patches
from pointnc.models.serialization import ORDERS, along_curve, depths_of, encode
from tests.helpers.mistakes import raises
from tests.oracles.sonata import place_on_curve


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("depth", [1, 3, 7, 16])
def test_codes_are_those_of_the_definition(order: str, depth: int) -> None:
    generator = torch.Generator().manual_seed(depth)
    coord = torch.randint(2**depth, (200, 3), generator=generator)
    expected = [place_on_curve(tuple(cell), depth, order) for cell in coord.tolist()]  # type: ignore[arg-type]
    assert encode(coord, depth, order).tolist() == expected


@pytest.mark.parametrize("order", ORDERS)
def test_a_curve_passes_every_voxel_of_a_cube_once(order: str) -> None:
    cube = torch.cartesian_prod(*[torch.arange(8)] * 3)
    codes = encode(cube, 3, order)
    assert codes.sort().values.tolist() == list(range(512))
    steps = cube[codes.argsort()].diff(dim=0).abs().sum(1)
    if order.startswith("hilbert"):
        assert steps.tolist() == [1] * 511  # from a voxel to its neighbor
    else:
        assert encode(torch.tensor([[0, 0, 1], [0, 1, 0], [1, 0, 0]]), 1, "z").tolist() == [1, 2, 4]


def test_hilberts_curve_depends_on_the_depth_modulo_three() -> None:
    coord = torch.cartesian_prod(*[torch.arange(8)] * 3)
    orders = [encode(coord, depth, "hilbert").argsort().tolist() for depth in (3, 4, 6)]
    assert orders[0] == orders[2] != orders[1]


def test_depth_is_that_of_the_largest_coordinate_and_one() -> None:
    for largest, depth in ((0, 1), (1, 2), (6, 3), (7, 4), (65534, 16)):
        assert depths_of(torch.tensor([[0, largest, 0]]), [1]) == [depth]
    coord = torch.tensor([[0, 7, 2], [6, 0, 1], [0, 0, 3], [9, 9, 9]])
    assert depths_of(coord, [2, 0, 1, 1]) == [4, 1, 3, 4]
    with raises("too-far", "65536 voxels", "65535"):
        depths_of(torch.tensor([[65535, 0, 0]]), [1])


@pytest.mark.parametrize("order", ORDERS)
def test_each_sample_is_passed_as_if_it_were_alone(order: str) -> None:
    generator = torch.Generator().manual_seed(0)
    extents, lengths = [2, 5, 9, 40, 300, 1, 65535], [8, 30, 100, 200, 0, 1, 50]
    parts = []
    for extent, length in zip(extents, lengths):
        cells = torch.randint(extent, (4 * length, 3), generator=generator).unique(dim=0)
        parts.append(cells[torch.randperm(len(cells), generator=generator)][:length])
    lengths, coord = [len(part) for part in parts], torch.cat(parts)
    depths = depths_of(coord, lengths)
    assert {depth % 3 for depth in depths} == {0, 1, 2}
    first, expected = 0, []
    for part, depth in zip(parts, depths):
        expected.append(first + encode(part, depth, order).argsort())
        first += len(part)
    assert torch.equal(along_curve(coord, lengths, depths, order), torch.cat(expected))


@pytest.mark.parametrize("lengths", [[20, 0, 5, 8], [8], [16], [3], [0]])
def test_every_row_has_a_place_in_a_patch_of_its_sample(lengths: list[int]) -> None:
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randperm(1000, generator=generator)[:count] for count in lengths]
    coord = torch.cat([torch.stack([part // 100, part // 10 % 10, part % 10], 1) for part in parts])
    patches = Patches.of(coord, lengths, "hilbert", 8)
    shown = torch.cat([patches.full.flatten(), *patches.short])
    assert torch.equal(shown[patches.back], torch.arange(len(coord)))
    sample = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    for patch in [*patches.full, *patches.short]:
        assert len(sample[patch].unique()) == 1 and len(patch.unique()) == len(patch)
