"""What shared buffers bring, beside torch's own way from a loader's worker: rows of ``bench loader``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch.nn import functional
from torch.utils.data import Dataset

from bench.rows import Row
from bench.transforms import FEATURES
from data_prep.rooms.store import make_store
from pointnc.benchmarks.scannet import taxonomy
from pointnc.commands.entry import config_folder
from pointnc.data import ResumableBatchSampler, Sample, SceneDataset, VoxelBatch, collate, make_loader
from pointnc.data.sampler import Key
from pointnc.models.segmentor import Segmentor
from pointnc.scenes import SceneStore

RATE = 100
"""Samples a second of the synthetic consumer."""


class Ready(Dataset[Sample]):
    """Samples that cost nothing to make.

    Args:
        samples: they come again and again.
        length: how many make an epoch.
    """

    def __init__(self, samples: Sequence[Sample], length: int) -> None:
        self.samples, self.length = samples, length

    def __len__(self) -> int:
        """Return the number of samples in an epoch."""
        return self.length

    def __getitem__(self, key: Key) -> Sample:
        """Return a sample."""
        return self.samples[key[1] % len(self.samples)]


def transport_rows(samples: Sequence[Sample], folder: Path, quick: bool) -> list[Row]:
    """Measure epochs by both ways in turns: of a consumer that only takes its time, and of a training on the rooms.

    Args:
        samples: what the synthetic consumer gets, as large as a data set's.
        folder: where rooms are made.
        quick: small and few.
    """
    ready = Ready(samples, 20 if quick else 100)
    rooms, step = _training(folder, 1 if quick else 24)
    voxels = sum(len(sample.grid) for sample in samples) / len(samples)
    return [
        _row(f"{RATE} samples a second, {voxels:,.0f} voxels each", ready, _consumer(), 2, 2 if quick else 30, 0.95),
        _row(f"minkunet_tiny, {len(rooms)} rooms at 8 cm, 1 thread", rooms, step, 1, 2 if quick else 20),
    ]


def _row(
    size: str,
    dataset: Dataset[Sample],
    consume: Callable[[VoxelBatch], None],
    workers: int,
    pairs: int,
    target: float | None = None,
) -> Row:
    loaders = []
    for ours in (True, False):
        loader = make_loader(dataset, ResumableBatchSampler(len(dataset), 2), workers)  # type: ignore[arg-type]
        if not ours:
            loader.collate_fn = collate
        for batch in loader:  # starts the workers, maps buffers, compiles
            consume(batch)
        loaders.append(loader)
    taken = np.empty((pairs, 2))
    for number in range(pairs):
        for way in (0, 1) if number % 2 else (1, 0):
            loaders[way].batch_sampler.set_epoch(number)  # type: ignore[union-attr]
            start = time.perf_counter()
            for batch in loaders[way]:
                consume(batch)
            taken[number, way] = 1e3 * (time.perf_counter() - start) / len(loaders[way])
    median = np.median(taken, axis=0)
    least, saved, most = np.percentile(100 * (1 - taken[:, 0] / taken[:, 1]), (25, 50, 75))
    note = f"of an epoch {saved:.1f} % saved, median of pairs; half of them between {least:.1f} and {most:.1f} %"
    return Row(
        "a batch of 2 through shared buffers", size, median[0], "ms", "torch's queue", median[1], ratio_target=target,
        repeats=pairs, note=note,
    )  # fmt: skip


def _consumer() -> Callable[[VoxelBatch], None]:
    """Return what copies a batch, as a device does, and waits until it is time for the next."""
    device: dict[tuple[str, int], torch.Tensor] = {}

    def consume(batch: VoxelBatch) -> None:
        end = time.perf_counter() + batch.batch_size / RATE
        for name, value in vars(batch).items():
            if isinstance(value, torch.Tensor):
                device.setdefault((name, len(value)), torch.empty_like(value)).copy_(value)
        time.sleep(max(0.0, end - time.perf_counter()))

    return consume


def _training(folder: Path, rooms: int) -> tuple[SceneDataset, Callable[[VoxelBatch], Any]]:
    """Return rooms to train on, by the recipe "light", and a step of training."""
    torch.set_num_threads(1)
    with redirect_stdout(StringIO()):
        make_store(folder, train=rooms, val=1, seed=0)
    transforms = instantiate(OmegaConf.load(config_folder() / "augmentation" / "light.yaml").transforms)
    store, classes = SceneStore(folder / "store"), taxonomy("scannet200")
    dataset = SceneDataset(store, "train", classes, FEATURES, 0.08, transforms, representative="random")
    backbone = instantiate(OmegaConf.load(config_folder() / "model" / "minkunet_tiny.yaml"), in_channels=6)
    model = Segmentor(backbone, len(classes))
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def step(batch: VoxelBatch) -> None:
        optimizer.zero_grad()
        logits = model(batch).logits
        functional.cross_entropy(logits, batch.segment, ignore_index=-1).backward()  # type: ignore[arg-type]
        optimizer.step()

    return dataset, step
