"""The center regularizer beside a whole training step: ``python -m bench regularizer``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

from bench.measure import REPEATS, medians
from bench.rows import Row
from bench.voxels import SIZE, synthetic_room
from pointnc.benchmarks.scannet import taxonomy
from pointnc.commands.entry import config_folder
from pointnc.data.voxels import voxelize
from pointnc.losses import CrossEntropy
from pointnc.models.heads import LinearHead
from pointnc.models.segmentor import Segmentor
from pointnc.training.force_meter import EVERY, ForceMeter

CLASSES = 200
TARGET = 3.0
"""Most per cent of a training step that the regularizer may add."""

MEASURING = 1.0
"""Most per cent of a training step, on average, that measuring the forces on the centers may add."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ceco_ema": ("ceco_ema", {}),
    "ceco": ("ceco", {}),
    "ceco_released": ("ceco_released", {}),
    "ceco_ema, projector=none": ("ceco_ema", {"projector": "none"}),
    "none": ("none", {}),
}
"""Name to preset and overrides."""


@dataclass(frozen=True)
class Batch:
    """Voxels of two rooms with labels of which few are frequent, as in scans."""

    coord: Tensor
    features: Tensor
    segment: Tensor
    batch_size: int


def make_batch(points: int) -> Batch:
    """Return two rooms of so many points each."""
    scenes = []
    for sample in range(2):
        grid = voxelize(synthetic_room(points, sample), SIZE).grid
        scenes.append(np.insert(grid, 0, sample, axis=1))
    coord = torch.from_numpy(np.concatenate(scenes)).int()
    generator = torch.Generator().manual_seed(0)
    shares = 1 / torch.arange(1, CLASSES + 2) ** 1.5
    # Neighbors have the same label: runs of 50 voxels in the order of the scan.
    drawn = torch.multinomial(shares, len(coord) // 50 + 1, replacement=True, generator=generator) - 1
    features = torch.rand(len(coord), 3, generator=generator)
    return Batch(coord, features, drawn.repeat_interleave(50)[: len(coord)], 2)


def make_regularizer(preset: str, changes: dict[str, Any], channels: int) -> Any:
    """Build a preset for so many channels."""
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        node = OmegaConf.merge(compose("train", [f"regularizer={preset}", "choice={}"]).regularizer, changes)
    regularizer = instantiate(node, num_classes=CLASSES, in_channels=channels)
    regularizer.set_prior(torch.ones(CLASSES))
    return regularizer


def measuring(criterion: CrossEntropy, features: Tensor, batch: Batch) -> Callable[[], None]:
    """Return what a training step does where it measures the forces of the loss and of ``ceco`` on the centers."""
    meter = ForceMeter(taxonomy("scannet200"))
    regularizer = make_regularizer("ceco", {}, features.shape[1])
    loss = criterion(LinearHead(features.shape[1], CLASSES)(features), batch.segment)
    pull = regularizer.weight * regularizer(features, batch.segment)
    return lambda: meter.measure(0, loss, pull, features, batch.segment)


def rows(quick: bool = False) -> list[Row]:
    """Measure forward and backward pass of every preset in turns with whole training steps, on 1 and 2 threads."""
    batch = make_batch(3_000 if quick else 68_000)
    name = "minkunet_tiny" if quick else "minkunet18a"
    backbone = instantiate(OmegaConf.load(config_folder() / "model" / f"{name}.yaml"), in_channels=3)
    model = Segmentor(backbone, CLASSES)
    criterion = CrossEntropy()
    optimizer = torch.optim.AdamW(model.parameters())
    features = torch.randn(len(batch.coord), backbone.out_channels).relu_().requires_grad_()
    features.grad = torch.zeros_like(features)  # as in a step, where the loss's gradient is added to

    def step() -> None:
        optimizer.zero_grad()
        criterion(model(batch).logits, batch.segment).backward()
        optimizer.step()

    result = []
    before = torch.get_num_threads()
    size = f"{name}, {len(batch.coord):,} voxels, K = {CLASSES}, D = {backbone.out_channels}"
    repeats = 1 if quick else REPEATS
    for threads in (1,) if quick else (1, 2):
        torch.set_num_threads(threads)
        ways: dict[str, Any] = {"step": step}
        for variant, (preset, changes) in VARIANTS.items():
            regularizer = make_regularizer(preset, changes, backbone.out_channels)

            def regularize(regularizer: Any = regularizer) -> None:
                value = regularizer(features, batch.segment)
                if regularizer.weight:
                    (regularizer.weight * value).backward()

            ways[variant] = regularize
        ways["forces"] = measuring(criterion, features, batch)
        taken = medians(ways, repeats)
        whole, forces = taken.pop("step"), taken.pop("forces")
        note = f"{forces:.0f} ms every {EVERY} steps of {whole:.0f} ms; {threads} thread{'s'[: threads - 1]}"
        share = 100 * forces / (EVERY * whole)
        result.append(
            Row("forces on the centers, of a step", size, share, "%", target=MEASURING, repeats=repeats, note=note)
        )
        for variant, milliseconds in taken.items():
            note = f"{milliseconds:.0f} ms of {whole + milliseconds:.0f} ms; {threads} thread{'s'[: threads - 1]}"
            share = 100 * milliseconds / whole
            result.append(
                Row(f"regularizer {variant}, of a step", size, share, "%", target=TARGET, repeats=repeats, note=note)
            )
    torch.set_num_threads(before)
    return result
