"""The points of one file, read piece by piece, of which only what a scene of the store needs is held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.custom.columns import whole_numbers, without_ignored
from pointnc.clouds import CloudFile, PointCloud
from pointnc.clouds.cloud import flagged
from pointnc.clouds.conditions import Conditions
from pointnc.clouds.names import NO_MEASUREMENT
from pointnc.scenes.scene import IGNORE
from pointnc.scenes.taxonomy import Taxonomy


class Gathered:
    """The pieces of a file: whole ones while it is read, then coordinates, colors, normals and labels alone.

    Args:
        file: the cloud.
        label_of: returns the names of the columns of classes and of objects, None where there is none.
    """

    def __init__(self, file: CloudFile, label_of: Callable[[PointCloud], tuple[str | None, str | None]]) -> None:
        self.file, self.label_of = file, label_of
        self.label: str | None = None
        self.instance: str | None = None
        self.kept: list[PointCloud] = []

    def __iter__(self) -> Iterator[PointCloud]:
        if self.kept:
            yield from self.kept
            return
        for chunk in self.file.chunks():
            self.label, self.instance = self.label_of(chunk)
            marks = flagged(chunk, *NO_MEASUREMENT)
            named = {name: np.array(chunk.attributes[name]) for name in (self.label, self.instance) if name is not None}
            if marks is not None:
                named |= {NO_MEASUREMENT[0]: marks}
            self.kept.append(PointCloud(chunk.coord, chunk.color, chunk.normal, named))
            yield chunk


@dataclass
class Labels:
    """Train indices and numbers of objects, gathered over the pieces of a file.

    Attributes:
        segment: pieces of train indices.
        instance: pieces of numbers of objects.
        unknown: ids that the taxonomy lacks, with their points.
        found: ids that occur.
    """

    taxonomy: Taxonomy
    ignore: tuple[int, ...]
    place: str
    segment: list[NDArray[Any]] = field(default_factory=list)
    instance: list[NDArray[np.int64]] = field(default_factory=list)
    unknown: Counter[int] = field(default_factory=Counter)
    found: set[int] = field(default_factory=set)

    def add(self, cloud: PointCloud, label: str | None, instance: str | None) -> None:
        """Take in a piece.

        Raises:
            UserError: labels are no whole numbers.
        """
        if label is not None:
            ids = without_ignored(whole_numbers(cloud.attributes[label], label, self.place), self.ignore)
            index = self.taxonomy.encode(ids)
            self.found |= set(np.unique(ids[ids != IGNORE]).tolist())
            lost = ids[(index == IGNORE) & (ids != IGNORE)]
            if len(lost):
                values, counts = np.unique(lost, return_counts=True)
                self.unknown.update(dict(zip(values.tolist(), counts.tolist())))
            self.segment.append(index)
        if instance is not None:
            self.instance.append(whole_numbers(cloud.attributes[instance], instance, self.place))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the store."""
        found: dict[str, NDArray[Any]] = {}
        if self.segment:
            found[self.taxonomy.segment] = np.concatenate(self.segment)
        if self.instance:
            numbers = np.concatenate(self.instance)
            # Hashes: only which points are together matters.
            if len(numbers) and numbers.max() > np.iinfo(np.int32).max:
                numbers = np.where(numbers < 0, IGNORE, np.unique(numbers, return_inverse=True)[1])
            found["instance"] = np.maximum(numbers, IGNORE)
        return found


def placed_arrays(
    pieces: list[PointCloud], conditions: Conditions, labels: Labels, label: str | None, instance: str | None
) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
    """Return the arrays of the points that have a place, and (N,) which of all N have one; pieces are used up."""
    parts: dict[str, list[NDArray[Any]]] = {}
    good: list[NDArray[np.bool_]] = []
    pieces.reverse()
    while pieces:
        piece = pieces.pop()
        good.append(conditions.usable(piece.coord))
        piece = piece if good[-1].all() else piece.select(good[-1])
        labels.add(piece, label, instance)
        parts.setdefault("coord", []).append(conditions.coord(piece))
        if conditions.color_scale is not None:
            parts.setdefault("color", []).append(conditions.color(piece))
        normal = conditions.normal(piece)
        if normal is not None:
            parts.setdefault("normal", []).append(normal)
    return {**{key: np.concatenate(values) for key, values in parts.items()}, **labels.arrays()}, np.concatenate(good)
