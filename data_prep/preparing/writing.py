"""A prepared scene as it is written: with its number of points, its class histograms and what it was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.files.hashes import file_sha256
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.scenes.writing import as_stored, write_scene


def write_prepared(
    target: Path,
    arrays: Mapping[str, NDArray[Any]],
    record: Mapping[str, Any],
    taxonomies: Sequence[Taxonomy],
    sources: Sequence[Path] = (),
) -> None:
    """Write a scene with its number of points, its class histograms and the hashes of arrays and source files.

    Args:
        target: ``<store>/<split>/<scene>``.
        arrays: as :func:`pointnc.scenes.writing.write_scene` takes them; those of a label set may be missing.
        record: what else ``scene.json`` says.
        taxonomies: the label sets.
        sources: files that the scene was made of; those that do not exist are left out.
    """
    # In the types of the files, so that the hashes are those of what is written.
    arrays = as_stored(arrays)
    labeled = [taxonomy for taxonomy in taxonomies if taxonomy.segment in arrays]
    full = {"points": len(arrays["coord"]), **record}
    if labeled:
        full["histogram"] = {t.segment: histogram(arrays[t.segment], len(t)) for t in labeled}
    full["hash"] = {key: hash_array(value) for key, value in arrays.items()}
    full["source"] = {path.name: f"sha256:{file_sha256(path)}" for path in sources if path.is_file()}
    write_scene(target, arrays, full)


def histogram(segment: NDArray[Any], classes: int) -> list[int]:
    """Return the points of each class of (N,) train indices; -1 is left out."""
    # Shifted by one instead of masked: one pass, no copy of the labeled part.
    return np.bincount(segment + 1, minlength=classes + 1)[1:].tolist()


def hash_array(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's bytes in C order, without the header of its file."""
    return "sha256:" + hashlib.sha256(array.tobytes()).hexdigest()
