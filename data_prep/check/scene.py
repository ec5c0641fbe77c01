"""What must hold for the arrays of one scene of a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.preparing.writing import hash_array, histogram
from pointnc.errors import UserError
from pointnc.untrusted.numpy_file import map_array

WIDTH = {"coord": 3, "color": 3, "normal": 3, "strength": 1}
KIND = {"coord": "float32", "color": "uint8", "normal": "float32", "strength": "float32"}
"""The types of the arrays; labels and instances may be any signed integer."""
UNIT_TOLERANCE = 1e-3


@dataclass
class SceneReport:
    """What was found in one scene.

    Attributes:
        split: the scene's split.
        name: the scene.
        points: N, 0 where ``coord`` cannot be read.
        arrays: the arrays that are there.
        problems: one line each, without the scene's name.
        histogram: points by class of each label array.
        hashed: whether the arrays were compared with recorded hashes.
    """

    split: str
    name: str
    points: int = 0
    arrays: frozenset[str] = frozenset()
    problems: list[str] = field(default_factory=list)
    histogram: dict[str, list[int]] = field(default_factory=dict)
    hashed: bool = False


def check_scene(
    root: Path, split: str, name: str, classes: Mapping[str, int], record: Mapping[str, Any] | None
) -> SceneReport:
    """Check one scene.

    Args:
        root: the store.
        split: the scene's split.
        name: the scene.
        classes: number of classes K by label array ("segment200" ...).
        record: the scene's entry of the manifest, None without one.
    """
    report = SceneReport(split, name)
    arrays: dict[str, NDArray[Any]] = {}
    for path in sorted((root / split / name).glob("[!.]*.npy")):
        if path.stem not in (*KIND, "instance", "segment", *classes):
            continue  # another tool's, of no use here
        try:
            arrays[path.stem] = map_array(path, "prepare the scene again")
        except (UserError, OSError):
            report.problems.append(f"{path.name} is damaged")
    report.arrays = frozenset(arrays)
    if "coord" not in arrays:
        report.problems.append("coord.npy is missing")
        return report
    report.points = len(arrays["coord"]) if arrays["coord"].ndim else 0
    if report.points == 0:
        report.problems.append("there are no points")
        return report
    for key, array in arrays.items():
        report.problems += _shape_and_type(key, array, report.points)
    if not report.problems:
        for key, array in arrays.items():
            report.problems += _values(key, array, classes)
    if not report.problems:
        report.histogram = {key: histogram(arrays[key].reshape(-1), classes[key]) for key in classes if key in arrays}
    if record is not None:
        report.hashed = bool(record.get("hash"))
        report.problems += _against_record(arrays, report, record)
    return report


def _shape_and_type(key: str, array: NDArray[Any], points: int) -> list[str]:
    problems = []
    if array.ndim == 0 or len(array) != points:
        return [f"{key} has {len(array) if array.ndim else 'no'} rows, coord {points}"]
    width = WIDTH.get(key)
    # Pointcept keeps some label arrays as one column.
    if array.shape[1:] not in ([(width,)] if width else [(), (1,)]):
        problems.append(f"{key} has shape {array.shape}")
    if not array.dtype.isnative:
        problems.append(f"{key} is in the byte order of other machines")
    if array.dtype.name != KIND.get(key) if key in KIND else array.dtype.kind != "i":
        problems.append(f"{key} is {array.dtype.name}, not {KIND.get(key, 'a signed integer')}")
    return problems


def _values(key: str, array: NDArray[Any], classes: Mapping[str, int]) -> list[str]:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return [f"{key} holds NaN or infinity at {np.count_nonzero(~np.isfinite(array).all(1))} points"]
    if key == "normal":
        off = np.count_nonzero(np.abs(np.einsum("ni,ni->n", array, array) - 1) > 2 * UNIT_TOLERANCE)
        return [f"{off} normals are not of unit length"] if off else []
    if key == "instance" or key in classes:
        low, high = int(array.min()), int(array.max())
        if low < -1:
            return [f"{key} holds {low}; -1 stands for none"]
        if high >= classes.get(key, high + 1):
            return [f"{key} holds {high}, but there are {classes[key]} classes"]
    return []


def _against_record(arrays: Mapping[str, NDArray[Any]], report: SceneReport, record: Mapping[str, Any]) -> list[str]:
    problems = []
    if record.get("points") != report.points:
        problems.append(f"it has {report.points} points, the manifest says {record.get('points')}")
    for key, expected in record.get("hash", {}).items():
        if key not in arrays:
            problems.append(f"{key}.npy is missing")
        elif hash_array(arrays[key]) != expected:
            problems.append(f"{key}.npy is not what was prepared (another hash)")
    for key, counts in report.histogram.items():
        if record.get("histogram", {}).get(key, counts) != counts:
            problems.append(f"the class histogram of {key} is not the manifest's")
    return problems
