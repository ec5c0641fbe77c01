"""Preparation of a scan by stage, beside the usual ways: ``python -m bench prepare``."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.measure import REPEATS, exponent, growth, medians, moving
from bench.plain_prepare import add_at_normals, prepare_plainly, read_labels, read_mesh
from bench.rows import Row
from data_prep.preparing.writing import hash_array
from data_prep.rooms.generate import label_map
from data_prep.scannet.labels import annotate
from data_prep.scannet.preparation import prepare
from data_prep.scannet.raw import RawObject, RawScan, annotation_paths, mesh_path, read_scan, write_scan
from data_prep.scannet.scene import Job, align, prepare_scene
from pointnc.benchmarks.scannet import LABEL_MAP_FILE, LabelMap, taxonomy
from pointnc.files.hashes import file_sha256
from pointnc.scenes.mesh import vertex_normals
from pointnc.scenes.ply import read_ply
from pointnc.scenes.writing import as_stored, write_scene

SIDE = 387
"""Vertices along the side of the synthetic scan: 150 thousand in all, as a ScanNet scan has."""


def synthetic_scan(side: int = SIDE) -> RawScan:
    """Return a rough sheet with an over-segment for each 18 x 18 vertices and 40 objects of 11 over-segments."""
    rng = np.random.default_rng(0)
    row, column = (axis.ravel() for axis in np.mgrid[:side, :side])
    coord = np.stack([row * 0.018, column * 0.018, rng.normal(1, 0.01, side * side)], axis=1)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + side, corner + side + 1], 1), np.stack([corner, corner + side + 1, corner + 1], 1)]
    )
    # Over-segments are named after one of their vertices, as in ScanNet.
    segment_ids = (row // 18 * 18 * side + column // 18 * 18).astype(np.int32)
    segments = np.array_split(np.unique(segment_ids)[:440], 40)
    names = taxonomy("scannet200").names
    return RawScan(
        name="scene0000_00",
        coord=coord.astype(np.float32),
        color=rng.integers(0, 256, (side * side, 3), np.uint8),
        faces=faces.astype(np.int32),
        axis_alignment=np.eye(4),
        segment_ids=segment_ids,
        objects=tuple(RawObject(names[index], tuple(ids.tolist())) for index, ids in enumerate(segments)),
        nyu40=np.ones(side * side, np.uint16),
    )


def label_names() -> LabelMap:
    """Return a label map that knows the names of ScanNet200; all are walls to NYU40."""
    classes = taxonomy("scannet200")
    return LabelMap(dict(zip(classes.names, classes.ids)), dict.fromkeys(classes.names, 1))


def stages(folder: Path, out: Path) -> dict[str, Callable[[], Any]]:
    """Return the parts of the preparation of a scan as calls, the whole last."""
    names = label_names()
    paths = annotation_paths(folder)
    scan = read_scan(folder)
    annotation = annotate(scan, names)
    arrays: dict[str, NDArray[Any]] = {"coord": scan.coord, "color": scan.color, **annotation.arrays}
    arrays["normal"] = vertex_normals(scan.coord, scan.faces)
    typed = as_stored(arrays)

    def parse_json() -> None:
        np.array(json.loads(paths["segments"].read_bytes())["segIndices"]).astype(np.int32)
        json.loads(paths["objects"].read_bytes())

    def parse_ply() -> None:
        read_ply(mesh_path(folder))
        if paths["labels"].exists():
            read_ply(paths["labels"], only=("label",))

    def hashing() -> None:
        for path in (mesh_path(folder), *paths.values()):
            if path.exists():
                file_sha256(path)
        for array in typed.values():
            hash_array(array)

    return {
        "parsing ply": parse_ply,
        "parsing json": parse_json,
        "alignment": lambda: align(scan.coord, scan.axis_alignment),
        "normals": lambda: vertex_normals(scan.coord, scan.faces),
        "labels, cross-check": lambda: annotate(scan, names),
        "hashing": hashing,
        "writing": lambda: write_scene(out / "train" / "a", typed, {}),
        "whole scene": lambda: prepare_scene(Job(folder, out / "train" / "b", labels=True), names),
    }


def write_many(root: Path, scan: RawScan, scenes: int) -> None:
    """Write a raw root with so many copies of a scan, all of the training split."""
    names = [f"scene{number:04d}_00" for number in range(scenes)]
    for name in names:
        write_scan(replace(scan, name=name), root / "scans" / name)
    (root / "scannetv2_train.txt").write_text("\n".join(names) + "\n")
    (root / LABEL_MAP_FILE).write_text(label_map())


def two_processes(root: Path, scenes: int, repeats: int) -> dict[int, float]:
    """Return the median seconds that one and two processes take for all scenes, in turns.

    The processes have started before: a store has a thousand scenes, of which the start is no noticeable part.
    """
    taken: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(repeats + 1):
        for workers, seconds in taken.items():
            out = root.parent / f"store{workers}"
            start = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()):
                prepare(root, out, splits=["train"], workers=workers)
            if turn:
                seconds.append(time.perf_counter() - start)
            written = len([*out.glob("train/*/coord.npy")])
            if written != scenes:
                raise RuntimeError(f"{written} of {scenes} scenes were prepared")
            shutil.rmtree(out)
    return {workers: statistics.median(seconds) for workers, seconds in taken.items()}


def moved_bytes(folder: Path, scene: Path) -> int:
    """Return the bytes of a raw scan and of what is written of it."""
    return sum(path.stat().st_size for place in (folder, scene) for path in place.iterdir() if path.is_file())


def rows(quick: bool = False) -> list[Row]:
    """Measure a scan of 150 thousand vertices by stage, the usual ways beside it, and two processes against one."""
    side, repeats = (120, 2) if quick else (SIDE, REPEATS)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        scan = synthetic_scan(side)
        result = _stage_rows(root, scan, repeats)
        sides = (30, 60, 90, 120) if quick else (SIDE // 4, SIDE // 2, SIDE * 3 // 4, SIDE)

        def whole(side: int) -> Callable[[], Any]:
            folder = root / f"side{side}" / "scene0000_00"
            write_scan(synthetic_scan(side), folder)
            return stages(folder, root / f"grown{side}")["whole scene"]

        taken = growth(whole, sides, repeats)
        sizes = [side * side for side in sides]
        span = f"{sizes[0]:,} to {sizes[-1]:,} vertices"
        fitted = exponent(sizes, taken)
        result.append(Row("raw scene to store, growth", span, taken[-1], growth=fitted, repeats=repeats))
        scenes = 2 if quick else 48
        many = root / "many"
        write_many(many, scan, scenes)
        turns = 1 if quick else REPEATS
        seconds = two_processes(many, scenes, turns)
        note = f"wall time, {seconds[1]:.1f} s by one, {seconds[2]:.1f} s by two that have started; limit: twice"
        result.append(
            Row(
                "two processes", f"{scenes} scenes", seconds[1] / seconds[2], "x one", target=1.8, at_least=True,
                limit=2, repeats=turns, note=note,
            )
        )  # fmt: skip
    return result


def _stage_rows(root: Path, scan: RawScan, repeats: int) -> list[Row]:
    """Measure the whole preparation of a scan and its stages, in turns with the straightforward way."""
    folder = root / "scans" / "scene0000_00"
    write_scan(scan, folder)
    size = f"{len(scan.coord):,} vertices"
    ours = stages(folder, root / "store")
    slow: dict[str, tuple[str, Callable[[], Any]]] = {
        "parsing ply": ("plyfile, by element", lambda: _plain_ply(folder)),
        "normals": ("np.add.at", lambda: add_at_normals(scan.coord, scan.faces)),
        "whole scene": (
            "plyfile by element, np.add.at",
            lambda: prepare_plainly(folder, root / "plain", label_names()),
        ),
    }
    ways = ours | {f"plain {stage}": call for stage, (_, call) in slow.items()}
    taken = medians(ways, repeats, "cpu")
    _compare(root / "store" / "train" / "b", root / "plain")
    limit = moving(moved_bytes(folder, root / "store" / "train" / "b"))
    result = []
    for stage in ("whole scene", *(stage for stage in ours if stage != "whole scene")):
        whole = stage == "whole scene"
        result.append(
            Row(
                "raw scene to store" if whole else f"– {stage}", size, taken[stage], "ms",
                slow[stage][0] if stage in slow else "", taken.get(f"plain {stage}"), 300 if whole else None,
                limit=limit if whole else None, repeats=repeats,
                note="limit: the files read and written at the speed of a copy in memory" if whole else "",
            )
        )  # fmt: skip
    return result


def _plain_ply(folder: Path) -> None:
    read_mesh(mesh_path(folder))
    if annotation_paths(folder)["labels"].exists():
        read_labels(annotation_paths(folder)["labels"])


def _compare(ours: Path, plain: Path) -> None:
    """Check that both ways wrote the same scene."""
    for path in plain.iterdir():
        if not np.allclose(np.load(ours / path.name), np.load(path), atol=1e-4):
            raise RuntimeError(f"the two ways to prepare a scan differ in {path.name}")
