"""Forces of two gloo processes against those of one with the joined batch."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import Tensor

from pointnc.benchmarks.scannet import taxonomy
from pointnc.collapse import CenterRegularizer
from pointnc.training.force_meter import ForceMeter

RANKS = 2
WEIGHT = torch.randn(200, 6, generator=torch.Generator().manual_seed(9))


def batch(rank: int) -> tuple[Tensor, Tensor]:
    """Ranks of unequal size, with classes in common."""
    generator = torch.Generator().manual_seed(rank)
    size = (150, 60)[rank]
    return torch.randn(size, 6, generator=generator), torch.randint(-1, 200, (size,), generator=generator)


def loss_of(features: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(features @ WEIGHT.T, labels, ignore_index=-1)


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=RANKS,
        timeout=datetime.timedelta(seconds=60),
    )
    features, labels = batch(rank)
    features.requires_grad_()
    regularizer = CenterRegularizer(200, 6, centers="batch_synchronized", reduction="sum")
    meter = ForceMeter(taxonomy("scannet200"))
    meter.measure(0, loss_of(features, labels), 0.05 * regularizer(features, labels), features, labels)
    torch.save(meter.read(), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_equal_to_one_process_with_the_joined_batch(tmp_path: Path) -> None:
    mp.spawn(work, args=(str(tmp_path),), nprocs=RANKS, daemon=True)
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(RANKS)]
    assert found[0] == found[1] and len(found[0]) == 9
    parts = [batch(rank) for rank in range(RANKS)]
    features, labels = (torch.cat(values) for values in zip(*parts))
    features.requires_grad_()
    first = len(parts[0][1])
    # What DDP trains on: the mean over the ranks of each rank's mean.
    loss = (loss_of(features[:first], labels[:first]) + loss_of(features[first:], labels[first:])) / RANKS
    regularizer = CenterRegularizer(200, 6, centers="batch", reduction="sum")
    meter = ForceMeter(taxonomy("scannet200"))
    meter.measure(0, loss, 0.05 * regularizer(features, labels), features, labels)
    assert found[0] == pytest.approx(meter.read(), rel=1e-4, abs=1e-6)
