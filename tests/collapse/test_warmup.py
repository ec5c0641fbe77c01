"""The first steps: batches that only fill the bank, the rise to the full loss, classes that come in late."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pointnc.collapse import CenterRegularizer


def _batch(num_classes: int = 6) -> tuple[Tensor, Tensor]:
    return torch.randn(40, 8), torch.randint(-1, num_classes, (40,))


def test_the_loss_rises_over_the_ramp_after_the_start() -> None:
    warming, plain = CenterRegularizer(6, 8, start_step=2, ramp_steps=3), CenterRegularizer(6, 8)
    factors = []
    for _ in range(8):
        features, labels = _batch()
        factors.append((warming(features, labels) / plain(features, labels)).item())
        assert warming.warm_up_factor() == pytest.approx(factors[-1])
    assert factors == pytest.approx([0, 0, 1 / 4, 2 / 4, 3 / 4, 1, 1, 1])
    assert torch.equal(warming.bank.centers, plain.bank.centers)  # which fills from the first batch on


def test_a_cold_loss_keeps_its_graph() -> None:
    regularizer = CenterRegularizer(6, 8, start_step=1, projector="trainable", project="always")
    features, labels = _batch()
    regularizer(features.requires_grad_(), labels).backward()
    for gradient in (features.grad, *(p.grad for p in regularizer.parameters())):
        assert gradient is not None
        assert not gradient.any()


def test_evaluation_is_always_warm() -> None:
    regularizer = CenterRegularizer(6, 8, start_step=5)
    features, labels = _batch()
    assert regularizer(features, labels) == 0
    assert regularizer.eval()(features, labels) > 0


@pytest.mark.parametrize("options", [{"start_step": 3}, {"ramp_steps": 4}, {"start_step": 1, "ramp_steps": 3}])
def test_a_resumed_run_goes_on_warming(options: dict[str, Any]) -> None:
    whole = CenterRegularizer(6, 8, **options)
    for _ in range(2):
        whole(*_batch())
    resumed = CenterRegularizer(6, 8, **options)
    resumed.load_state_dict(whole.state_dict())
    for _ in range(4):
        features, labels = _batch()
        assert torch.equal(whole(features, labels), resumed(features, labels))


@pytest.mark.parametrize("mode", ["batch", "batch_synchronized", "ema"])
def test_a_class_enters_with_its_nth_update(mode: str) -> None:
    regularizer = CenterRegularizer(4, 8, centers=mode, min_updates=3, reduction="sum")
    free = CenterRegularizer(4, 8, centers=mode, reduction="sum")
    present = [[0, 1], [0, 1, 2], [0, 2], [0, 1, 2]]
    inside = [[], [], [0], [0, 1, 2]]
    for classes, wanted in zip(present, inside):
        labels = torch.tensor(classes).repeat(10)
        features = torch.randn(len(labels), 8, requires_grad=True)
        value = regularizer(features, labels)
        (gradient,) = torch.autograd.grad(value, features)
        assert sorted(set(labels[gradient.abs().sum(1) > 0].tolist())) == wanted
        full = free(features, labels)
        if not wanted:
            assert value == 0
        elif wanted == classes:
            assert torch.equal(value, full)
        else:
            assert 0 < value < full


def test_defaults_have_no_warm_up() -> None:
    explicit = CenterRegularizer(6, 8, start_step=0, ramp_steps=0, min_updates=1)
    default = CenterRegularizer(6, 8)
    features, labels = _batch()
    assert torch.equal(explicit(features, labels), default(features, labels))
    assert explicit.warm_up_factor() == 1
