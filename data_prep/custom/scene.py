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

from data_prep.custom.columns import find_instance, find_label, one_class
from data_prep.custom.folder import Room
from data_prep.custom.gathering import Gathered, Labels, placed_arrays
from data_prep.custom.labels import elsewhere, open_labeled
from data_prep.preparing.writing import write_prepared
from pointnc.clouds import PointCloud
from pointnc.clouds.conditions import Bits, Conditions, Unit, Up
from pointnc.clouds.normals import estimate_normals, fill_normals
from pointnc.clouds.reading import look_through
from pointnc.errors import UserError
from pointnc.files.hashes import file_sha256
from pointnc.scenes import records
from pointnc.scenes.scene import IGNORE
from pointnc.scenes.taxonomy import Taxonomy

FAR = 1000.0
"""Meters from the origin beyond which float32 begins to lose tenths of a millimeter: such scenes get their own."""

UNLABELED = "test"
"""The split whose files may lack labels."""


LATER = ("color_bits", "columns", "labels")
"""Settings of later versions: what was prepared without them stays done."""


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
    color_bits: Bits = "auto"
    columns: tuple[str, ...] = ()
    labels: str | None = None

    def fingerprint(self) -> str:
        """Return a text that differs where a scene would be another one; names and colors of classes do not count."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        values |= {"taxonomy": [self.taxonomy.segment, *self.taxonomy.ids]}
        for key in LATER:
            if values[key] == getattr(Settings, key):
                del values[key]
        if self.labels is not None and Path(self.labels).is_file():
            values["labels"] = f"sha256:{file_sha256(Path(self.labels))}"
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
    file = open_labeled(room.path, settings.labels, settings.columns)
    if len(file) == 0:
        raise UserError(f"{room.path} has no points", code="no-points")
    gathered = Gathered(file, lambda cloud: _columns(cloud, room, settings))
    reading = look_through(file, ("color?",), settings.units, settings.up, settings.color_bits, pieces=gathered)
    seen, remarks = reading.seen, reading.remarks
    conditions = dataclasses.replace(reading.conditions, origin=_origin(seen.low, seen.high, reading.conditions.scale))
    labels = Labels(settings.taxonomy, settings.ignore, str(room.path))
    arrays, good = placed_arrays(gathered.kept, conditions, labels, gathered.label, gathered.instance)
    note = _note(labels, gathered.label, settings)
    if gathered.label is not None and len(labels.found) == 1:
        remarks.append(one_class(gathered.label, next(iter(labels.found))))
    origin_of_normals = "none"
    if settings.normals == "none":
        arrays.pop("normal", None)
    else:
        mesh = file.mesh_normals() if "normal" not in arrays else None
        mesh = mesh if mesh is None or good.all() else mesh[good]
        arrays["normal"], origin_of_normals = _normals(arrays.get("normal"), mesh, conditions, arrays["coord"])
        if origin_of_normals != "file":
            remarks.append(f"no normals: {origin_of_normals}")
    segment = settings.taxonomy.segment
    record: dict[str, Any] = {
        "dropped": len(good) - len(arrays["coord"]),
        "origin": conditions.world_origin().tolist(),
        "normals": origin_of_normals,
        **note,
        "remarks": remarks,
        "state": state,
        "settings": settings.fingerprint(),
    }
    if segment in arrays:
        record["labelled"] = int(np.count_nonzero(arrays[segment] != IGNORE))
    write_prepared(target, arrays, record, [settings.taxonomy], room.files())
    return remarks


def _origin(low: NDArray[np.float64], high: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Return what to subtract, in the file's unit and frame: whole meters below the least, or 0 near 0."""
    if max(np.abs(low).max(), np.abs(high).max()) * scale < FAR:
        return np.zeros(3)
    return np.floor(low * scale) / scale


def _columns(cloud: PointCloud, room: Room, settings: Settings) -> tuple[str | None, str | None]:
    """Return the names of the columns of classes and of objects.

    Raises:
        UserError: there are no classes, though the file is not one of those that may lack them.
    """
    place, optional = str(room.path), room.split == UNLABELED
    label = find_label(cloud.attributes, _wanted(settings.label, cloud, optional), place)
    if label is None and not optional:
        there = ", ".join(cloud.attributes) or "nothing"
        others = " or ".join(elsewhere(room.path)) or "labels="
        raise UserError(
            f"{place} has no labels: besides coordinates, colors and normals it has {there}; name the column by "
            f"label=NAME, say where else they are by {others}, or put files without labels into {UNLABELED}/",
            code="no-labels",
        )
    return label, find_instance(cloud.attributes, _wanted(settings.instance, cloud, optional), place)


def _note(labels: Labels, label: str | None, settings: Settings) -> dict[str, Any]:
    """Return what to note of where the labels came from.

    Raises:
        UserError: there are ids that the taxonomy lacks, and the settings do not say that these have no class.
    """
    note: dict[str, Any] = {"label": label}
    if labels.unknown:
        found = sorted(labels.unknown.items())
        listed = ", ".join(f"{value} ({count:,} points)" for value, count in found[:10])
        more = f" and {len(found) - 10} more" if len(found) > 10 else ""
        if settings.unknown == "error":
            raise UserError(
                f"{labels.place}: {label} holds ids that the taxonomy {settings.taxonomy.name} lacks: {listed}{more}; "
                "add them to it, or give unknown=ignore",
                code="unknown-label",
            )
        note["unknown"] = {str(value): count for value, count in found}
    return note


def _wanted(name: str | None, cloud: PointCloud, optional: bool) -> str | None:
    """Return the column that the user named, but None where a file may lack it and does."""
    return None if optional and name not in cloud.attributes else name


def _normals(
    own: NDArray[np.float32] | None,
    mesh: NDArray[np.float32] | None,
    conditions: Conditions,
    coord: NDArray[np.float32],
) -> tuple[NDArray[np.float32], str]:
    """Return (N, 3) unit normals and where they came from."""
    if own is not None:
        return fill_normals(own, coord), "file"
    if mesh is not None:
        return fill_normals(conditions.turned(mesh), coord), "taken from the faces"
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
