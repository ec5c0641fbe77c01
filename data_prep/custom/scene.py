"""One file of one's own to one folder of the scene store."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data_prep.custom.columns import find_instance, find_label, whole_numbers, without_ignored
from data_prep.custom.folder import Room
from data_prep.preparing import hash_array, histogram
from pointnc.clouds import PointCloud, open_cloud
from pointnc.clouds.conditions import Conditions, Unit, Up, survey_points
from pointnc.clouds.normals import estimate_normals
from pointnc.errors import UserError
from pointnc.scenes import records
from pointnc.scenes.scene import IGNORE
from pointnc.scenes.store import DTYPES, write_scene
from pointnc.scenes.taxonomy import Taxonomy

FAR = 1000.0
"""Meters from the origin beyond which float32 begins to lose tenths of a millimeter: such scenes get their own."""

UNLABELED = "test"
"""The split whose files may lack labels."""


@dataclass(frozen=True)
class Settings:
    """How files are read; see :class:`data_prep.custom.__main__.Custom`."""

    taxonomy: Taxonomy
    label: str | None = None
    instance: str | None = None
    unknown: Literal["error", "ignore"] = "error"
    ignore: tuple[int, ...] = (IGNORE,)
    units: Unit = "m"
    up: Up = "z"
    normals: Literal["auto", "none"] = "auto"

    def fingerprint(self) -> str:
        """Return a text that differs where a scene would be another one; names and colors of classes do not count."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        values |= {"taxonomy": [self.taxonomy.segment, *self.taxonomy.ids]}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def prepare_room(room: Room, target: Path, settings: Settings) -> list[str]:
    """Read one file and write its scene; return a remark on everything that was assumed.

    Points without finite coordinates and stray ones are left out. The arrays are ``coord`` (relative to the record's
    ``origin``, which is 0 for scenes near 0), ``color`` and ``normal`` where there are any, the labels and
    ``instance``.

    Raises:
        UserError: the file is damaged, has no points or no labels, or ids that the taxonomy lacks.
    """
    state = room.state()  # before reading: a file that changes meanwhile is read again next time
    file = open_cloud(room.path)
    if len(file) == 0:
        raise UserError(f"{room.path} has no points")
    cloud = file.read()
    seen = survey_points([cloud], room.path)
    present = () if seen.color_high is None else ("color",)
    conditions, remarks = Conditions.of(seen, present, settings.units, settings.up)
    conditions = dataclasses.replace(conditions, origin=_origin(seen.low, seen.high, conditions.scale))
    good = conditions.usable(cloud.coord)
    dropped = len(cloud) - int(good.sum())
    arrays: dict[str, NDArray[Any]] = {}
    columns, note = _labels(cloud, room, settings)
    mesh = file.mesh_normals() if settings.normals == "auto" and cloud.normal is None else None
    if dropped:
        cloud = cloud.select(good)
        columns = {key: values[good] for key, values in columns.items()}
        mesh = None if mesh is None else mesh[good]
    arrays["coord"] = conditions.coord(cloud)
    if cloud.color is not None:
        arrays["color"] = conditions.color(cloud)
    origin_of_normals = "none"
    if settings.normals == "auto":
        arrays["normal"], origin_of_normals = _normals(cloud, mesh, conditions, arrays["coord"])
        if origin_of_normals != "file":
            remarks.append(f"no normals: {origin_of_normals}")
    arrays |= columns
    arrays = {key: np.ascontiguousarray(value, DTYPES.get(key, np.int16)) for key, value in arrays.items()}
    segment = settings.taxonomy.segment
    record: dict[str, Any] = {
        "points": len(cloud),
        "dropped": dropped,
        "origin": conditions.world_origin().tolist(),
        "normals": origin_of_normals,
        **note,
        "remarks": remarks,
        "hash": {key: hash_array(value) for key, value in arrays.items()},
        "source": room.hashes(),
        "state": state,
        "settings": settings.fingerprint(),
    }
    if segment in arrays:
        record["labelled"] = int(np.count_nonzero(arrays[segment] != IGNORE))
        record["histogram"] = {segment: histogram(arrays[segment], len(settings.taxonomy))}
    write_scene(target, arrays, record)
    return remarks


def _origin(low: NDArray[np.float64], high: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Return what to subtract, in the file's unit and frame: whole meters below the least, or 0 near 0."""
    if max(np.abs(low).max(), np.abs(high).max()) * scale < FAR:
        return np.zeros(3)
    return np.floor(low * scale) / scale


def _labels(cloud: PointCloud, room: Room, settings: Settings) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return train indices and object numbers by array name, and what to note of where they came from."""
    columns: dict[str, NDArray[Any]] = {}
    place = str(room.path)
    optional = room.split == UNLABELED
    name = find_label(cloud.attributes, _wanted(settings.label, cloud, optional), place)
    if name is None and not optional:
        there = ", ".join(cloud.attributes) or "nothing"
        raise UserError(
            f"{place} has no labels: besides coordinates, colors and normals it has {there}; name the column by "
            f"label=NAME, or put files without labels into {UNLABELED}/"
        )
    note: dict[str, Any] = {"label": name}
    if name is not None:
        ids = without_ignored(whole_numbers(cloud.attributes[name], name, place), settings.ignore)
        index = settings.taxonomy.encode(ids)
        lost = (index == IGNORE) & (ids != IGNORE)
        if lost.any():
            values, counts = np.unique(ids[lost], return_counts=True)
            listed = ", ".join(f"{value} ({count:,} points)" for value, count in list(zip(values, counts))[:10])
            more = f" and {len(values) - 10} more" if len(values) > 10 else ""
            if settings.unknown == "error":
                raise UserError(
                    f"{place}: {name} holds ids that the taxonomy {settings.taxonomy.name} lacks: {listed}{more}; "
                    "add them to it, or give unknown=ignore"
                )
            note["unknown"] = {str(value): int(count) for value, count in zip(values, counts)}
        columns[settings.taxonomy.segment] = index
    name = find_instance(cloud.attributes, _wanted(settings.instance, cloud, optional), place)
    if name is not None:
        numbers = whole_numbers(cloud.attributes[name], name, place)
        if numbers.max() > np.iinfo(np.int32).max:  # hashes: only which points are together matters
            numbers = np.where(numbers < 0, IGNORE, np.unique(numbers, return_inverse=True)[1])
        columns["instance"] = np.maximum(numbers, IGNORE)
    return columns, note


def _wanted(name: str | None, cloud: PointCloud, optional: bool) -> str | None:
    """Return the column that the user named, but None where a file may lack it and does."""
    return None if optional and name not in cloud.attributes else name


def _normals(
    cloud: PointCloud, mesh: NDArray[np.float32] | None, conditions: Conditions, coord: NDArray[np.float32]
) -> tuple[NDArray[np.float32], str]:
    """Return (N, 3) unit normals and where they came from."""
    own = conditions.normal(cloud)
    if own is not None:
        return own, "file"
    if mesh is not None:
        turned = conditions.normal(PointCloud(np.empty((len(mesh), 3)), normal=mesh))
        assert turned is not None
        lone = np.flatnonzero(~np.isfinite(mesh).all(axis=1))
        turned[lone] = estimate_normals(coord, lone)
        return turned, "taken from the faces"
    return estimate_normals(coord), "estimated from neighbors"


def is_done(room: Room, target: Path, settings: Settings) -> bool:
    """Whether a scene was prepared already, from the file as it is now and with these settings."""
    record = read_record(target)
    return record.get("settings") == settings.fingerprint() and record.get("state") == room.state()


def read_record(target: Path) -> dict[str, Any]:
    """Return the record of a scene, empty where there is none that can be read."""
    try:
        return records.read_record(target / records.RECORD)
    except (OSError, UserError):
        return {}
