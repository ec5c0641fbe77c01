"""The moving average of weights: its formula, and where it stands while the trained weights go on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from pointnc.training.averaging import WeightAverage
from pointnc.training.run import train
from pointnc.weights.checkpoint import read_checkpoint
from tests.helpers.mistakes import raises
from tests.training.test_resume import _no_report, configure, store  # noqa: F401

AVERAGE = "+callbacks.average={_target_:pointnc.training.averaging.WeightAverage,decay:0.9}"


def module() -> Any:
    return SimpleNamespace(model=nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))


def trainer(step: int) -> Any:
    return SimpleNamespace(global_step=step, state=SimpleNamespace(fn="fit"))


def test_it_is_the_mean_that_it_says_it_is() -> None:
    average, own = WeightAverage(0.5), module()
    average.on_train_start(trainer(0), own)
    expected = {name: value.clone() for name, value in own.model.state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    for step in range(1, 9):
        for value in own.model.state_dict().values():
            value.copy_(
                value + torch.randn(value.shape, generator=generator) if value.is_floating_point() else value + 1
            )
        share = min(0.5, (1 + step) / (10 + step))
        for name, value in own.model.state_dict().items():
            kept = share * expected[name] + (1 - share) * value
            expected[name] = kept if value.is_floating_point() else value.clone()
        average.on_train_batch_end(trainer(step), own, None, None, 0)
        average.on_train_batch_end(trainer(step), own, None, None, 0)  # the optimizer has not moved
    trained = {name: value.clone() for name, value in own.model.state_dict().items()}
    average.on_validation_start(trainer(8), own)
    for name, value in own.model.state_dict().items():
        torch.testing.assert_close(value, expected[name])
    average.on_validation_end(trainer(8), own)
    assert all(torch.equal(value, trained[name]) for name, value in own.model.state_dict().items())


def test_checkpoints_hold_the_average_and_remember_the_weights(store: Path, tmp_path: Path) -> None:  # noqa: F811
    train(configure(store, tmp_path / "plain"))
    train(configure(store, tmp_path / "averaged", AVERAGE))
    plain = read_checkpoint(tmp_path / "plain" / "checkpoints" / "last.ckpt").model_state
    averaged = read_checkpoint(tmp_path / "averaged" / "checkpoints" / "last.ckpt")
    trained = averaged.data["callbacks"]["WeightAverage"]["trained"]
    assert plain.keys() == averaged.model_state.keys() == trained.keys()
    for name, value in plain.items():
        assert torch.equal(value, trained[name]), name  # the average changes no bit of the training
        if value.is_floating_point():
            assert not torch.equal(value, averaged.model_state[name]), name


@pytest.mark.parametrize("decay", [1.0, -0.1, "much"])
def test_a_decay_that_is_no_share_is_refused(decay: Any) -> None:
    with raises("option", "decay=", 0, 1):
        WeightAverage(decay)
