"""How long a training is: in epochs of its data, or in steps, whatever the size of the data."""

from __future__ import annotations

import math
from collections.abc import Collection

from omegaconf import DictConfig

from pointnc.checks import check_whole
from pointnc.errors import UserError

VALIDATIONS = 60
"""In a training whose length is given in steps, about so many."""


def choose_unit(trainer: DictConfig, steps: int | None, named: Collection[str]) -> None:
    """Let the length that a command line names hold over the recipe's, which may be in the other unit.

    Args:
        trainer: its settings; ``max_epochs`` becomes None where ``steps`` is named.
        steps: of the optimizer.
        named: the settings of the command line.

    Raises:
        UserError: it names both.
    """
    if "steps" not in named or steps is None:
        return
    if "trainer.max_epochs" in named and trainer.get("max_epochs") is not None:
        raise UserError("steps= and trainer.max_epochs= are two lengths: give one", code="option")
    trainer.max_epochs = None


def length_in_words(trainer: DictConfig, batches: int, batch_size: int, processes: int) -> str:
    """Return how long a settled training is: "30 epochs of 20 steps, 2 scenes each".

    Args:
        trainer: its settings, after :func:`settle_length`.
        batches: of an epoch, in each process.
        batch_size: scenes of a batch.
        processes: that train side by side.
    """
    steps, gathered = math.ceil(batches / trainer.accumulate_grad_batches), trainer.accumulate_grad_batches
    joined = f" ({processes} processes)" if processes > 1 else ""
    return f"{trainer.max_epochs} epochs of {steps} steps, {batch_size * gathered * processes} scenes each{joined}"


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
    """Turn steps into whole epochs, where ``max_epochs`` is left open; the last of them is validated.

    Args:
        trainer: its settings; ``max_epochs`` and ``check_val_every_n_epoch`` are set where they are None. Where the
            latter does not divide the epochs that steps make, about as many validations are spread over them.
        steps: of the optimizer; there where ``max_epochs`` is left open.
        batches: of an epoch, in this process.
    """
    by_steps = trainer.max_epochs is None
    if by_steps:
        trainer.max_epochs = math.ceil((steps or 0) / math.ceil(batches / trainer.accumulate_grad_batches))
        if (every := trainer.check_val_every_n_epoch) is not None:
            times = math.ceil(trainer.max_epochs / every)
            trainer.check_val_every_n_epoch = math.ceil(trainer.max_epochs / times)
            trainer.max_epochs = times * trainer.check_val_every_n_epoch
    if trainer.check_val_every_n_epoch is None:
        every = max(round(trainer.max_epochs / VALIDATIONS), 1)
        trainer.check_val_every_n_epoch = every
        if by_steps:
            trainer.max_epochs = every * math.ceil(trainer.max_epochs / every)
