"""Preparation of a scan in the straightforward way: what the benchmark of ``prepare`` stands beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData

from data_prep.scannet.raw import annotation_paths, mesh_path, read_axis_alignment
from pointnc.benchmarks.scannet import LabelMap, taxonomy


def read_mesh(path: Path) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Return vertices (N, 6), position and color, and faces (F, 3), element by element as plyfile gives them."""
    data = PlyData.read(str(path))
    vertices = np.array([list(vertex)[:6] for vertex in data["vertex"]], np.float32)
    faces = np.array([list(face[0]) for face in data["face"]], np.int32)
    return vertices, faces


def read_labels(path: Path) -> NDArray[np.int32]:
    """Return the (N,) NYU40 ids of ``labels.ply``, element by element."""
    return np.array([vertex["label"] for vertex in PlyData.read(str(path))["vertex"]], np.int32)


def add_at_normals(coord: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return (N, 3) unit normals by one unbuffered addition for each corner."""
    normal = np.zeros_like(coord)
    cross = np.cross(coord[faces[:, 1]] - coord[faces[:, 0]], coord[faces[:, 2]] - coord[faces[:, 0]])
    for corner in range(3):
        np.add.at(normal, faces[:, corner], cross)
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)


def prepare_plainly(folder: Path, out: Path, names: LabelMap) -> None:
    """Write coordinates, colors, normals, both label sets and instances of a scan; an object at a time is looked for.

    No hashes, no checks, no record: less than what stands beside it writes.
    """
    paths = annotation_paths(folder)
    vertices, faces = read_mesh(mesh_path(folder))
    alignment = read_axis_alignment(folder / f"{folder.name}.txt")
    homogeneous = np.ones((len(vertices), 4))
    homogeneous[:, :3] = vertices[:, :3]
    coord: NDArray[np.float32] = (homogeneous @ alignment.T)[:, :3].astype(np.float32)
    segments = np.array(json.loads(paths["segments"].read_text())["segIndices"])
    instance = np.full(len(coord), -1, np.int32)
    labels = {name: np.full(len(coord), -1, np.int16) for name in ("scannet200", "scannet20")}
    if paths["labels"].exists():
        read_labels(paths["labels"])
    for number, item in enumerate(json.loads(paths["objects"].read_text())["segGroups"]):
        inside = np.isin(segments, item["segments"])
        instance[inside] = number
        for name, ids in (("scannet200", names.scannet200), ("scannet20", names.nyu40)):
            labels[name][inside] = taxonomy(name).encode(np.array([ids.get(item["label"], 0)]))[0]
    out.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = {
        "coord": coord,
        "color": vertices[:, 3:].astype(np.uint8),
        "normal": add_at_normals(coord, faces),
    }
    arrays |= {taxonomy(name).segment: values for name, values in labels.items()}
    for name, array in {**arrays, "instance": instance}.items():
        np.save(out / f"{name}.npy", array)
