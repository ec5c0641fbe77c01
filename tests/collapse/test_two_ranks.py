"""Two gloo processes against one with the joined batch: gradients, banks and confusion counts."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pointnc.collapse import CenterObserver, CenterRegularizer, spread_frame
from pointnc.scoring.metric import ConfusionMatrix

RANKS = 2
MODES: dict[str, dict[str, Any]] = {
    "batch_synchronized": {"centers": "batch_synchronized"},
    "ema": {"centers": "ema"},
    "ema_update": {"centers": "ema", "gradient": "update"},
    "warming": {"centers": "ema", "ramp_steps": 3, "frame": "spread", "projector": "none", "normalize": True},
    "late": {"centers": "ema", "min_updates": 2, "start_step": 1},
    "reduced": {"centers": "ema", "project": "always", "reduce_channels": 3, "projector": "trainable"},
    "trainable": {"centers": "ema", "projector": "trainable", "project": "always", "dropout": 0.2},
}
# Class 0 on both ranks in unequal numbers, 1 and 2 on one rank only, 3 nowhere. In the second step one rank has no
# labeled point at all.
LABELS = [
    ([0, 0, 0, 1, -1, 1, 0], [0, 2, 2, -1]),
    ([-1, -1], [0, 1, 1]),
]


class _Network(nn.Module):
    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.backbone = nn.Linear(5, 4)
        self.regularizer = CenterRegularizer(4, 4, **options)

    def forward(self, points: Tensor, labels: Tensor) -> Tensor:
        return self.regularizer(self.backbone(points), labels)


def _points(step: int, rank: int) -> Tensor:
    return torch.randn(len(LABELS[step][rank]), 5, generator=torch.Generator().manual_seed(10 * step + rank))


def _run(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> dict[str, Any]:
    """Step through the batches; return the loss and the parameters' gradients of each, and the bank."""
    steps = []
    for points, labels in batches:
        model.zero_grad()
        loss = model(points, labels)
        loss.backward()
        steps.append([loss.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)])
    network = model.module if isinstance(model, DistributedDataParallel) else model
    return {"steps": steps, "bank": network.regularizer.bank.state_dict()}


def _work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=RANKS,
        timeout=datetime.timedelta(seconds=60),
    )
    results: dict[str, Any] = {}
    mine = [(_points(step, rank), torch.tensor(labels[rank])) for step, labels in enumerate(LABELS)]
    for name, options in MODES.items():
        results[name] = _run(DistributedDataParallel(_Network(options)), mine)
    for name, observer in {
        "none": CenterObserver(4, 5),
        "batch": CenterRegularizer(4, 5, centers="batch"),
    }.items():
        losses = [observer(*batch).detach() for batch in mine]
        results[name] = {"losses": losses, "bank": observer.bank.state_dict()}
    # Each rank keeps the statistics of the reduction of its own points.
    rotating: dict[str, Any] = {"project": "always", "reduce_channels": 3, "assignment": "rotated", "start_step": 1}
    assigning = CenterRegularizer(4, 4, centers="batch", **rotating)
    drawn = assigning.frame.vectors.clone()
    for points in (torch.randn(8, 4, generator=torch.Generator().manual_seed(rank)), torch.randn(8, 4)):
        assigning(points, torch.arange(8) % 4)
    results["assigned"] = {"drawn": drawn, "found": assigning.frame.vectors}
    os.environ["POINTNC_CACHE"] = f"{folder}/cache{rank}"  # each searches for itself
    results["frame"] = spread_frame(9, 3)
    metric = ConfusionMatrix(3)
    metric.update(torch.tensor([0, 1, 2, rank]), torch.tensor([0, 1, -1, 2]))
    results["confusion"] = metric.compute().clone()
    torch.save(results, f"{folder}/rank{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("ranks")
    mp.spawn(_work, args=(str(folder),), nprocs=RANKS, daemon=True)
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(RANKS)]


def _joined() -> list[tuple[Tensor, Tensor]]:
    return [
        (torch.cat([_points(step, rank) for rank in range(RANKS)]), torch.tensor(labels[0] + labels[1]))
        for step, labels in enumerate(LABELS)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_gradient_under_ddp_equals_that_of_the_joined_batch(ranks: list[dict[str, Any]], mode: str) -> None:
    wanted = _run(_Network(MODES[mode]), _joined())
    for rank in range(RANKS):
        for step in range(len(LABELS)):
            found = ranks[rank][mode]["steps"][step]
            assert len(found) == len(wanted["steps"][step]) >= 3
            last = step == len(LABELS) - 1  # a warm-up may keep the first step out
            assert found[1].abs().sum() > (1e-3 if last or mode != "late" else -1)
            for a, b in zip(found, wanted["steps"][step]):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", [*MODES, "none", "batch"])
def test_every_rank_keeps_the_bank_of_the_joined_batch(ranks: list[dict[str, Any]], mode: str) -> None:
    if mode in MODES:
        wanted = _run(_Network(MODES[mode]), _joined())["bank"]
    else:
        observer = CenterObserver(4, 5)
        for batch in _joined():
            observer(*batch)
        wanted = observer.bank.state_dict()
    assert wanted["points"].tolist() == [6, 4, 2, 0]
    for rank in range(RANKS):
        for key, value in wanted.items():
            torch.testing.assert_close(ranks[rank][mode]["bank"][key], value)


def test_batch_mode_stays_local(ranks: list[dict[str, Any]]) -> None:
    for rank in range(RANKS):
        alone = CenterRegularizer(4, 5, centers="batch")
        for step, labels in enumerate(LABELS):
            value = alone(_points(step, rank), torch.tensor(labels[rank]))
            torch.testing.assert_close(ranks[rank]["batch"]["losses"][step], value)


def test_every_rank_finds_the_same_frame(ranks: list[dict[str, Any]]) -> None:
    assert torch.equal(ranks[0]["frame"], ranks[1]["frame"])


def test_every_rank_turns_its_frame_alike(ranks: list[dict[str, Any]]) -> None:
    frames = [found["assigned"] for found in ranks]
    assert torch.equal(frames[0]["drawn"], frames[1]["drawn"]) and torch.equal(frames[0]["found"], frames[1]["found"])
    assert not torch.equal(frames[0]["found"], frames[0]["drawn"])


def test_confusion_counts_are_summed(ranks: list[dict[str, Any]]) -> None:
    for rank in range(RANKS):
        assert ranks[rank]["confusion"].tolist() == [[2, 0, 0, 0], [0, 2, 0, 0], [1, 1, 0, 0]]
