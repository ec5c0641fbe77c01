"""Checkpoints as somebody else could send them: those of a real run, changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

TINY = (
    "dataset.prepare=null",
    "trainer.max_epochs=1",
    "trainer.check_val_every_n_epoch=1",
    "trainer.accelerator=cpu",
    "workers=0",
    "batch_size=1",
    "model.planes=[8,8]",
    "model.layers=[1,1]",
    "dataset.voxel_size=0.15",
    "measure_collapse=false",
    "logger=none",
    "refit=none",
)
"""Settings of a run of a second."""

Change = Callable[[dict[str, Any]], None]


def send(run: Path, folder: Path, change: Change) -> Path:
    """Write a changed copy of a run's last checkpoint as that of a run ``folder/run``; return the file."""
    data = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    change(data)
    path = folder / "run" / "checkpoints" / "last.ckpt"
    path.parent.mkdir(parents=True)
    torch.save(data, path)
    return path


def put(place: str, value: Any) -> Change:
    """Return a change that puts a value at a dotted place of the configuration."""

    def change(data: dict[str, Any]) -> None:
        node = data["pointnc"]["config"]
        *parents, last = place.split(".")
        for key in parents:
            node = node[key]
        node[last] = value

    return change


def without_checksum(change: Change) -> Change:
    """Return a change of a file that then knows no checksum, as one of an earlier version or of a forger."""

    def changed(data: dict[str, Any]) -> None:
        change(data)
        data["pointnc"].pop("tensors")

    return changed
