"""What happens around the steps: checkpoints, interrupts, resuming in mid-epoch, curves, a line an epoch."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from pointnc.errors import Interrupted
from pointnc.runtime import distributed, signals
from pointnc.scenes.taxonomy import SCORES
from pointnc.scoring.terminal import score_text
from pointnc.training.data import RunData
from pointnc.training.later import AnyRank
from pointnc.training.run_folder import how_to_go_on


class SaveCheckpoints(Callback):
    """Writes ``last.ckpt`` after each epoch and ``best.ckpt`` when the validation mIoU has risen.

    Ctrl-C and SIGTERM let the running step end, save a checkpoint that resumes bit for bit, and stop; a second
    Ctrl-C stops at once.

    Args:
        folder: where the checkpoints go.
        data: of the run, which is told its place.
    """

    def __init__(self, folder: Path, data: RunData) -> None:
        self.last = folder / "last.ckpt"
        self.best = folder / "best.ckpt"
        self.data = data
        self.best_miou = -1.0
        self._improved = False
        self._random: dict[str, Any] | None = None
        self._device = torch.device("cpu")
        self._asked = False
        self._handlers: signals.Handlers = {}
        self._any_rank = AnyRank()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen to signals; put back the random state of a resumed run."""
        self._device = pl_module.device
        if self._random is not None:
            torch.set_rng_state(self._random["cpu"])
            if self._device.type == "cuda" and self._random["cuda"] is not None:
                torch.cuda.set_rng_state(self._random["cuda"], self._device)
            self._random = None
        self._handlers = signals.listen(self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked = True

    def _release(self) -> None:
        signals.give_back(self._handlers)
        self._handlers = {}

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the signals back, and stop if asked since the last step: the evaluation may take long."""
        self._release()
        if distributed.any_rank(self._asked, pl_module.device):
            self._stop("the end of the training")

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Give the signals back."""
        self._release()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tell the sampler which epoch it is."""
        self.data.sampler.set_epoch(trainer.current_epoch)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save and stop if asked, between two optimizer steps; with several GPUs a step later."""
        done = batch_idx + 1
        # The last batch belongs to the epoch's end, and half an accumulated gradient cannot be saved.
        if done == len(self.data.sampler) or done % trainer.accumulate_grad_batches:
            return
        if self._any_rank(self._asked, pl_module.device):
            self.data.place = (trainer.current_epoch, done)
            trainer.save_checkpoint(self.last, weights_only=False)
            self._stop(f"epoch {trainer.current_epoch + 1}, batch {done} of {len(self.data.sampler)}")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Notice whether this validation is the best so far; those after the training are of no new weights."""
        if trainer.state.fn != "fit":
            return
        miou = float(trainer.callback_metrics.get("val/miou", float("nan")))
        self._improved = miou > self.best_miou  # never for NaN
        if self._improved:
            self.best_miou = miou

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the epoch's state, and the best one's."""
        self.data.place = (trainer.current_epoch + 1, 0)
        if self._improved:
            self._improved = False
            trainer.save_checkpoint(self.best, weights_only=False)
        trainer.save_checkpoint(self.last, weights_only=False)
        if distributed.any_rank(self._asked, pl_module.device):
            self._stop(f"the end of epoch {trainer.current_epoch + 1}")

    def _stop(self, place: str) -> None:
        raise Interrupted(f"interrupted at {place}; {how_to_go_on(self.last)}")

    def state_dict(self) -> dict[str, Any]:
        """Return the best mIoU, the number of processes and the random state."""
        # A run on a CPU leaves a GPU alone, be there one.
        cuda = torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None
        return {
            "best_miou": self.best_miou,
            "processes": distributed.world_size(),
            "random": {"cpu": torch.get_rng_state(), "cuda": cuda},
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them up again; checkpoints of before 0.2 have the place in the data here."""
        if "place" in state_dict:
            self.data.load_state_dict(state_dict)
        self.best_miou = state_dict["best_miou"]
        self._random = state_dict["random"]
        self._compare_processes(state_dict.get("processes"))

    def _compare_processes(self, before: object) -> None:
        """Say on the first rank that a step sees more scenes than before, or fewer; earlier versions kept no number."""
        now = distributed.world_size()
        if not isinstance(before, int) or before == now or distributed.rank() != 0:
            return
        print(
            f"warning: this run had {before} processes, now it has {now}: a step sees {now}/{before} of the scenes and "
            f"an epoch has {before}/{now} of the steps; torchrun --nproc-per-node {before} goes on as it was",
            file=sys.stderr,
            flush=True,
        )


class History(Callback):
    """Keeps the curves for the report: name to list of (step, value); they survive a resume."""

    def __init__(self) -> None:
        self.curves: dict[str, list[tuple[int, float]]] = {}

    def _add(self, trainer: pl.Trainer, name: str, value: float) -> None:
        self.curves.setdefault(name, []).append((trainer.global_step, float(value)))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take what the batch measured of forces on the centers."""
        for name, value in getattr(pl_module, "forces", {}).items():
            self._add(trainer, name, value)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the epoch's mean losses and the learning rate."""
        for name, value in trainer.callback_metrics.items():
            if name.startswith("loss/") and name.endswith("_epoch"):
                self._add(trainer, name.removesuffix("_epoch"), float(value))
        self._add(trainer, "learning_rate", trainer.optimizers[0].param_groups[0]["lr"])

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the validation's scores; those after the training are of the best epoch once more, or of a refit."""
        if trainer.state.fn != "fit":
            return
        for name, value in trainer.callback_metrics.items():
            if name.startswith("val/"):
                self._add(trainer, name, float(value))

    def state_dict(self) -> dict[str, Any]:
        """Return the curves."""
        return {"curves": {name: [list(pair) for pair in curve] for name, curve in self.curves.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the curves up again."""
        self.curves = {name: [(step, value) for step, value in c] for name, c in state_dict["curves"].items()}


class EpochLine(Callback):
    """Prints one line an epoch: readable in a log file, and beside the progress bar."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._validated = False

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the time."""
        self._start = time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember that this epoch has scores."""
        self._validated = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the epoch's loss, scores and seconds."""
        if not trainer.is_global_zero:
            return
        metrics = trainer.callback_metrics
        parts = [f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"]
        losses = [name for name in _LOSSES if f"{name}_epoch" in metrics]
        parts += [f"{name.split('/')[1]} {metrics[f'{name}_epoch']:.3f}" for name in losses]
        if self._validated:
            scores = {name: float(metrics[f"val/{name}"]) for name in SCORES if f"val/{name}" in metrics}
            parts.append("val " + " ".join(f"{name} {score_text(score, 2)}" for name, score in scores.items()))
            self._validated = False
        parts.append(f"{time.perf_counter() - self._start:.1f} s")
        print("  ".join(parts), flush=True)


_LOSSES = ("loss/segmentation", "loss/distilled", "loss/centers")
