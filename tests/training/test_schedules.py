"""Learning rates at the steps that define each schedule."""

import pytest
import torch

from pointnc.training import schedules
from tests.helpers.mistakes import raises


def rates(make: object, steps: int, **settings: float) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    schedule = make(optimizer, total_steps=steps, **settings)  # type: ignore[operator]
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return values


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing() -> None:
    values = rates(schedules.one_cycle, 200, warm_up=0.05, div=10, final_div=1e4)
    assert values[0] == pytest.approx(0.04)
    assert max(values) == pytest.approx(0.4)
    assert values.index(max(values)) == 9  # 5 % of 200 steps, counted from 0
    assert values[-1] == pytest.approx(0.04 / 1e4)
    assert values[9:] == sorted(values[9:], reverse=True)


@pytest.mark.parametrize("steps, warm_up", [(200, 0.05), (37, 0.3), (4, 0.05)])
def test_one_cycle_equals_that_of_torch(steps: int, warm_up: float) -> None:
    def oracle(optimizer: torch.optim.Optimizer, total_steps: int) -> object:
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 0.4, total_steps, pct_start=warm_up, div_factor=10, final_div_factor=1e4, cycle_momentum=False
        )

    assert rates(schedules.one_cycle, steps, warm_up=warm_up) == pytest.approx(_before_the_end(oracle, steps), abs=1e-9)


def _before_the_end(make: object, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    schedule = make(optimizer, total_steps=steps)  # type: ignore[operator]
    values = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps - 1):
        optimizer.step()
        schedule.step()
        values.append(optimizer.param_groups[0]["lr"])
    return values


def test_poly_and_constant() -> None:
    values = rates(schedules.poly, 10, power=0.9)
    assert values == pytest.approx([0.4 * (1 - step / 10) ** 0.9 for step in range(10)])
    assert set(rates(schedules.constant, 5)) == {0.4}


def test_warm_up_must_be_a_share() -> None:
    with raises("option", "warm_up=7"):
        rates(schedules.one_cycle, 10, warm_up=7)
