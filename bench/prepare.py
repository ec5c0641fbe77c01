"""Preparation of a scan by stage, beside the usual ways: ``python -m bench prepare``."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData

from bench.measure import medians
from bench.rows import Row
from data_prep.preparing import hash_array, hash_file
from data_prep.raw_scannet import RawObject, RawScan, annotation_paths, mesh_path, read_scan, write_scan
from data_prep.rooms.generate import label_map
from data_prep.scannet import prepare
from data_prep.scannet_labels import annotate
from data_prep.scannet_scene import Job, align, prepare_scene
from pointnc.benchmarks.scannet import LABEL_MAP_FILE, LabelMap, taxonomy
from pointnc.scenes.mesh import vertex_normals
from pointnc.scenes.ply import read_ply
from pointnc.scenes.store import DTYPES, write_scene

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


def add_at_normals(coord: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """The usual way: one unbuffered addition for each corner."""
    normal = np.zeros_like(coord)
    cross = np.cross(coord[faces[:, 1]] - coord[faces[:, 0]], coord[faces[:, 2]] - coord[faces[:, 0]])
    for corner in range(3):
        np.add.at(normal, faces[:, corner], cross)
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)


def stages(folder: Path, out: Path) -> dict[str, Callable[[], Any]]:
    """Return the parts of the preparation of a scan as calls, the whole last."""
    classes = taxonomy("scannet200")
    names = LabelMap(dict(zip(classes.names, classes.ids)), dict.fromkeys(classes.names, 1))
    paths = annotation_paths(folder)
    scan = read_scan(folder)
    annotation = annotate(scan, names)
    arrays: dict[str, NDArray[Any]] = {"coord": scan.coord, "color": scan.color, **annotation.arrays}
    arrays["normal"] = vertex_normals(scan.coord, scan.faces)
    typed = {key: np.ascontiguousarray(value, DTYPES.get(key, np.int16)) for key, value in arrays.items()}

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
                hash_file(path)
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


def two_processes(root: Path, scenes: int) -> float:
    """Return the seconds that one process takes for all scenes, as a multiple of what two take."""
    taken = {}
    for workers in (1, 2):
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            prepare(root, root.parent / f"store{workers}", splits=["train"], workers=workers)
        taken[workers] = time.perf_counter() - start
    return taken[1] / taken[2]


def rows(quick: bool = False) -> list[Row]:
    """Measure a scan of 150 thousand vertices by stage, the usual ways beside it, and two processes against one."""
    side, repeats = (120, 3) if quick else (SIDE, 7)
    result = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "scans" / "scene0000_00"
        scan = synthetic_scan(side)
        write_scan(scan, folder)
        size = f"{side * side:,} vertices"
        ours = medians(stages(folder, Path(scratch) / "store"), repeats, "cpu")
        slow = {
            "parsing ply": ("plyfile", lambda: PlyData.read(str(mesh_path(folder)))),
            "normals": ("np.add.at", lambda: add_at_normals(scan.coord, scan.faces)),
        }
        theirs = medians({stage: call for stage, (_, call) in slow.items()}, 3, "cpu")
        plain = ours["whole scene"] + sum(theirs[stage] - ours[stage] for stage in slow)
        name = "plyfile and np.add.at in it"
        result.append(Row("raw scene to store", size, ours["whole scene"], "ms", name, plain, target=300))
        for stage, taken in ours.items():
            reference = slow[stage][0] if stage in slow else ""
            if stage != "whole scene":
                result.append(Row(f"– {stage}", size, taken, "ms", reference, theirs.get(stage)))
        scenes = 4 if quick else 120
        root = Path(scratch) / "many"
        write_many(root, scan, scenes)
        ratio = two_processes(root, scenes)
        note = "wall time, processes started anew"
        result.append(Row("two processes", f"{scenes} scenes", ratio, "x one", target=1.8, at_least=True, note=note))
    return result
