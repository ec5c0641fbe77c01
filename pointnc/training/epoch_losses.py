"""Mean losses of an epoch, also of one that was interrupted and resumed."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor


class EpochLosses(Callback):
    """Logs ``<name>_epoch``, the mean over the epoch's scenes of each loss that the module leaves in ``terms``.

    Lightning's own means begin again at a resume. These go into the checkpoint. Of several processes each has the means
    of its own batches; those of the first are written.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._scenes = 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take in the losses of a batch; nothing waits for the device."""
        for name, value in pl_module.terms.items():  # type: ignore[union-attr, operator]
            value = value * batch.batch_size
            earlier = self._sums.get(name)
            self._sums[name] = value if earlier is None else earlier.to(value.device) + value
        self._scenes += batch.batch_size

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the means; callbacks that come after this one find them in ``trainer.callback_metrics``."""
        pl_module.log_dict({f"{name}_epoch": value / self._scenes for name, value in self._sums.items()})
        self._sums, self._scenes = {}, 0

    def state_dict(self) -> dict[str, Any]:
        """Return the sums of the epoch so far; empty at its end."""
        return {"sums": dict(self._sums), "scenes": self._scenes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the sums up again."""
        self._sums = {str(name): torch.as_tensor(value) for name, value in state_dict["sums"].items()}
        self._scenes = int(state_dict["scenes"])
