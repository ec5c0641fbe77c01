"""Labels and clouds out of files: prediction files (txt) and polygon files (ply) with the property ``label``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.benchmarks.predictions import read_labels
from pointnc.errors import UserError
from pointnc.scenes.ply import read_ply
from pointnc.scenes.scene import IGNORE, Scene
from pointnc.scenes.taxonomy import Taxonomy

SUFFIXES = (".txt", ".ply")
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


def labels_file(path: str | Path, scene: str | None) -> Path:
    """Return the label file that ``path`` names: itself, or in a folder the one of a scene.

    Raises:
        UserError: it does not exist, or has a suffix that is not read.
    """
    path = Path(path)
    if path.is_dir() and scene is not None:
        for suffix in SUFFIXES:
            if (path / f"{scene}{suffix}").is_file():
                return path / f"{scene}{suffix}"
        raise UserError(f"{path} has no {scene}.txt or {scene}.ply; predict this scene or choose another scenes=")
    if not path.exists():
        raise UserError(f"{path.absolute()} does not exist; give a .txt or .ply of labels, or a folder of them")
    if path.suffix.lower() not in SUFFIXES or path.is_dir():
        raise UserError(f"{path}: labels are read from {' and '.join(SUFFIXES)}, not from {path.suffix or 'this'}")
    return path


def read_point_labels(path: Path, taxonomy: Taxonomy) -> Labels:
    """Read a label file.

    Args:
        path: ``.txt`` with a class id a line, or ``.ply`` with the vertex property ``label`` and perhaps
            ``confidence``.
        taxonomy: whose ids they are; 0 and -1 mean no class where it has no such id.

    Raises:
        UserError: the file is malformed, or holds an id that the taxonomy lacks.
    """
    if path.suffix.lower() == ".txt":
        return Labels(_encode(read_labels(path), taxonomy, path, first=1))
    fields, _ = read_ply(path, only=("label", "confidence"))
    if "label" not in fields:
        raise UserError(f"{path} has no vertex property 'label'; give a cloud with labels, or a .txt")
    return _labels(fields, taxonomy, path)


def read_cloud(path: Path, taxonomy: Taxonomy) -> tuple[Scene, Labels | None]:
    """Return the points of a ``.ply`` (N of them) as a scene without labels, and its labels if it has any.

    Raises:
        UserError: the file is missing or malformed, or no ply.
    """
    if path.suffix.lower() != ".ply":
        raise UserError(f"{path}: clouds are read from .ply, not from {path.suffix or 'a file without suffix'}")
    fields, _ = read_ply(path)
    world = np.stack([fields[axis].astype(np.float64) for axis in "xyz"], axis=1)
    # Coordinates of a map are too large for float32.
    far = len(world) > 0 and bool(np.isfinite(world).all()) and float(np.abs(world).max()) > 1e4
    origin = np.floor(world.min(axis=0)) if far else np.zeros(3)
    colors = [fields[key] for key in ("red", "green", "blue") if key in fields]
    normals = [fields[key] for key in ("nx", "ny", "nz") if key in fields]
    scene = Scene(
        path.stem,
        (world - origin).astype(np.float32),
        _bytes(np.stack(colors, axis=1)) if len(colors) == 3 else None,
        np.stack(normals, axis=1).astype(np.float32) if len(normals) == 3 else None,
        origin=origin,
    )
    return scene.validate(), _labels(fields, taxonomy, path) if "label" in fields else None


def _labels(fields: dict[str, NDArray[Any]], taxonomy: Taxonomy, path: Path) -> Labels:
    ids = fields["label"]
    if ids.dtype.kind not in "iu":
        raise UserError(f"{path}: the property 'label' holds {ids.dtype}, not integers; write class ids")
    confidence = fields.get("confidence")
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
            f"({len(taxonomy)} classes); choose another taxonomy= (this concerns {len(strange)} of {len(ids)} points)"
        )
    return index


def _bytes(color: NDArray[Any]) -> NDArray[np.uint8]:
    """Return 0-255 colours, also of files that hold 16 bits or fractions of 1."""
    if color.dtype == np.uint8:
        return color
    scale = 255.0 if color.dtype.kind == "f" and color.size and color.max() <= 1 else 1.0
    if color.dtype == np.uint16:
        scale = 255 / 65535
    return np.clip(np.nan_to_num(color.astype(np.float32)) * scale + 0.5, 0, 255).astype(np.uint8)
