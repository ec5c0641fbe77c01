"""What a store says of itself, ``manifest.json`` and ``scene.json``: read, compared and summed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.untrusted.json_file import LARGE, check_keys, read_json_object

VERSION = 1
MANIFEST = "manifest.json"
RECORD = "scene.json"

_HINT = "remove it and prepare the store again"
_MOST_POINTS = 2**48
"""Of a class in a scene: sums of these do not overflow."""

_FARTHEST = 1e12
"""Meters of an origin in world coordinates."""


def read_manifest(path: Path) -> dict[str, Any]:
    """Return a manifest: ``version``, ``taxonomies`` and ``splits``, of which each has the records of its ``scenes``.

    Raises:
        UserError: it is damaged, lacks one of them, or is newer than this code.
        OSError: it is missing or cannot be read.
    """
    required = {"version": int, "taxonomies": dict, "splits": dict}
    manifest = read_json_object(path, _HINT, required=required, optional={"listed": dict}, most=LARGE)
    if manifest["version"] > VERSION:
        raise UserError(
            f"{path} has version {manifest['version']}, newer than this pointnc; upgrade it", code="other-version"
        )
    for group, kinds in (("taxonomies", dict), ("splits", dict), ("listed", (list, str))):
        _check_values(manifest.get(group, {}), f"{path}: {group}", kinds)
    for split, content in manifest["splits"].items():
        what = f"{path}: split {split}"
        check_keys(content, what, _HINT, {"scenes": dict}, {"points": int, "histogram": dict})
        _check_values(content["scenes"], what, dict)
        for name, record in content["scenes"].items():
            check_record(record, f"{what}, scene {name}", _HINT)
    for split, names in manifest.get("listed", {}).items():
        if isinstance(names, list) and not all(isinstance(name, str) for name in names):
            raise UserError(f"{path}: the list of split {split} holds what is no name; {_HINT}", code="malformed")
    return manifest


def read_record(path: Path) -> dict[str, Any]:
    """Return the record of a scene.

    Raises:
        UserError: it is damaged.
        OSError: it is missing or cannot be read.
    """
    hint = "remove its folder and prepare the scene again"
    record = read_json_object(path, hint)
    check_record(record, str(path), hint)
    return record


def check_record(record: Mapping[str, Any], what: str, hint: str) -> None:
    """Compare the values of a scene's record with the types that they must have.

    Raises:
        UserError: one has another.
    """
    check_keys(record, what, hint, optional={"points": int, "histogram": dict, "hash": dict, "origin": list})
    origin = record.get("origin", (0, 0, 0))
    numbers = [one for one in origin if isinstance(one, (int, float)) and not isinstance(one, bool)]
    if len(origin) != 3 or len(numbers) != 3 or not all(abs(x) <= _FARTHEST for x in numbers):
        raise UserError(f"{what}: 'origin' is not three numbers; {hint}", code="malformed")
    for segment, counts in record.get("histogram", {}).items():
        if not isinstance(counts, list):
            raise UserError(f"{what}: the histogram of {segment} is no list; {hint}", code="malformed")


def read_histogram(record: Mapping[str, Any], segment: str, classes: int, what: str) -> NDArray[np.int64] | None:
    """Return the (K,) points of each class that a scene's record names; None where it does not know the labels.

    Raises:
        UserError: it has not K counts, or one that is no number of points.
    """
    listed = record.get("histogram", {}).get(segment)
    if listed is None:
        return None
    try:
        counts = np.array(listed)
        if (
            counts.shape == (classes,)
            and counts.dtype.kind in "iu"
            and counts.min() >= 0
            and counts.max() <= _MOST_POINTS
        ):
            return counts.astype(np.int64)
    except (ValueError, OverflowError):  # nested lists
        pass
    raise UserError(
        f"{what}: the histogram of {segment} is not the points of {classes} classes; {_HINT}", code="malformed"
    )


def _check_values(data: Mapping[str, Any], what: str, kinds: type | tuple[type, ...]) -> None:
    for key, value in data.items():
        if not isinstance(value, kinds):
            raise UserError(f"{what}: {key!r} is of the wrong type; {_HINT}", code="malformed")


def sum_up(root: Path, taxonomies: Sequence[Taxonomy], source: str) -> dict[str, Any]:
    """Return the manifest of the scenes that are in a store.

    Raises:
        UserError: the record of one is damaged.
    """
    splits: dict[str, Any] = {}
    for folder in sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")):
        records = {path.parent.name: read_record(path) for path in sorted(folder.glob(f"[!.]*/{RECORD}"))}
        if not records:
            continue
        splits[folder.name] = {
            "scenes": records,
            "points": sum(record.get("points", 0) for record in records.values()),
            "histogram": {
                taxonomy.segment: np.sum(counts, axis=0).tolist()
                for taxonomy in taxonomies
                if (counts := _histograms(folder, records, taxonomy)) is not None
            },
        }
    return {
        "version": VERSION,
        "source": source,
        "taxonomies": {taxonomy.segment: taxonomy.to_dict() for taxonomy in taxonomies},
        "splits": splits,
    }


def _histograms(
    folder: Path, records: Mapping[str, Mapping[str, Any]], taxonomy: Taxonomy
) -> list[NDArray[np.int64]] | None:
    """Return the points of each class that the records of a split note; None where one does not note them."""
    read = [
        read_histogram(record, taxonomy.segment, len(taxonomy), str(folder / name / RECORD))
        for name, record in records.items()
    ]
    counts = [one for one in read if one is not None]
    return counts if len(counts) == len(records) else None
