"""Whole networks through the branch for CUDA, on spconv's native algorithm, against the CPU engine in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pointnc.models import unet
from pointnc.sparse import spconv_convolution
from pointnc.sparse.engines import Engine
from pointnc.sparse.grid import Grid
from tests.cuda.native import use_native_algorithm
from tests.sparse.test_engines import assert_same, network, outcome


def scenes(*sizes: tuple[int, float]) -> tuple[Tensor, int]:
    """Voxels of one scene for each (extent, share of cells that are occupied), in no order, and how many scenes."""
    generator = torch.Generator().manual_seed(1)
    parts = []
    for number, (extent, share) in enumerate(sizes):
        cells = (torch.rand((extent, extent, extent), generator=generator) < share).nonzero().int()
        parts.append(torch.cat([torch.full((len(cells), 1), number, dtype=torch.int32), cells], dim=1))
    coord = torch.cat(parts)
    return coord[torch.randperm(len(coord), generator=generator)], len(sizes)


BATCHES = {
    "several": scenes((13, 0.25), (10, 0.3)),
    "one voxel and an empty scene": scenes((12, 0.25), (1, 2.0), (0, 0.0), (8, 0.3)),
    "one voxel alone": scenes((1, 2.0)),
}


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", ["minkunet_tiny", "minkunet34c", "spunet"])
def test_the_branch_for_cuda_computes_what_the_cpu_engine_does(
    name: str, batch: str, checkpointing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_native_algorithm(monkeypatch)
    coord, samples = BATCHES[batch]
    theirs = outcome(network(name, "cpu"), coord, torch.float64, samples)
    monkeypatch.setattr(unet, "choose_engine", lambda wanted, device: Engine("spconv"))
    ours = outcome(network(name, "spconv", checkpointing=checkpointing), coord, torch.float64, samples)
    assert ours["out"].abs().max() > 0
    assert_same(ours, theirs)


def test_layers_that_learn_do_not_take_the_table_of_frozen_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a gradient spconv leaves out the half of a table that its backward pass on CUDA reads."""
    use_native_algorithm(monkeypatch)
    coord, samples = BATCHES["several"]
    grid = Grid(coord, (13, 13, 13), samples, "spconv")
    features, weight = torch.randn(len(coord), 3), torch.randn(4, 3, 3, 3, 3)
    with torch.no_grad():
        frozen, _ = spconv_convolution.convolve("submanifold", features, weight, grid)
    first = set(grid.indice_dict)
    learns, _ = spconv_convolution.convolve("submanifold", features, weight.requires_grad_(), grid)
    assert torch.equal(learns.detach(), frozen) and len(first) == 1
    assert len(set(grid.indice_dict) - first) == 1
    spconv_convolution.convolve("submanifold", features, weight, grid)
    with torch.no_grad():
        spconv_convolution.convolve("submanifold", features, weight, grid)
    assert len(grid.indice_dict) == 2
