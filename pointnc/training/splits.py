"""Whether the splits of a store hold what a training needs, seen before a step is made."""

from __future__ import annotations

from omegaconf import DictConfig

from pointnc.data.features import feature_channels, scene_array
from pointnc.errors import UserError
from pointnc.scenes.store import SceneStore
from pointnc.scenes.store import class_counts as class_counts_of
from pointnc.scenes.taxonomy import Taxonomy


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
        missing = [part for part in store.parts(split) if part not in there]
        if there and missing:
            raise UserError(
                f"the store {store.root.absolute()} has no split {missing[0]!r}, only {', '.join(there)}: give "
                f"dataset.{key}=NAME",
                code="unknown-name",
            )
        names = store.scenes(split)
        lacking = {
            name: [scene for scene in names if not (store.folder(split, scene) / f"{scene_array(name)}.npy").is_file()]
            for name in features
        }
        for name, scenes in lacking.items():
            if scenes:
                rest = ",".join(other for other in features if not lacking[other]) or "coord"
                raise UserError(
                    f"{len(scenes)} of {len(names)} scenes of {split} have no {scene_array(name)}, first {scenes[0]}: "
                    f"leave it out by dataset.features=[{rest}], or prepare the store with {scene_array(name)}s",
                    code="missing-array",
                )
        segments = (taxonomy.segment, "segment")
        unlabeled = [
            scene for scene in names if not any((store.folder(split, scene) / f"{s}.npy").is_file() for s in segments)
        ]
        if unlabeled:
            raise UserError(
                f"{len(unlabeled)} of {len(names)} scenes of {split} have no labels ({taxonomy.segment}.npy), first "
                f"{unlabeled[0]}: give another dataset.{key}=, or prepare the store with labels",
                code="no-labels",
            )
    if not _has_labels(store, dataset.train_split, taxonomy):
        raise UserError(
            f"no point of {dataset.train_split} in {store.root} has a class of {taxonomy.name}: nothing can be "
            "learned; prepare the store with labels, or give another dataset.train_split=",
            code="no-labels",
        )


def remarks(store: SceneStore, dataset: DictConfig, taxonomy: Taxonomy) -> list[str]:
    """Return a remark where no point of the validation split has a class, and one where its scenes are trained on."""
    found = []
    if not _has_labels(store, dataset.val_split, taxonomy):
        found.append(
            f"no point of {dataset.val_split} has a class of {taxonomy.name}: there will be no scores and no best "
            "checkpoint; give another dataset.val_split= if there is one with labels"
        )
    seen = sorted(set(store.parts(dataset.train_split)) & set(store.parts(dataset.val_split)))
    if seen:
        found.append(
            f"the scenes of {', '.join(seen)} are trained on: scores of {dataset.val_split} say nothing about new "
            "scenes, and the best epoch is chosen by them"
        )
    return found


def _has_labels(store: SceneStore, split: str, taxonomy: Taxonomy) -> bool:
    """Whether any point has a class; scenes that the manifest does not know are read, until one has."""
    for name in store.scenes(split):
        counts = store.recorded_counts(split, name, taxonomy)
        if counts is None:
            counts = class_counts_of(store.load(split, name, taxonomy.segment), taxonomy)
        if counts.any():
            return True
    return False
