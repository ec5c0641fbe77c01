"""Where the time of a training epoch goes: a trace to look at, and a table of the costliest steps.

The trace is in the format of ``chrome://tracing`` and https://ui.perfetto.dev.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch.profiler import ProfilerActivity, record_function

from pointnc.files.atomic import atomic_path, write_text

PHASES = ("wait for data", "forward", "loss", "regularizer", "backward", "optimizer")
"""The phases of a training step; those within :meth:`SegmentationModule.training_step` are marked there."""

MOST_STEPS = 40
"""Steps of the epoch that are traced: the trace of a long epoch would fill the disk."""


class Profile(Callback):
    """Traces the second epoch of a run (the first compiles and warms up; a run of one epoch: that one).

    Args:
        folder: receives ``trace.json.gz`` and ``profile.md``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.profiler: Any = None
        self.steps = 0
        self._phases: dict[str, record_function] = {}

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start to trace."""
        wanted = 0 if trainer.max_epochs == 1 else 1
        if trainer.current_epoch != wanted or not trainer.is_global_zero:
            return
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's tracer prints lines of its own otherwise
        activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * torch.cuda.is_available()
        self.profiler = torch.profiler.profile(activities=activities)
        self.profiler.__enter__()
        self._enter("wait for data")

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """The batch is there."""
        self._leave("wait for data")

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """The loss is known."""
        self._enter("backward")

    def on_after_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The gradients are known."""
        self._leave("backward")

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """The weights are about to move."""
        self._enter("optimizer")

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """The step is done."""
        self._leave("optimizer")
        if self.profiler is not None:
            self.steps += 1
            if self.steps == MOST_STEPS:
                self._finish()
            else:
                self._enter("wait for data")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what was seen."""
        self._finish()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Stop tracing without a result."""
        if self.profiler is not None:
            profiler, self.profiler = self.profiler, None
            profiler.__exit__(None, None, None)

    def _enter(self, phase: str) -> None:
        if self.profiler is not None:
            self._phases[phase] = record_function(phase)
            self._phases[phase].__enter__()

    def _leave(self, phase: str) -> None:
        label = self._phases.pop(phase, None)
        if label is not None:
            label.__exit__(None, None, None)

    def _finish(self) -> None:
        if self.profiler is None:
            return
        self._leave("wait for data")
        profiler, self.profiler = self.profiler, None
        profiler.__exit__(None, None, None)
        trace = self.folder / "trace.json.gz"
        with atomic_path(trace.with_suffix("")) as plain, atomic_path(trace) as packed:
            profiler.export_chrome_trace(str(plain))
            with plain.open("rb") as source, gzip.open(packed, "wb") as target:
                shutil.copyfileobj(source, target)
        trace.with_suffix("").unlink()
        text = table({event.key: event for event in profiler.key_averages()}, self.steps)
        write_text(self.folder / "profile.md", text)
        print(f"\n{text}\ntrace: {trace} (open it at https://ui.perfetto.dev)", flush=True)


def table(events: Mapping[str, Any], steps: int) -> str:
    """Return the phases of a step and the ten costliest operations as Markdown.

    Args:
        events: averages of the profiler by name.
        steps: how many training steps they are of.
    """
    on_device = any(event.self_device_time_total for event in events.values())
    phases = {phase: events[phase].cpu_time_total / 1e3 / steps for phase in PHASES if phase in events}
    total = sum(phases.values())
    lines = [f"{steps} steps", "", "| phase of a step | ms | share |", "|---|---:|---:|"]
    lines += [f"| {name} | {taken:.1f} | {100 * taken / total:.0f} % |" for name, taken in phases.items()]

    def own(event: Any) -> float:
        return event.self_device_time_total if on_device else event.self_cpu_time_total

    operations = sorted((event for name, event in events.items() if name not in PHASES), key=own, reverse=True)
    whole = sum(map(own, operations)) or 1
    where = "device" if on_device else "CPU"
    lines += [
        "",
        f"| operation | calls a step | {where} ms a step, without what it calls | share |",
        "|---|---:|---:|---:|",
    ]
    for event in operations[:10]:
        taken = own(event)
        lines.append(
            f"| {event.key} | {event.count / steps:.0f} | {taken / 1e3 / steps:.1f} | {100 * taken / whole:.0f} % |"
        )
    return "\n".join(lines) + "\n"
