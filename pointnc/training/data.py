"""The data of a run: made if they are missing, opened, put behind loaders, and brought to the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig
from torch.profiler import record_function
from torch.utils.data import DataLoader

from pointnc.checks import check_option, check_switch, check_whole
from pointnc.data.batch import VoxelBatch
from pointnc.data.dataset import SceneDataset
from pointnc.data.device import DevicePipeline, RawBatch
from pointnc.data.loaders import make_loader
from pointnc.data.sampler import ResumableBatchSampler, class_balanced_weights
from pointnc.errors import UserError
from pointnc.runtime import distributed
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.training.splits import check_splits
from pointnc.training.stopwatch import Stopwatch


class RunData(pl.LightningDataModule):
    """The splits of a run behind loaders.

    Args:
        store: that they are in.
        taxonomy: the K classes.
        split: the name of the one to train on.
        train: its loader.
        sampler: the order in which it is drawn.
        val: loader of the validation split.
        val_dataset: behind it.
        prepare: makes the network's batches of what ``train`` yields, where that is left to the device.

    Attributes:
        place: epoch, and batches of it that are done; saved with every checkpoint, and gone to when one is resumed.
    """

    def __init__(
        self,
        store: SceneStore,
        taxonomy: Taxonomy,
        split: str,
        train: DataLoader[Any],
        sampler: ResumableBatchSampler,
        val: DataLoader[Any],
        val_dataset: SceneDataset,
        prepare: Callable[[RawBatch], VoxelBatch] | None = None,
    ) -> None:
        super().__init__()
        self.store, self.taxonomy, self.split = store, taxonomy, split
        self.train, self.sampler, self.val, self.val_dataset = train, sampler, val, val_dataset
        self.prepare = prepare
        self.place = (0, 0)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the loader of the training split."""
        return self.train

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the loader of the validation split."""
        return self.val

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move a batch; from page-locked memory, as loaders hand it to a GPU, without waiting."""
        return batch.to(device, non_blocking=device.type == "cuda")

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Transform and voxelize raw points, on the device."""
        if not isinstance(batch, RawBatch):
            return batch
        assert self.prepare is not None
        with record_function("device transforms"):
            return self.prepare(batch)

    def class_counts(self, unit: str) -> NDArray[np.int64]:
        """Return (K,) how many training "points" belong to each class, or how many training "scenes" contain it."""
        if unit == "points":
            return self.store.histogram(self.split, self.taxonomy)
        return self.store.scene_counts(self.split, self.taxonomy)

    def unaugmented(self, workers: int) -> DataLoader[Any]:
        """Return a loader of all training scenes one by one, as validation would see them, the same on every rank."""
        val = self.val_dataset
        dataset = SceneDataset(self.store, self.split, self.taxonomy, val.features, val.voxel_size)
        return make_loader(dataset, ResumableBatchSampler(len(dataset), 1, shuffle=False), workers)

    def go_to(self, epoch: int, batches: int) -> None:
        """Let the training go on in an epoch of which so many batches are done."""
        self.sampler.set_epoch(epoch)
        self.sampler.skip(batches)

    def state_dict(self) -> dict[str, Any]:
        """Return the place."""
        return {"place": list(self.place)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to the saved place before the loader starts."""
        epoch, batches = state_dict["place"]
        self.go_to(epoch, batches)


@dataclass(frozen=True)
class Loading:
    """How the scenes of a run are drawn and loaded.

    Attributes:
        seed: of the order and of the transforms.
        batch_size: samples in a batch of one rank.
        workers: loader processes; 0: none.
        sampling: uniform, or class_balanced: scenes with rare classes more often.
        device_transforms: whether transforms and voxels are left to the device.

    Raises:
        OptionError: one makes no sense; above 65,536 samples or 1,024 workers stands a slip, or an untrusted checkpoint
            that wants all memory.
    """

    seed: int
    batch_size: int
    workers: int
    sampling: str = "uniform"
    device_transforms: bool = False

    def __post_init__(self) -> None:
        check_whole("seed", self.seed, least=0)
        check_whole("batch_size", self.batch_size, least=1, most=65536)
        check_whole("workers", self.workers, least=0, most=1024)
        check_option("sampling", self.sampling, "uniform", "class_balanced")
        check_switch("device_transforms", self.device_transforms)

    def weights(self, store: SceneStore, split: str, taxonomy: Taxonomy) -> NDArray[np.float64] | None:
        """Return (N,) how likely each scene is, None where all are alike."""
        if self.sampling == "uniform":
            return None
        return class_balanced_weights(store.scene_histograms(split, taxonomy))


def prepare_data(node: Mapping[str, Any] | None, watch: Stopwatch) -> None:
    """Make or complete a store, as the ``prepare`` of its data set says; nothing where that is None."""
    if distributed.rank() == 0 and node is not None:
        watch.seconds.update(instantiate(node))
    distributed.wait()


def open_data(
    dataset: DictConfig,
    augmentation: DictConfig,
    insertion: Mapping[str, Any] | None,
    loading: Loading,
    pin: bool = False,
) -> RunData:
    """Open the store and build the loaders.

    Args:
        dataset: its settings, those of ``conf/dataset``.
        augmentation: those of ``conf/augmentation``.
        insertion: those of ``conf/insertion``.
        loading: how scenes are drawn.
        pin: whether batches come in page-locked memory, for a GPU.

    Raises:
        UserError: the store is missing, empty, or of another taxonomy; a transform cannot run on the device.
    """
    taxonomy: Taxonomy = instantiate(dataset.taxonomy)
    store = SceneStore(dataset.store, hint=dataset.hint)
    store.check_taxonomy(taxonomy)
    check_splits(store, dataset, taxonomy)
    for split in (dataset.train_split, dataset.val_split):
        store.remember(split)
    common = {"features": tuple(dataset.features), "voxel_size": dataset.voxel_size, "seed": loading.seed}
    train_dataset = SceneDataset(
        store,
        dataset.train_split,
        taxonomy,
        transforms=instantiate(augmentation.transforms),
        mix_probability=augmentation.mix_probability,
        representative="random",
        insertion=instantiate(insertion)(store, dataset.train_split, taxonomy) if insertion else None,
        **common,
    )
    val_dataset = SceneDataset(store, dataset.val_split, taxonomy, full_resolution=True, **common)
    if len(val_dataset) < distributed.world_size():
        raise UserError(
            f"{distributed.world_size()} processes but {len(val_dataset)} scenes in {dataset.val_split}: "
            "every process needs one; start fewer",
            code="too-many-processes",
        )
    rank, world = distributed.rank(), distributed.world_size()
    sampler = ResumableBatchSampler(
        len(train_dataset),
        loading.batch_size,
        loading.seed,
        shuffle=True,
        rank=rank,
        world_size=world,
        weights=loading.weights(store, dataset.train_split, taxonomy),
    )
    val_sampler = ResumableBatchSampler(
        len(val_dataset), batch_size=1, shuffle=False, rank=rank, world_size=world, evaluation=True
    )
    pipeline = DevicePipeline(train_dataset) if loading.device_transforms else None
    if pipeline is None:
        train_loader = make_loader(train_dataset, sampler, loading.workers, pin=pin)
    else:
        train_loader = make_loader(pipeline, sampler, loading.workers, pipeline.collate, pin)
    return RunData(
        store=store,
        taxonomy=taxonomy,
        split=dataset.train_split,
        train=train_loader,
        sampler=sampler,
        val=make_loader(val_dataset, val_sampler, loading.workers, pin=pin),
        val_dataset=val_dataset,
        prepare=pipeline.prepare if pipeline else None,
    )
