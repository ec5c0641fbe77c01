"""S3DIS to a scene store: ``python -m data_prep.s3dis raw=RAW out=STORE``.

The raw data have a folder for each area and room, and in it one text file for each object:
``Area_1/office_1/Annotations/chair_2.txt``. A scene is a room, ``Area_1-office_1``; its points are those of the
objects, object by object. Objects of a name outside the 13 classes are clutter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.preparing.store import DataSet, check_folders, prepare_store
from data_prep.preparing.writing import write_prepared
from data_prep.s3dis.point_text import read_points
from pointnc.benchmarks import s3dis
from pointnc.errors import UserError

LAYOUT = "Area_1/ to Area_6/"
_AREA = re.compile(r"Area_(\d+)")
_OBJECT = re.compile(r"([A-Za-z]+)_(\d+)")


@dataclass(frozen=True)
class Room:
    """One room to prepare: where it is and where it goes."""

    folder: Path
    target: Path


def prepare(
    raw: str | Path,
    out: str | Path,
    *,
    val_areas: Sequence[int] | int = (5,),
    normals: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
    strict: bool = False,
) -> dict[str, Any]:
    """Prepare every room that is there and return the manifest.

    Args:
        raw: folder with ``Area_1/`` to ``Area_6/``, or the one around it.
        out: the store to write; a store that is there already is completed.
        val_areas: areas whose rooms make the split "val"; all others make "train".
        normals: estimate normals, which the raw data lack.
        workers: processes; None for one a core.
        overwrite: prepare again what is done.
        strict: stop at the first damaged room.

    Raises:
        UserError: there are no areas, ``val_areas`` names one that is not there, or some rooms are damaged: the
            others are done before, and ``failed.json`` in ``out`` says why.
    """
    raw, out = Path(raw).absolute(), Path(out).absolute()
    check_folders(raw, out, LAYOUT)
    data_set = DataSet(s3dis.taxonomy(), "S3DIS", notes)
    rooms = find_rooms(raw, out, [val_areas] if isinstance(val_areas, int) else val_areas)
    make = partial(prepare_room, normals=normals)
    return prepare_store(out, rooms, make, data_set, workers=workers, overwrite=overwrite, strict=strict)


def find_rooms(raw: Path, out: Path, val_areas: Sequence[int]) -> list[Room]:
    """Return the rooms of all areas, "train" before "val".

    Raises:
        UserError: there is no room, or an area of ``val_areas`` is missing.
    """
    areas: dict[int, Path] = {}
    for folder in sorted([*raw.glob("Area_*"), *raw.glob("*/Area_*")]):
        name = _AREA.fullmatch(folder.name)
        if name and folder.is_dir():
            other = areas.setdefault(int(name[1]), folder)
            if other != folder:
                raise UserError(
                    f"{other} and {folder} are the same area: give raw=FOLDER with one of them in it", code="ambiguous"
                )
    absent = [area for area in val_areas if area not in areas]
    if areas and absent:
        there = ", ".join(map(str, sorted(areas)))
        raise UserError(
            f"val_areas={list(val_areas)}, but there is no Area_{absent[0]} in {raw}; there are {there}",
            code="missing-file",
        )
    jobs: dict[str, list[Room]] = {"train": [], "val": []}
    for number, area in sorted(areas.items()):
        split = "val" if number in val_areas else "train"
        for room in sorted(path for path in area.iterdir() if path.is_dir() and not path.name.startswith(".")):
            jobs[split].append(Room(room, out / split / f"{area.name}-{room.name}"))
    if not any(jobs.values()):
        raise UserError(
            f"no rooms in {raw}: give raw=FOLDER with {LAYOUT} in it (Stanford3dDataset_v1.2)", code="nothing-there"
        )
    return jobs["train"] + jobs["val"]


def prepare_room(job: Room, normals: bool = False) -> None:
    """Prepare one room: read its objects, label, write.

    Raises:
        UserError: there are no annotations, or a file is damaged beyond single lines.
    """
    files, skipped = annotation_files(job.folder)
    taxonomy = s3dis.taxonomy()
    index = {name: number for number, name in enumerate(taxonomy.names)}
    coords, colors, segments, lengths = [], [], [], []
    damage: dict[str, dict[str, int]] = {"repaired": {}, "dropped": {}}
    others: Counter[str] = Counter()
    for name, path in files:
        points = read_points(path)
        for key, lines in (("repaired", points.repaired), ("dropped", points.dropped)):
            if lines:
                damage[key][path.name] = lines
        if name not in index:
            others[name] += len(points.coord)
        coords.append(points.coord)
        colors.append(points.color)
        segments.append(index.get(name, index[s3dis.OTHER]))
        lengths.append(len(points.coord))
    arrays: dict[str, NDArray[Any]] = {
        "coord": np.concatenate(coords),
        "color": np.concatenate(colors),
        taxonomy.segment: np.repeat(segments, lengths),
        "instance": np.repeat(np.arange(len(files)), lengths),
    }
    if normals:
        from pointnc.clouds.normals import estimate_normals

        arrays["normal"] = estimate_normals(arrays["coord"])
    record = {"objects": len(files), **damage, "other_names": dict(others), "skipped_files": skipped}
    record["room_points"] = _count_lines(job.folder)
    write_prepared(job.target, arrays, record, [taxonomy], [path for _, path in files])


def annotation_files(room: Path) -> tuple[list[tuple[str, Path]], list[str]]:
    """Return the objects of a room as (class name, file), by name and number, and the txt files that are none.

    Raises:
        UserError: there are no objects.
    """
    found: list[tuple[str, int, Path]] = []
    skipped = []
    for path in sorted((room / "Annotations").glob("*.txt")):
        name = _OBJECT.fullmatch(path.stem)
        if name:
            found.append((name[1].lower(), int(name[2]), path))
        elif not path.name.startswith("."):
            skipped.append(path.name)
    if not found:
        raise UserError(
            f"{room / 'Annotations'} holds no <class>_<number>.txt; unpack the data set again", code="nothing-there"
        )
    return [(name, path) for name, _, path in sorted(found)], skipped


def _count_lines(room: Path) -> int | None:
    """Return the points of the file of the whole room, which need not be called like it; None without one."""
    whole = next((path for path in sorted(room.glob("*.txt")) if not path.name.startswith(".")), None)
    if whole is None:
        return None
    with whole.open("rb") as stream:
        return sum(1 for line in stream if line.strip())


def notes(manifest: Mapping[str, Any]) -> list[str]:
    """Return what is odd about the rooms of a manifest, a line each."""
    lines = []
    records = {
        f"{split}/{name}": record
        for split, content in manifest["splits"].items()
        for name, record in content["scenes"].items()
    }
    for key, words in (("repaired", "were fixed"), ("dropped", "are unreadable and were left out")):
        places = [f"{scene}/{file}" for scene, record in records.items() for file in record.get(key, {})]
        total = sum(sum(record.get(key, {}).values()) for record in records.values())
        if total:
            lines.append(f"{total} damaged lines {words}: {_listing(places)}")
    others: Counter[str] = Counter()
    for record in records.values():
        others.update(record.get("other_names", {}))
    if others:
        names = _listing([f"{name} ({points:,} points)" for name, points in others.most_common()])
        lines.append(f"taken as {s3dis.OTHER}: {names}")
    skipped = [f"{scene}/{file}" for scene, record in records.items() for file in record.get("skipped_files", [])]
    if skipped:
        lines.append(f"{len(skipped)} files are no <class>_<number>.txt and were left out: {_listing(skipped)}")
    differ = [
        scene
        for scene, record in records.items()
        if record.get("room_points") not in (None, record["points"] + sum(record.get("dropped", {}).values()))
    ]
    if differ:
        lines.append(f"{len(differ)} rooms have another number of points in the room's own file: {_listing(differ)}")
    return lines


def _listing(items: Sequence[str], most: int = 5) -> str:
    return ", ".join(items[:most]) + (", ..." if len(items) > most else "")
