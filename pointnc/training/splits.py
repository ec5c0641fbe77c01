"""The data of a run: made if they are missing, opened, checked, and put behind loaders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig
from torch.utils.data import DataLoader

from pointnc import distributed
from pointnc.data.batch import VoxelBatch
from pointnc.data.dataset import SceneDataset
from pointnc.data.device import DevicePipeline, RawBatch
from pointnc.data.features import feature_channels, scene_array
from pointnc.data.loaders import make_loader
from pointnc.data.sampler import ResumableBatchSampler, class_balanced_weights
from pointnc.data.transforms import Transform
from pointnc.errors import UserError
from pointnc.scenes.store import SceneStore
from pointnc.scenes.store import class_counts as class_counts_of
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.training.stopwatch import Stopwatch


@dataclass(frozen=True)
class Data:
    """The splits of a run, ready to be drawn from; ``split`` is the name of the one to train on.

    ``prepare`` makes the network's batches of what ``train`` yields, where that is left to the device.
    """

    store: SceneStore
    taxonomy: Taxonomy
    split: str
    train: DataLoader[Any]
    sampler: ResumableBatchSampler
    val: DataLoader[Any]
    val_dataset: SceneDataset
    prepare: Callable[[RawBatch], VoxelBatch] | None = None


def prepare_data(config: DictConfig, watch: Stopwatch) -> None:
    """Call the data set's own ``prepare``, where it has one: it makes or completes the store."""
    node = config.dataset.get("prepare")
    if distributed.rank() == 0 and node is not None:
        watch.seconds.update(instantiate(node))
    distributed.wait()


def open_data(config: DictConfig, pin: bool = False) -> Data:
    """Open the store and build the loaders.

    Args:
        config: of a run.
        pin: whether batches come in page-locked memory, for a GPU.

    Raises:
        UserError: the store is missing, empty, or of another taxonomy; a transform cannot run on the device.
    """
    dataset = config.dataset
    taxonomy: Taxonomy = instantiate(dataset.taxonomy)
    store = SceneStore(dataset.store, hint=dataset.hint)
    store.check_taxonomy(taxonomy)
    check_splits(store, dataset, taxonomy)
    for split in (dataset.train_split, dataset.val_split):
        store.remember(split)
    common = {
        "features": tuple(dataset.features),
        "voxel_size": dataset.voxel_size,
        "seed": config.seed,
    }
    train_dataset = SceneDataset(
        store,
        dataset.train_split,
        taxonomy,
        transforms=instantiate(config.augmentation.transforms),
        mix_probability=config.augmentation.mix_probability,
        representative="random",
        insertion=_insertion(config, store, taxonomy),
        **common,
    )
    val_dataset = SceneDataset(store, dataset.val_split, taxonomy, full_resolution=True, **common)
    if len(val_dataset) < distributed.world_size():
        raise UserError(
            f"{distributed.world_size()} processes but {len(val_dataset)} scenes in {dataset.val_split}: "
            "every process needs one; start fewer"
        )
    rank, world = distributed.rank(), distributed.world_size()
    sampler = ResumableBatchSampler(
        len(train_dataset),
        config.batch_size,
        config.seed,
        shuffle=True,
        rank=rank,
        world_size=world,
        weights=_weights(config.get("sampling", "uniform"), store, dataset.train_split, taxonomy),
    )
    val_sampler = ResumableBatchSampler(
        len(val_dataset), batch_size=1, shuffle=False, rank=rank, world_size=world, evaluation=True
    )
    pipeline = DevicePipeline(train_dataset) if config.get("device_transforms") else None
    if pipeline is None:
        train_loader = make_loader(train_dataset, sampler, config.workers, pin=pin)
    else:
        train_loader = make_loader(pipeline, sampler, config.workers, pipeline.collate, pin)
    return Data(
        store=store,
        taxonomy=taxonomy,
        split=dataset.train_split,
        train=train_loader,
        sampler=sampler,
        val=make_loader(val_dataset, val_sampler, config.workers, pin=pin),
        val_dataset=val_dataset,
        prepare=pipeline.prepare if pipeline else None,
    )


def unscored(store: SceneStore, dataset: DictConfig, taxonomy: Taxonomy) -> list[str]:
    """Return a remark where no point of the validation split has a class."""
    if _has_labels(store, dataset.val_split, taxonomy):
        return []
    return [
        f"no point of {dataset.val_split} has a class of {taxonomy.name}: there will be no scores and no best "
        "checkpoint; give another dataset.val_split= if there is one with labels"
    ]


def _has_labels(store: SceneStore, split: str, taxonomy: Taxonomy) -> bool:
    """Whether any point has a class; scenes that the manifest does not know are read, until one has."""
    for name in store.scenes(split):
        counts = store.recorded_counts(split, name, taxonomy)
        if counts is None:
            counts = class_counts_of(store.load(split, name, taxonomy.segment), taxonomy)
        if counts.any():
            return True
    return False


def _insertion(config: DictConfig, store: SceneStore, taxonomy: Taxonomy) -> Transform | None:
    if not config.get("insertion"):
        return None
    return instantiate(config.insertion)(store, config.dataset.train_split, taxonomy)


def check_splits(store: SceneStore, dataset: DictConfig, taxonomy: Taxonomy) -> None:
    """See that both splits are there and that every scene has what the network wants, before a step is made.

    Raises:
        UserError: a split, an array or the labels are missing; the message names the override that fixes it.
    """
    features = tuple(dataset.features)
    feature_channels(features)
    for key in ("train_split", "val_split"):
        split = dataset[key]
        there = store.splits()
        if there and split not in there:
            raise UserError(
                f"the store {store.root.absolute()} has no split {split!r}, only {', '.join(there)}: give "
                f"dataset.{key}=NAME"
            )
        names = store.scenes(split)
        lacking = {
            name: [scene for scene in names if not (store.root / split / scene / f"{scene_array(name)}.npy").is_file()]
            for name in features
        }
        for name, scenes in lacking.items():
            if scenes:
                rest = ",".join(other for other in features if not lacking[other]) or "coord"
                raise UserError(
                    f"{len(scenes)} of {len(names)} scenes of {split} have no {scene_array(name)}, first {scenes[0]}: "
                    f"leave it out by dataset.features=[{rest}], or prepare the store with {scene_array(name)}s"
                )
        segments = (taxonomy.segment, "segment")
        unlabeled = [
            scene for scene in names if not any((store.root / split / scene / f"{s}.npy").is_file() for s in segments)
        ]
        if unlabeled:
            raise UserError(
                f"{len(unlabeled)} of {len(names)} scenes of {split} have no labels ({taxonomy.segment}.npy), first "
                f"{unlabeled[0]}: give another dataset.{key}=, or prepare the store with labels"
            )
    if not _has_labels(store, dataset.train_split, taxonomy):
        raise UserError(
            f"no point of {dataset.train_split} in {store.root} has a class of {taxonomy.name}: nothing can be "
            "learned; prepare the store with labels, or give another dataset.train_split="
        )


def _weights(sampling: str, store: SceneStore, split: str, taxonomy: Taxonomy) -> NDArray[np.float64] | None:
    if sampling not in ("uniform", "class_balanced"):
        raise UserError(f"sampling={sampling}: choose uniform or class_balanced")
    return None if sampling == "uniform" else class_balanced_weights(store.scene_histograms(split, taxonomy))


def class_counts(data: Data, unit: str) -> NDArray[np.int64]:
    """Return (K,) how many training "points" belong to each class, or how many training "scenes" contain it."""
    if unit == "points":
        return data.store.histogram(data.split, data.taxonomy)
    return data.store.scene_counts(data.split, data.taxonomy)
