"""How long a training is: in epochs of its data, or in steps, whatever the size of the data."""

from __future__ import annotations

import math

from omegaconf import DictConfig

VALIDATIONS = 60
"""In a training whose length is given in steps, about so many."""


def settle_length(config: DictConfig, batches: int) -> None:
    """Turn ``steps`` into epochs, where ``trainer.max_epochs`` is left open; the last epoch is validated.

    Args:
        config: of a run; ``trainer.max_epochs`` and ``trainer.check_val_every_n_epoch`` are set where they are None.
        batches: of an epoch, in this process.
    """
    trainer = config.trainer
    by_steps = trainer.max_epochs is None
    if by_steps:
        trainer.max_epochs = math.ceil(config.steps / math.ceil(batches / trainer.accumulate_grad_batches))
    if trainer.check_val_every_n_epoch is None:
        every = max(round(trainer.max_epochs / VALIDATIONS), 1)
        trainer.check_val_every_n_epoch = every
        if by_steps:
            trainer.max_epochs = every * math.ceil(trainer.max_epochs / every)
