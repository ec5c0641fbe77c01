"""Rooms to a folder in the raw ScanNet layout, on all cores, the same in every byte on any number of them."""

from __future__ import annotations

import csv
import io
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.processes import check_workers, in_parallel, unseen, unseen_line
from data_prep.rooms.layout import make_room
from data_prep.rooms.recipes import nyu40
from data_prep.rooms.scan import scan_room
from data_prep.rooms.scanner import Scanner
from data_prep.scannet.raw import RawScan, write_scan
from data_prep.stopping import nothing_left
from pointnc.benchmarks.scannet import LABEL_MAP_FILE, SPLITS, taxonomy
from pointnc.errors import UserError
from pointnc.files.atomic import write_json, write_text
from pointnc.files.leftovers import sweep
from pointnc.files.locks import hold
from pointnc.untrusted.json_file import read_json_object

VERSION = 1
"""Raised whenever the same seed makes other rooms than before."""

RECORD = "rooms.json"


@dataclass(frozen=True)
class SceneTask:
    """What one process needs to know to make one scene.

    Attributes:
        folder: where the scene is written.
        seed: entropy of the scene's random numbers: the seed, the split's number, the index within the split.
        labels: whether the annotation is written.
        scanner: the settings of the scan.
    """

    folder: Path
    seed: tuple[int, int, int]
    labels: bool
    scanner: Scanner


@dataclass(frozen=True)
class SceneRecord:
    """What was made.

    Attributes:
        name: the scene.
        kind: type of room.
        vertices: vertices of the mesh.
        seconds: CPU-seconds it took.
        instances: number of annotated objects by class.
    """

    name: str
    kind: str
    vertices: int
    seconds: float
    instances: Counter[str]


REMEDY = "add overwrite=true to make them again, or choose another out="
"""What to do about rooms of other settings."""


def generate(
    out: str | Path,
    train: int,
    val: int,
    test: int = 0,
    *,
    seed: int = 0,
    workers: int | None = None,
    scanner: Scanner | None = None,
    overwrite: bool = False,
    remedy: str = REMEDY,
) -> list[SceneRecord]:
    """Write rooms in the raw ScanNet layout and return what was made, in the order of the names.

    A scene that is there is not made again, so that an interrupted run goes on where it stopped. The scene lists
    are written last.

    Args:
        out: the folder; gets ``scans/``, ``scans_test/``, scene lists, label map and ``rooms.json``.
        train: number of training rooms.
        val: number of validation rooms, from other seeds than the training rooms.
        test: number of test rooms: mesh alone, no annotation, no alignment.
        seed: any number from 0.
        workers: number of processes; None: one a core.
        scanner: the settings of the scans; the default ones without.
        overwrite: remove the rooms that are there and make all of them.
        remedy: what a message about rooms of other settings ends with.

    Raises:
        UserError: a number is out of range, or ``out`` holds rooms of other settings or something else.
    """
    counts = {"train": train, "val": val, "test": test}
    for key, value in {**counts, "seed": seed}.items():
        if not isinstance(value, int) or value < 0:
            raise UserError(f"{key}={value} must be a whole number from 0", code="option")
    if sum(counts.values()) == 0:
        raise UserError("train=0 val=0 test=0 asks for no room; ask for one at least", code="option")
    check_workers(workers)
    out, scanner = Path(out).absolute(), scanner or Scanner()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{out} is a file; choose a folder as out=", code="path-kind") from None
    # One at a time: a second command for the same rooms waits, and then finds them made.
    with hold(out, wait=True, doing="makes rooms"):
        _claim(out, {"version": VERSION, "seed": seed, **counts, "scanner": asdict(scanner)}, overwrite, remedy)
        return _make(out, counts, seed, workers, scanner)


def _make(out: Path, counts: dict[str, int], seed: int, workers: int | None, scanner: Scanner) -> list[SceneRecord]:
    """Make what is missing in a folder that is ours."""
    names = _scene_names(counts)
    tasks = [
        SceneTask(_folder(out, split, name), (seed, number, index), split != "test", scanner)
        for number, split in enumerate(SPLITS)
        for index, name in enumerate(names[split])
    ]
    write_text(out / LABEL_MAP_FILE, label_map())
    with nothing_left({task.folder.parent for task in tasks}):
        made = _make_scenes([task for task in tasks if not task.folder.exists()], len(tasks), workers)
    lost = unseen([task.folder for task in tasks])
    if lost:
        raise UserError(unseen_line(lost[0]), code="missing-file")
    for split in SPLITS:
        write_text(out / f"scannetv2_{split}.txt", "".join(f"{name}\n" for name in names[split]))
    return sorted(made, key=lambda item: item.name)


def make_scene(task: SceneTask) -> SceneRecord:
    """Furnish, scan and write one room."""
    start = time.process_time()
    rng = np.random.default_rng(np.random.SeedSequence(task.seed))
    room = make_room(task.folder.name, rng)
    scan = scan_room(room, rng, task.scanner)
    instances = Counter(item.label for item in scan.objects)
    write_scan(scan if task.labels else _without_labels(scan), task.folder, scene_info(room.kind, task.scanner))
    return SceneRecord(scan.name, room.kind, len(scan.coord), time.process_time() - start, instances)


def scene_info(kind: str, scanner: Scanner) -> dict[str, str]:
    """Return the lines that ``<scene>.txt`` has besides the alignment."""
    camera = scanner.camera
    return {
        "depthWidth": str(camera.width),
        "depthHeight": str(camera.height),
        "fx_depth": f"{camera.focal:.6f}",
        "fy_depth": f"{camera.focal:.6f}",
        "numDepthFrames": str(scanner.poses),
        "sceneType": kind,
    }


def label_map() -> str:
    """Return the label table of the rooms' classes, in the columns that preparation reads."""
    ids = dict(zip(taxonomy("scannet200").names, taxonomy("scannet200").ids))
    table = io.StringIO()
    writer = csv.writer(table, delimiter="\t", lineterminator="\n")
    writer.writerow(["id", "raw_category", "category", "nyu40id"])
    rows = [(ids.get(name, 0), name, name, coarse) for name, coarse in nyu40().items()]
    writer.writerows(sorted(rows))
    return table.getvalue()


def _without_labels(scan: RawScan) -> RawScan:
    """Return the scan as ScanNet hands out its test scenes."""
    return RawScan(scan.name, scan.coord, scan.color, scan.faces, np.eye(4))


def _scene_names(counts: dict[str, int]) -> dict[str, list[str]]:
    """Return the names of each split; numbered through, so that no two splits share one."""
    names: dict[str, list[str]] = {}
    start = 0
    for split in SPLITS:
        names[split] = [f"scene{number:04d}_00" for number in range(start, start + counts[split])]
        start += counts[split]
    return names


def _folder(out: Path, split: str, name: str) -> Path:
    return out / ("scans_test" if split == "test" else "scans") / name


def _claim(out: Path, settings: dict[str, Any], overwrite: bool, remedy: str = REMEDY) -> None:
    """Make sure that ``out`` is new or holds rooms of the same settings, and leave the settings there."""
    try:
        found = read_json_object(out / RECORD, f"remove {out}, or choose another out=")
    except FileNotFoundError:
        if any((out / name).exists() for name in ("scans", "scans_test")):
            raise UserError(
                f"{out} holds scans but no {RECORD}: they are not rooms; choose another out=", code="not-ours"
            ) from None
        found = settings
    if overwrite:
        for folder in ("scans", "scans_test"):
            for scene in (out / folder).glob("scene*_00"):
                shutil.rmtree(scene)
    elif found != settings:
        raise UserError(
            f"{out} holds rooms with {', '.join(_differences(found, settings))}; {remedy}",
            code="other-settings",
        )
    sweep(out, *(out / folder for folder in ("scans", "scans_test")))
    write_json(out / RECORD, settings)


def _differences(found: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> Iterable[str]:
    """Say where two settings differ: ``seed=0 instead of 1``."""
    for key in dict.fromkeys([*wanted, *found]):
        mine, theirs = wanted.get(key), found.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            yield from _differences(theirs, mine, f"{prefix}{key}.")
        elif mine != theirs:
            yield f"{prefix}{key}={theirs} instead of {mine}"


def _make_scenes(tasks: Sequence[SceneTask], total: int, workers: int | None) -> list[SceneRecord]:
    """Make the scenes, with a progress bar that starts at what is done already."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if not tasks:
        return []
    columns = (TextColumn("rooms"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    made = []
    with Progress(*columns) as progress:
        bar = progress.add_task("rooms", total=total, completed=total - len(tasks))
        for record in in_parallel(make_scene, tasks, workers):
            made.append(record)
            progress.advance(bar)
    return made
