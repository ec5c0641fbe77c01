"""Optimizers that update all parameters in one call."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from pointnc.training.module import _in_one_call

CPU = torch.device("cpu")


class Plain(torch.optim.SGD):
    """An optimizer that knows nothing of calls."""

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, lr=lr)


@pytest.mark.parametrize(
    ("make", "device", "fused"),
    [
        (partial(torch.optim.AdamW, lr=0.1), CPU, True),
        (partial(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True), CPU, True),
        (partial(torch.optim.AdamW, lr=0.1, fused=False), CPU, False),
        (partial(torch.optim.AdamW, lr=0.1, foreach=True), CPU, False),
        (partial(Plain, lr=0.1), CPU, False),
        (partial(torch.optim.AdamW, lr=0.1), torch.device("cuda"), False),
    ],
)
def test_one_call_on_a_cpu_unless_the_configuration_says_otherwise(
    make: Any, device: torch.device, fused: bool
) -> None:
    assert _in_one_call(make, device) == ({"fused": True} if fused else {})


@pytest.mark.parametrize(
    "make",
    [
        partial(torch.optim.AdamW, lr=0.1, weight_decay=0.02),
        partial(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4),
    ],
)
def test_one_call_does_what_many_do_and_goes_on_from_their_state(make: Any) -> None:
    torch.manual_seed(0)
    x, start = torch.randn(30, 8), nn.Linear(8, 3)

    def steps(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for _ in range(4):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()

    many, one = copy.deepcopy(start), copy.deepcopy(start)
    before = make(many.parameters())
    steps(many, before)
    fused = make(one.parameters(), **_in_one_call(make, CPU))
    steps(one, fused)
    for ours, theirs in zip(one.parameters(), many.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    one.load_state_dict(many.state_dict())
    fused.load_state_dict(copy.deepcopy(before.state_dict()))  # of a run before there was one call
    steps(many, before)
    steps(one, fused)
    for ours, theirs in zip(one.parameters(), many.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
