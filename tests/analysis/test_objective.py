"""Loss and regularizer as a checkpoint left them, built again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pointnc.analysis.objective import read_objective
from pointnc.benchmarks.scannet import taxonomy
from pointnc.collapse import CenterRegularizer, RegionRebalance
from pointnc.losses import CrossEntropy, LogitAdjustedCrossEntropy, SumOfLosses
from pointnc.weights.checkpoint import Checkpoint
from tests.helpers.mistakes import raises

CLASSES = taxonomy("scannet20")
ADJUSTED = {"_target_": "pointnc.losses.LogitAdjustedCrossEntropy", "tau": 0.5}
FOREIGN = "tests.training.test_objective.Foreign"
CECO = {"_target_": "pointnc.collapse.CenterRegularizer", "weight": 0.3}


def checkpoint(loss: nn.Module, regularizer: nn.Module, config: dict[str, Any]) -> Checkpoint:
    """A checkpoint of these two."""
    parts = {"loss": loss, "regularizer": regularizer}
    state = {f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()}
    return Checkpoint(Path("best.ckpt"), {"batch_size": 3, **config}, CLASSES, "0", {"state_dict": state})


def test_counts_priors_shares_and_banks_come_back() -> None:
    torch.manual_seed(0)
    loss = SumOfLosses({"adjusted": LogitAdjustedCrossEntropy(0.5), "plain": CrossEntropy()})
    counts = torch.arange(1, 21)
    loss.losses["adjusted"].set_prior(counts)
    options = {"weight": 0.3, "strength": "share", "log_prior": "points", "recenter": True, "start_step": 0.5}
    regularizer = CenterRegularizer(20, 8, **options)
    regularizer.set_prior(counts)
    regularizer.set_length(2)
    assert regularizer.share is not None
    logits, features, labels = torch.randn(50, 20), torch.randn(50, 8).requires_grad_(), torch.randint(-1, 20, (50,))
    for _ in range(2):
        penalty = regularizer(features, labels)
        regularizer.strength(features.square().sum(), penalty, features, labels)
    nodes = {"adjusted": ADJUSTED, "plain": {"_target_": "pointnc.losses.CrossEntropy"}}
    config = {
        "loss": {"_target_": "pointnc.losses.SumOfLosses", "losses": nodes},
        "regularizer": {**CECO, **options},
    }
    found = read_objective(checkpoint(loss, regularizer, config), 8)
    assert found.batch_size == 3 and not found.distilled
    assert read_objective(checkpoint(loss, regularizer, {**config, "distillation": {"weight": 0.5}}), 8).distilled
    assert torch.equal(found.loss(logits, labels), loss(logits, labels))
    assert found.regularizer.present_weight() == regularizer.present_weight() > 0
    before = {key: value.clone() for key, value in found.regularizer.state_dict().items()}
    # At full size, though a training resumed here would be told first how long it is.
    assert torch.equal(found.regularizer(features, labels), regularizer.eval()(features, labels))
    assert all(torch.equal(value, before[key]) for key, value in found.regularizer.state_dict().items())


def test_an_auxiliary_classifier_comes_back_too() -> None:
    regularizer = RegionRebalance(20, 8)
    regularizer.set_prior(torch.arange(20))
    nn.init.normal_(regularizer.classifier)
    config = {
        "loss": {"_target_": "pointnc.losses.CrossEntropy"},
        "regularizer": {"_target_": "pointnc.collapse.RegionRebalance"},
    }
    found = read_objective(checkpoint(CrossEntropy(), regularizer, config), 8)
    features, labels = torch.randn(50, 8), torch.randint(20, (50,))
    assert torch.equal(found.regularizer(features, labels), regularizer.eval()(features, labels))
    assert found.regularizer.targets() is None


@pytest.mark.parametrize(
    ("config", "mistake"),
    [
        ({}, ("malformed", "best.ckpt", "loss")),
        ({"loss": {"_target_": "os.system", "command": "true"}}, ("unsafe-file", "os.system", "best.ckpt")),
        ({"loss": {"_target_": "pointnc.losses.CrossEntropy", "sigma": 1}}, ("unsupported", "best.ckpt", "loss", "'sigma'")),
        ({"loss": {"_target_": "pointnc.losses.CrossEntropy"}, "regularizer": {**CECO, "reduce_channels": 4}},
         ("unsupported", "best.ckpt", "regularizer")),
        ({"loss": {"_target_": "pointnc.losses.CrossEntropy"},
          "regularizer": {"_target_": FOREIGN}}, ("unsupported", "best.ckpt", "Foreign")),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_said(config: dict[str, Any], mistake: tuple[str, ...]) -> None:
    regularizer = Foreign() if "Foreign" in mistake else CenterRegularizer(20, 8)
    with raises(*mistake):
        read_objective(checkpoint(CrossEntropy(), regularizer, config), 8, trust=[FOREIGN])


class Foreign(nn.Module):
    """A regularizer of somebody else."""

    def __init__(self, num_classes: int = 20, in_channels: int = 8) -> None:
        super().__init__()
