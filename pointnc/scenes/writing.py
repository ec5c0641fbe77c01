"""Writing a scene store: a scene's folder whole or not at all, and the manifest that sums them up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.files.atomic import atomic_path, write_json
from pointnc.files.locks import hold
from pointnc.scenes.records import MANIFEST, sum_up
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy

DTYPES = {
    "coord": np.float32,
    "color": np.uint8,
    "normal": np.float32,
    "strength": np.float32,
    "instance": np.int32,
}
"""What the arrays are written as; label arrays are int16."""


def as_stored(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return arrays as the store keeps them: contiguous, of the types of ``DTYPES``; label arrays int16."""
    return {key: np.ascontiguousarray(value, DTYPES.get(key, np.int16)) for key, value in arrays.items()}


def write_scene(
    folder: str | Path, arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any] | None = None
) -> None:
    """Write one scene's folder whole or not at all.

    Args:
        folder: ``<root>/<split>/<scene>``.
        arrays: file stem to array ("coord", "color", "normal", "strength", "segment200", "instance"); see ``DTYPES``.
        record: what :func:`write_manifest` sums up, kept as ``scene.json``. An ``origin`` in it (three numbers,
            meters) is what was subtracted from world coordinates; :meth:`SceneStore.load` gives it to the scene.
    """
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for key, value in as_stored(arrays).items():
            np.save(temporary / f"{key}.npy", value)
        write_json(temporary / "scene.json", dict(record or {}))


def write_manifest(
    root: str | Path,
    taxonomies: Sequence[Taxonomy],
    source: str,
    more: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Sum up the ``scene.json`` records of every split into ``manifest.json`` and return it.

    One process at a time does so: the manifest of several preparations of one store is that of all their scenes.

    Args:
        root: the store's folder; made if it is not there.
        taxonomies: the label sets whose arrays the scenes hold.
        source: what the store was made from, in words.
        more: returns further entries, from the manifest so far and the one that stood there ({} where none did).
    """
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    with hold(root, wait=True, doing="sums up the scenes"):
        manifest = sum_up(root, taxonomies, source)
        if more is not None:
            manifest |= more(manifest, SceneStore(root).manifest or {})
        write_json(root / MANIFEST, manifest)
    return manifest
