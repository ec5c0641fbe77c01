"""Batches on their way to the stand-in device, and transforms there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.utils import instantiate

from pointnc.benchmarks.scannet import taxonomy
from pointnc.data import ResumableBatchSampler, SceneDataset, collate, make_loader
from pointnc.data.device import DevicePipeline
from pointnc.scenes.store import SceneStore
from tests.cuda.waits import Waits
from tests.data.device.test_loading import assert_equal
from tests.helpers.augmentations import NAMES, augmentation_of

KEYS = [(1, 2), (1, 0), (1, 1)]


def dataset(
    store: Path, augmentation: str = "none", representative: str = "random", full_resolution: bool = False
) -> SceneDataset:
    recipe = augmentation_of(augmentation, 1200)
    return SceneDataset(
        SceneStore(store),
        "train",
        taxonomy("scannet200"),
        ("color", "normal", "coord"),
        0.1,
        None if full_resolution else instantiate(recipe.transforms),
        0.0 if full_resolution else recipe.mix_probability,
        representative,  # type: ignore[arg-type]
        full_resolution=full_resolution,
    )


@pytest.mark.parametrize("kind", ["training", "full resolution", "raw points"])
def test_pinned_batches_move_without_waiting(kind: str, store: Path, waits: Waits) -> None:
    samples = dataset(store, "scannet" if kind == "raw points" else "none", full_resolution=kind == "full resolution")
    source = DevicePipeline(samples) if kind == "raw points" else samples
    own_collate = source.collate if isinstance(source, DevicePipeline) else collate
    (batch,) = make_loader(source, ResumableBatchSampler(3, 3, seed=0), collate=own_collate, pin=True)
    waits.reset()
    moved = batch.to("cuda", non_blocking=True)
    assert waits.count == 0, waits.places
    whole = vars(moved.points) if kind == "raw points" else vars(moved)
    tensors = {name: value for name, value in whole.items() if hasattr(value, "is_cuda")}
    assert tensors and all(value.is_cuda for value in tensors.values())
    assert all(value.cpu().equal(getattr(getattr(batch, "points", batch), name)) for name, value in tensors.items())


@pytest.mark.parametrize("representative", ["first", "random"])
@pytest.mark.parametrize("augmentation", NAMES)
def test_transforms_on_the_device_make_the_hosts_batch(
    augmentation: str, representative: str, store: Path, waits: Waits
) -> None:
    samples = dataset(store, augmentation, representative)
    pipeline = DevicePipeline(samples)
    raw = pipeline.collate([pipeline[key] for key in KEYS]).pin_memory()
    batch = pipeline.prepare(raw.to("cuda", non_blocking=True))
    assert batch.features.is_cuda and batch.coord.is_cuda
    assert_equal(batch.to("cpu"), collate([samples[key] for key in KEYS]))
