"""Learning-rate schedules, stepped once an optimizer step.

Each is a function of the step and the total: a run that is resumed with more epochs takes its place on the longer
curve, where torch's ``OneCycleLR`` would stop with an error at the end of the old one.
"""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from pointnc.checks import check_number


def one_cycle(
    optimizer: Optimizer, total_steps: int, warm_up: float = 0.05, div: float = 10.0, final_div: float = 1e4
) -> LRScheduler:
    """Rise from lr/div to lr over the first ``warm_up`` of the steps, then fall to lr/div/final_div, both by a cosine.

    The rates are those of torch's ``OneCycleLR``. The momentum is left as the optimizer has it (Smith and Topin 2019
    cycle it too; segmentation recipes do not).

    Raises:
        OptionError: ``warm_up`` is no share of the steps, or a divisor is not above 0.
    """
    check_number("warm_up", warm_up, above=0, below=1)
    check_number("div", div, above=0)
    check_number("final_div", final_div, above=0)
    peak = warm_up * total_steps - 1
    start, end = 1 / div, 1 / (div * final_div)

    def factor(step: int) -> float:
        if step <= peak:
            return _cosine(start, 1.0, step / peak if peak > 0 else 1.0)
        return _cosine(1.0, end, min(1.0, (step - peak) / max(total_steps - 1 - peak, 1e-9)))

    return LambdaLR(optimizer, factor)


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


def poly(optimizer: Optimizer, total_steps: int, power: float = 0.9) -> LRScheduler:
    """Fall from lr to zero as (1 - step/total_steps) ** power.

    Raises:
        OptionError: the power is negative.
    """
    check_number("power", power, least=0)
    return LambdaLR(optimizer, lambda step: max(0.0, 1 - step / max(total_steps, 1)) ** power)


def constant(optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """Keep lr as it is."""
    return LambdaLR(optimizer, lambda _: 1.0)
