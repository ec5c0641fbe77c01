"""From a checkpoint to labels of a split, and from labels of any origin to scores.

Whether labels come from a network or from files, they are counted and scored by the same lines.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from numpy.typing import NDArray

from pointnc.benchmarks.predictions import read_labels
from pointnc.errors import UserError
from pointnc.inference.predictor import Predictor
from pointnc.losses.adjusted import LogitAdjustedCrossEntropy
from pointnc.models.heads import LinearHead
from pointnc.runtime import distributed
from pointnc.runtime.devices import device_of
from pointnc.scenes.scene import Scene
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.scoring.confusion import confusion
from pointnc.sharing import Work
from pointnc.training.run_folder import newest_run
from pointnc.weights.checkpoint import Checkpoint
from pointnc.weights.trained import Trained, load_trained
from pointnc.weights.trust import trusted


@dataclass
class Tally:
    """Confusion counts of a split, scene by scene.

    Attributes:
        taxonomy: the K classes.
        scenes: scene name to (K, K+1) counts.
    """

    taxonomy: Taxonomy
    scenes: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def add(self, scene: Scene, labels: NDArray[Any]) -> None:
        """Count a scene's labels (train indices, anything outside 0..K-1 is outside the set).

        Raises:
            UserError: the scene has no truth, truth outside the label set, or another number of points.
        """
        if scene.semantic is None:
            raise UserError(f"scene {scene.name} has no {self.taxonomy.segment}.npy to score against", code="no-labels")
        self.taxonomy.check_labels(scene)
        if len(labels) != len(scene):
            raise UserError(
                f"scene {scene.name}: {len(labels)} predicted labels for {len(scene)} points", code="other-length"
            )
        self.scenes[scene.name] = confusion(labels, np.asarray(scene.semantic), len(self.taxonomy))

    @property
    def total(self) -> NDArray[np.int64]:
        """(K, K+1) counts of all scenes."""
        return np.sum(list(self.scenes.values()), axis=0)


def open_network(config: Any) -> Trained:
    """Load the network of a command and say what computes it.

    Args:
        config: of :class:`~pointnc.commands.shared_settings.NetworkSettings`; without a checkpoint the newest run is
            taken.

    Raises:
        UserError: there is no run; or see :func:`pointnc.weights.trained.load_trained`.
    """
    if distributed.world_size() > 1 and device_of(config.accelerator).type == "cuda":
        distributed.take_device()
    checkpoint = config.checkpoint
    if checkpoint is None:
        checkpoint = newest_run()
        if distributed.rank() == 0:
            print(f"checkpoint={checkpoint}, the newest run", flush=True)
    trained = load_trained(checkpoint, config.accelerator, config.half, config.engine, trusted(config.trust))
    if distributed.rank() == 0:
        trained.announce()
    return trained


def make_predictor(trained: Trained, options: Any) -> Predictor:
    """Build the predictor of a checkpoint.

    Args:
        trained: the network, on its device.
        options: of :class:`pointnc.commands.shared_settings.PredictionSettings`.
    """
    return Predictor(
        trained.model,
        features=trained.features,
        voxel_size=trained.voxel_size,
        views=instantiate(options.tta),
        interpolation=options.interpolation,
        max_points=options.max_points,
        halo=options.halo,
        device=trained.device,
        half=trained.half,
    )


def adjust_logits(trained: Trained, store: SceneStore, tau: float, split: str = "train") -> None:
    """Take τ · log π off a network's logits, π the classes' shares of the training points: post-hoc logit adjustment.

    For networks that were trained with plain cross-entropy: of one whose classifier knows the shares already it says
    so on stderr. Menon et al., Long-tail learning via logit adjustment, ICLR
    2021. The head's bias is changed in place. A class without a training point counts as having one.

    Raises:
        UserError: τ is negative, the store lacks the split, or the head has no bias.
    """
    if not isinstance(tau, int | float) or isinstance(tau, bool) or not tau >= 0:
        raise UserError(f"logit_adjustment={tau}: it must be a number, at least 0", code="option")
    if tau == 0:
        return
    head = trained.model.head
    if not isinstance(head, LinearHead):
        raise UserError(
            f"logit_adjustment needs a linear head; {trained.path} has a {type(head).__name__}", code="unsupported"
        )
    if (why := _adjusted(trained.source.checkpoint)) is not None and distributed.rank() == 0:
        print(f"WARNING: {why}: logit_adjustment={tau} comes on top of that", file=sys.stderr, flush=True)
    counts = torch.from_numpy(store.histogram(split, trained.taxonomy)).double().clamp_min(1)
    with torch.no_grad():
        head.bias.sub_((tau * (counts / counts.sum()).log()).to(head.bias))


def _adjusted(run: Checkpoint | None) -> str | None:
    """Return what has moved a run's logits away from its classes' shares already, None where nothing has."""
    if run is None:
        return None
    if run.before_refit is not None:
        return f"{run.path} has a classifier that was fitted again (refit) for shares of its own"
    loss = str(run.config["loss"])  # sums of losses have it further inside
    return f"{run.path} was trained with logit adjustment" if LogitAdjustedCrossEntropy.__name__ in loss else None


def open_store(trained: Trained, data_root: str | None) -> SceneStore:
    """Open the store at ``data_root``, or the one that a checkpoint was trained on.

    Raises:
        UserError: it is missing or unknown, or has other classes.
    """
    if data_root is None and trained.source.store is None:
        raise UserError(f"{trained.path} does not say where scenes are: give data_root=STORE", code="missing-setting")
    store = SceneStore(str(data_root or trained.source.store), hint=f"give data_root=STORE ({trained.source.hint})")
    store.check_taxonomy(trained.taxonomy)
    return store


Labeler = Callable[[str], tuple[Scene, NDArray[np.int64]]]
"""Scene name to the scene and the (N,) train index of each point, in the order of the scan's points."""


def predict_scenes(predictor: Predictor, store: SceneStore, split: str, segment: str | None) -> Labeler:
    """Return what labels a scene of a split by a network."""

    def label(name: str) -> tuple[Scene, NDArray[np.int64]]:
        scene = store.load(split, name, segment).validate()
        return scene, predictor.predict(scene).labels

    return label


def read_scenes(folder: Path, store: SceneStore, split: str, taxonomy: Taxonomy) -> Labeler:
    """Return what reads the labels of a scene of a split from ``folder/<scene>.txt``.

    Ids that the label set lacks become train index K: outside the set, so false negatives of the true class.

    Raises:
        UserError: files are missing; or, of a scene, its file is malformed or of another length.
    """
    names = store.scenes(split)
    if not folder.is_dir():
        raise UserError(f"no predictions at {folder.absolute()}: give a folder of <scene>.txt", code="missing-file")
    missing = [name for name in names if not (folder / f"{name}.txt").is_file()]
    if missing:
        raise UserError(
            f"{folder} lacks {len(missing)} of the {len(names)} scenes of {split}, the first is {missing[0]}.txt",
            code="missing-scene",
        )

    def label(name: str) -> tuple[Scene, NDArray[np.int64]]:
        scene = store.load(split, name, taxonomy.segment).validate()
        index = taxonomy.encode(read_labels(folder / f"{name}.txt"))
        if len(index) != len(scene):
            raise UserError(
                f"{folder / name}.txt has {len(index)} lines, the scene {len(scene)} points", code="other-length"
            )
        return scene, np.where(index < 0, len(taxonomy), index)

    return label


def tally(label: Labeler, taxonomy: Taxonomy, work: Work) -> Tally | None:
    """Count all scenes, with a progress bar; None where another process has the counts of all.

    Args:
        label: gives a scene and its labels.
        taxonomy: the K classes.
        work: the scenes.
    """

    def count(name: str) -> list[list[int]]:
        one = Tally(taxonomy)
        one.add(*label(name))
        counts = one.scenes[name]
        rows, columns = np.nonzero(counts)  # of 200 classes a scene has 20
        return [rows.tolist(), columns.tolist(), counts[rows, columns].tolist()]

    results = work.do(count, "evaluate")
    if results is None:
        return None
    counts = Tally(taxonomy)
    for name, sparse in results.items():
        counts.scenes[name] = _dense(name, sparse, len(taxonomy), work.items[name])
    return counts


def _dense(name: str, sparse: Any, classes: int, points: float) -> NDArray[np.int64]:
    """Return the (K, K+1) counts of a scene from rows, columns and values, which may come out of a shard's file.

    Raises:
        UserError: they are no counts of a scene of so many points.
    """
    counts = np.zeros((classes, classes + 1), np.int64)
    try:
        rows, columns, values = (np.asarray(part, np.int64 if len(part) == 0 else None) for part in sparse)
        whole = all(part.dtype == np.int64 and part.ndim == 1 for part in (rows, columns, values))
        if not whole or min(part.min(initial=0) for part in (rows, columns, values)) < 0:
            raise ValueError("whole numbers from 0 are asked for")
        counts[rows, columns] = values
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise UserError(
            f"the counts of scene {name} are damaged ({error}): run its shard again", code="damaged-file"
        ) from None
    if values.max(initial=0) > points or values.sum() > points:
        raise UserError(
            f"the counts of scene {name} are more than its {points:.0f} points: run its shard again",
            code="damaged-file",
        )
    return counts


def scene_sizes(store: SceneStore, split: str) -> dict[str, float]:
    """Return the points of each scene of a split: what the work is shared out by."""
    return {name: len(store.load(split, name).coord) for name in store.scenes(split)}
