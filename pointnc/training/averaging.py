"""A moving average of the weights: evaluated and saved in place of the weights themselves."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from pointnc.checks import check_number
from pointnc.runtime import distributed


class WeightAverage(Callback):
    """Keeps a moving average of all that a network's state holds, running statistics included.

    Validations look through the average. Checkpoints hold it as the network's weights, so that whatever reads them
    evaluates, exports and starts from it; the weights that are trained stand in this callback's state, and a resumed
    run goes on with them.

    Args:
        decay: share of the average that a step leaves, once there were enough of them: after n steps it is at most
            (1 + n) / (10 + n).

    Raises:
        UserError: the decay is no share.
    """

    def __init__(self, decay: float = 0.999) -> None:
        check_number("decay", decay, least=0, below=1)
        self.decay = decay
        self._average: dict[str, Tensor] = {}
        self._trained: dict[str, Tensor] | None = None
        self._steps = 0
        self._module: pl.LightningModule | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin with the weights as they are; in a resumed run they are the average, and the trained ones come back."""
        self._module = pl_module
        self._average = {name: value.clone() for name, value in _state(pl_module).items()}
        if self._trained is not None:
            pl_module.model.load_state_dict(self._trained)  # type: ignore[union-attr]
            self._trained = None
        elif self._steps == 0:
            self._steps = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take in the weights after each step of the optimizer."""
        if trainer.global_step <= self._steps:
            return
        self._steps = trainer.global_step
        share = 1 - min(self.decay, (1 + self._steps) / (10 + self._steps))
        with torch.no_grad():
            for name, value in _state(pl_module).items():
                mean = self._average[name]
                mean.lerp_(value, share) if mean.is_floating_point() else mean.copy_(value)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let a validation within the training see the average."""
        if trainer.state.fn == "fit":
            distributed.broadcast_buffers(pl_module.model)  # type: ignore[arg-type]
            self._exchange(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the weights back."""
        if trainer.state.fn == "fit":
            self._exchange(pl_module)

    def _exchange(self, module: pl.LightningModule) -> None:
        with torch.no_grad():
            for name, value in _state(module).items():
                kept = value.clone()
                value.copy_(self._average[name])
                self._average[name] = kept

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Put the average where the weights stand."""
        state = {f"model.{name}": value for name, value in self._average.items()}
        checkpoint["state_dict"] = {**checkpoint["state_dict"], **state}

    def state_dict(self) -> dict[str, Any]:
        """Return the weights that are trained."""
        return {"trained": dict(_state(self._module)) if self._module else {}, "steps": self._steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember the weights that are trained, until the training starts."""
        self._trained = {str(name): torch.as_tensor(value) for name, value in state_dict["trained"].items()}
        self._steps = int(state_dict["steps"])


def _state(module: pl.LightningModule) -> dict[str, Tensor]:
    return module.model.state_dict()  # type: ignore[union-attr]
