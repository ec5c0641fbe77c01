"""From labels of any origin to counts: whether a network gives them or files, the same lines count them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.benchmarks.predictions import read_labels
from pointnc.errors import UserError
from pointnc.inference.predictor import Predictor
from pointnc.scenes.scene import Scene
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.scoring.confusion import confusion
from pointnc.sharing import Work


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
