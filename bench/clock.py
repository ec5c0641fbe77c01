"""A callback that takes the time of training steps; it knows nothing of pointnc, so that any version can run it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning import Callback, LightningModule, Trainer


class Clock(Callback):
    """Writes the CPU milliseconds and the loss of each step of a run to a file.

    Args:
        path: of the json file.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.times: list[float] = []
        self.losses: list[float] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take the time of this process, all threads together."""
        self.times.append(time.process_time() * 1e3)
        self.losses.append(float(outputs["loss"]))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write both, without the first steps, which compile and load."""
        steps = np.diff(self.times)[5:].tolist()
        self.path.write_text(json.dumps({"steps": steps, "losses": self.losses}), encoding="utf-8")
