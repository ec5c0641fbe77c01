"""Preparation of a scan by stage, beside the usual ways: ``python -m bench.prepare [.../scans/<scene>]``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData
from rich.console import Console
from rich.table import Table

from bench.voxels import median_ms
from data_prep.raw_scannet import RawObject, RawScan, annotation_paths, mesh_path, read_scan, write_scan
from data_prep.scannet_labels import annotate
from data_prep.scannet_scene import Job, align, hash_array, hash_file, prepare_scene
from pointnc.benchmarks.scannet import LabelMap, taxonomy
from pointnc.scenes.mesh import vertex_normals
from pointnc.scenes.ply import read_ply
from pointnc.scenes.store import DTYPES, write_scene

SIDE = 387
"""Vertices along the side of the synthetic scan: 150 thousand in all, as a ScanNet scan has."""
REPEATS = 7
TARGET = 5


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
    segments = np.split(np.unique(segment_ids)[:440], 40)
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


def measure(folder: Path, out: Path) -> tuple[int, dict[str, float], dict[str, tuple[float, float]]]:
    """Return N, milliseconds by stage (the whole last), and milliseconds of slow ways with ours beside."""
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

    stages = {
        "parsing ply": parse_ply,
        "parsing json": parse_json,
        "alignment": lambda: align(scan.coord, scan.axis_alignment),
        "normals": lambda: vertex_normals(scan.coord, scan.faces),
        "labels, cross-check": lambda: annotate(scan, names),
        "hashing": hashing,
        "writing": lambda: write_scene(out / "train" / "a", typed, {}),
        "whole scene": lambda: prepare_scene(Job(folder, out / "train" / "b", labels=True), names),
    }
    seconds = {name: median_ms(call, REPEATS) for name, call in stages.items()}
    slow = {
        "plyfile, element by element": (
            median_ms(lambda: PlyData.read(str(mesh_path(folder))), REPEATS),
            median_ms(lambda: read_ply(mesh_path(folder)), REPEATS),
        ),
        "normals by np.add.at": (
            median_ms(lambda: add_at_normals(scan.coord, scan.faces), REPEATS),
            seconds["normals"],
        ),
    }
    return len(scan.coord), seconds, slow


def main(folder: str | None = None) -> None:
    """Print the table for the scan in ``folder``, or for a synthetic one."""
    console = Console(width=100)
    with tempfile.TemporaryDirectory() as scratch:
        scan = Path(folder) if folder else Path(scratch) / "scans" / "scene0000_00"
        if not folder:
            write_scan(synthetic_scan(), scan)
        points, stages, slow = measure(scan, Path(scratch) / "store")
    whole = stages.pop("whole scene")
    table = Table(title=f"{scan.name}: {points:,} vertices, median of {REPEATS}, one core")
    for heading in ("stage", "CPU ms", "share"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for name, duration in stages.items():
        table.add_row(name, f"{duration:.1f}", f"{duration / whole:.0%}")
    rest = whole - sum(stages.values())
    table.add_row("the rest (stacking, checks, types)", f"{rest:.1f}", f"{rest / whole:.0%}", end_section=True)
    table.add_row("whole scene", f"{whole:.1f}", f"{1e3 / whole:.1f} scenes/s")
    for name, (duration, ours) in slow.items():
        table.add_row(name, f"{duration:.1f}", f"{duration / ours:.1f} x ours")
    console.print(table)
    limit = max(stages, key=lambda name: stages[name])
    console.print(f"target: {TARGET} scenes/s a core. What limits it: {limit} ({stages[limit]:.0f} of {whole:.0f} ms)")


if __name__ == "__main__":
    main(*sys.argv[1:2])
