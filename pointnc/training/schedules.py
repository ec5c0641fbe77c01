"""Learning-rate schedules, stepped once an optimizer step."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from pointnc.errors import UserError


def one_cycle(
    optimizer: Optimizer, total_steps: int, warm_up: float = 0.05, div: float = 10.0, final_div: float = 1e4
) -> LRScheduler:
    """Rise from lr/div to lr over the first ``warm_up`` of the steps, then fall by a cosine to lr/div/final_div.

    The momentum is left as the optimizer has it (Smith and Topin 2019 cycle it too; segmentation recipes do not).
    """
    if not 0 < warm_up < 1:
        raise UserError(f"schedule.warm_up={warm_up}: it must be a share of the steps, between 0 and 1")
    return OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=max(total_steps, 2),
        pct_start=warm_up,
        div_factor=div,
        final_div_factor=final_div,
        cycle_momentum=False,
    )


def poly(optimizer: Optimizer, total_steps: int, power: float = 0.9) -> LRScheduler:
    """Fall from lr to zero as (1 - step/total_steps) ** power."""
    return LambdaLR(optimizer, lambda step: max(0.0, 1 - step / max(total_steps, 1)) ** power)


def constant(optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """Keep lr as it is."""
    return LambdaLR(optimizer, lambda _: 1.0)
