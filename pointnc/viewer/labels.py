"""Labels out of files: prediction files (txt), and clouds of any format with a column ``label``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointnc.benchmarks.predictions import read_labels
from pointnc.clouds import SUFFIXES as CLOUD_SUFFIXES
from pointnc.clouds import PointCloud
from pointnc.clouds.label_file import SUFFIXES as LIST_SUFFIXES
from pointnc.clouds.label_file import read_label_file
from pointnc.errors import UserError
from pointnc.scenes.scene import IGNORE
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.viewer.clouds import open_shown

SUFFIXES = (".txt", *LIST_SUFFIXES, *(suffix for suffix in CLOUD_SUFFIXES if suffix != ".txt"))
"""Of files with labels; a txt may be a list of ids, or a cloud."""

NO_CLASS = (0, -1)
"""Ids that stand for "no class" in a label file, unless the taxonomy gives them to a class."""


@dataclass(frozen=True)
class Labels:
    """The labels of N points.

    Attributes:
        index: (N,) int32 train indices, -1 for no class.
        confidence: (N,) float32 in [0, 1], or None where the file has none.
    """

    index: NDArray[np.int32]
    confidence: NDArray[np.float32] | None = None

    def select(self, rows: NDArray[np.int64]) -> Labels:
        """Return the labels of some of the points."""
        return Labels(self.index[rows], None if self.confidence is None else self.confidence[rows])


def labels_file(path: str | Path, scene: str | None) -> Path:
    """Return the label file that ``path`` names: itself, or in a folder the one of a scene.

    Raises:
        UserError: it does not exist, or has a suffix that is not read.
    """
    path = Path(path)
    if path.is_dir() and scene is not None and not (path / "coord.npy").is_file():
        for found in (path / scene, *(path / f"{scene}{suffix}" for suffix in SUFFIXES)):
            if found.is_file() or (found / "coord.npy").is_file():
                return found
        raise UserError(
            f"{path} has no {scene}.txt, {scene}.ply or the like; predict this scene or choose another",
            code="missing-scene",
        )
    if not path.exists():
        raise UserError(
            f"{path.absolute()} does not exist; give a .txt of ids, a labeled cloud, or a folder of them",
            code="missing-file",
        )
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"{path}: labels are read from {', '.join(SUFFIXES)}, not from {path.suffix or 'this'}", code="wrong-format"
        )
    return path


def read_point_labels(path: Path, taxonomy: Taxonomy, columns: Sequence[str] = ()) -> Labels:
    """Read a label file.

    Args:
        path: ``.txt`` with a class id a line, or a cloud with ``label`` and perhaps ``confidence``, as
            :mod:`pointnc.predict` writes it.
        taxonomy: whose ids they are; 0 and -1 mean no class where it has no such id.
        columns: what the columns of a table are.

    Raises:
        UserError: the file is malformed, or holds an id that the taxonomy lacks.
    """
    if path.suffix.lower() == ".txt" and not is_table(path):
        return Labels(_encode(read_labels(path), taxonomy, path, first=1))
    if path.suffix.lower() in LIST_SUFFIXES:
        ids = read_label_file(path)["label"]
        if ids.dtype.kind == "f" and not (ids == np.round(ids)).all():
            raise UserError(f"{path} holds fractions, not class ids", code="dtype")
        return Labels(_encode(ids.astype(np.int64), taxonomy, path, first=1))
    labels = cloud_labels(open_shown(path, columns).read(), taxonomy, path)
    if labels is None:
        raise UserError(
            f"{path} has no column 'label'; give a cloud with labels, or a .txt of ids", code="missing-column"
        )
    return labels


def is_table(path: Path) -> bool:
    """Whether a text has several columns, as a cloud has, and not one, as a prediction file."""
    with path.open("rb") as stream:
        return any(len(line.replace(b",", b" ").split()) > 1 for line in itertools.islice(stream, 20))


def cloud_labels(cloud: PointCloud, taxonomy: Taxonomy, path: Path) -> Labels | None:
    """Return the labels of N points, those of a prediction where there are several; None where there are none.

    Raises:
        UserError: they are no ids of the taxonomy.
    """
    prefix = "predicted_" if "predicted_label" in cloud.attributes else ""
    ids = cloud.attributes.get(f"{prefix}label")
    if ids is None:
        return None
    if ids.dtype.kind not in "iu" and not (ids == np.round(ids)).all():
        raise UserError(f"{path}: the column 'label' holds fractions, not class ids", code="dtype")
    confidence = cloud.attributes.get(f"{prefix}confidence")
    return Labels(
        _encode(ids.astype(np.int64), taxonomy, path, first=0),
        None if confidence is None else np.clip(np.nan_to_num(confidence), 0, 1).astype(np.float32),
    )


def _encode(ids: NDArray[np.int64], taxonomy: Taxonomy, path: Path, first: int) -> NDArray[np.int32]:
    """Return train indices; ``first`` is the number of the first line or vertex, for the message."""
    index = taxonomy.encode(ids)
    strange = np.flatnonzero((index == IGNORE) & ~np.isin(ids, NO_CLASS))
    if len(strange):
        place = "line" if first else "vertex"
        raise UserError(
            f"{path}, {place} {strange[0] + first}: {ids[strange[0]]} is no id of {taxonomy.name} "
            f"({len(taxonomy)} classes); choose another taxonomy= (this concerns {len(strange)} of {len(ids)} points)",
            code="unknown-label",
        )
    return index
