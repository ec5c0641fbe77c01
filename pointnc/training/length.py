"""How long a training is: in epochs of its data, or in steps, whatever the size of the data."""

from __future__ import annotations

import math

from omegaconf import DictConfig

from pointnc.checks import check_whole
from pointnc.errors import UserError

VALIDATIONS = 60
"""In a training whose length is given in steps, about so many."""


def check_length(trainer: DictConfig, steps: int | None) -> None:
    """Refuse a length that is none.

    Raises:
        UserError: the message names the setting and what it must be.
    """
    check_whole("steps", steps, least=1, optional=True)
    if steps is None and trainer.get("max_epochs") is None:
        raise UserError("say how long to train: trainer.max_epochs=N, or steps=N", code="missing-setting")
    for key in ("max_epochs", "check_val_every_n_epoch", "accumulate_grad_batches"):
        by_steps = steps is not None and key != "accumulate_grad_batches"
        check_whole(f"trainer.{key}", trainer.get(key), least=1, optional=by_steps)


def settle_length(trainer: DictConfig, steps: int | None, batches: int) -> None:
    """Turn steps into epochs, where ``max_epochs`` is left open; the last epoch is validated.

    Args:
        trainer: its settings; ``max_epochs`` and ``check_val_every_n_epoch`` are set where they are None.
        steps: of the optimizer; there where ``max_epochs`` is left open.
        batches: of an epoch, in this process.
    """
    by_steps = trainer.max_epochs is None
    if by_steps:
        trainer.max_epochs = math.ceil((steps or 0) / math.ceil(batches / trainer.accumulate_grad_batches))
    if trainer.check_val_every_n_epoch is None:
        every = max(round(trainer.max_epochs / VALIDATIONS), 1)
        trainer.check_val_every_n_epoch = every
        if by_steps:
            trainer.max_epochs = every * math.ceil(trainer.max_epochs / every)
