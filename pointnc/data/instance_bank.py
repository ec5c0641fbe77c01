"""The instances of chosen classes in a split: what can be pasted into other scenes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.scenes import Scene, SceneStore, Taxonomy


@dataclass(frozen=True)
class Instance:
    """One object of a scene.

    Attributes:
        scene: name of the scene.
        label: train index of its class.
        points: (M,) int32 rows of the scene.
    """

    scene: str
    label: int
    points: NDArray[np.int32]


class InstanceBank:
    """Finds the objects of some classes once, and reads one from the store when it is asked for.

    Args:
        store: the scenes.
        split: the split that the objects come from: the one that is trained on.
        taxonomy: the label set.
        labels: train indices of the classes.
        min_points: smaller instances are fragments and left out.

    Raises:
        UserError: the store has no instances, or none of these classes.
    """

    def __init__(
        self, store: SceneStore, split: str, taxonomy: Taxonomy, labels: Iterable[int], min_points: int = 10
    ) -> None:
        self.store, self.split, self.segment = store, split, taxonomy.segment
        wanted = np.zeros(len(taxonomy) + 1, bool)  # the last place is that of unlabeled points
        wanted[list(labels)] = True
        counts = store.scene_histograms(split, taxonomy)
        found: dict[int, list[Instance]] = {}
        for name, histogram in zip(store.scenes(split), counts):
            if not histogram[wanted[:-1]].any():
                continue
            for instance in instances(store.load(split, name, taxonomy.segment), wanted, min_points):
                found.setdefault(instance.label, []).append(instance)
        if not found:
            raise UserError(
                f"insertion: the split {split} of {store.root} has no instance of the chosen classes; "
                "prepare the store with instance.npy, choose other groups, or set insertion=none",
                code="missing-array",
            )
        self.by_label = {label: tuple(found[label]) for label in sorted(found)}
        self.labels = tuple(self.by_label)

    def __len__(self) -> int:
        """Return the number of instances."""
        return sum(len(members) for members in self.by_label.values())

    def draw(self, rng: np.random.Generator) -> Instance:
        """Return an instance: every class is as likely as any other, and so is every instance of a class."""
        members = self.by_label[self.labels[rng.integers(len(self.labels))]]
        return members[rng.integers(len(members))]

    def read(self, instance: Instance) -> tuple[Scene, Scene]:
        """Return the points of an instance and the scene that they come from, its arrays maps of the files."""
        scene = self.store.load(self.split, instance.scene, self.segment)
        return scene.select(instance.points), scene


def instances(scene: Scene, wanted: NDArray[np.bool_], min_points: int) -> list[Instance]:
    """Return the instances of a scene that belong to wanted classes.

    Args:
        scene: N points with ``semantic``.
        wanted: (K + 1,) whether each class is wanted; the last place answers for -1.
        min_points: fewer points make no instance.

    Raises:
        UserError: the scene has no instances.
    """
    if scene.instance is None or scene.semantic is None:
        raise UserError(
            f"scene {scene.name} has no instance.npy; prepare the store with instances, or insertion=none",
            code="missing-array",
        )
    rows = np.flatnonzero(wanted[np.asarray(scene.semantic)] & (scene.instance >= 0))
    number = np.asarray(scene.instance)[rows]
    order = np.argsort(number, kind="stable")
    groups = np.split(rows[order], np.flatnonzero(np.diff(number[order])) + 1)
    return [
        Instance(scene.name, int(np.bincount(scene.semantic[group]).argmax()), group.astype(np.int32))
        for group in groups
        if len(group) >= max(min_points, 1)
    ]
