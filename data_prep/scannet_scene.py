"""One raw ScanNet scan to one folder of the scene store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.raw_scannet import annotation_paths, mesh_path, read_scan
from data_prep.scannet_labels import annotate
from pointnc.benchmarks import scannet
from pointnc.benchmarks.scannet import LabelMap
from pointnc.scenes.mesh import vertex_normals
from pointnc.scenes.store import DTYPES, write_scene


@dataclass(frozen=True)
class Job:
    """One scene to prepare: where it lies, where it goes, whether it has labels."""

    folder: Path
    target: Path
    labels: bool


def prepare_scene(job: Job, names: LabelMap) -> None:
    """Prepare one scene: align, compute normals, label, write.

    Raises:
        UserError: the raw scene is damaged.
    """
    scan = read_scan(job.folder, labels=job.labels)
    coord = align(scan.coord, scan.axis_alignment)
    arrays: dict[str, NDArray[Any]] = {
        "coord": coord,
        "color": scan.color,
        "normal": vertex_normals(coord, scan.faces),
    }
    record: dict[str, Any] = {
        "points": len(coord),
        "axis_alignment": scan.axis_alignment.ravel().tolist(),
    }
    sources = [mesh_path(job.folder), job.folder / f"{job.folder.name}.txt"]
    if job.labels:
        annotation = annotate(scan, names)
        sources += annotation_paths(job.folder).values()
        arrays |= annotation.arrays
        record |= {
            "unknown_names": annotation.unknown,
            "objects": len(scan.objects),
            "shared_segments": annotation.shared_segments,
            "labels_ply": annotation.labels_ply,
            "histogram": {
                taxonomy.segment: histogram(arrays[taxonomy.segment], len(taxonomy))
                for taxonomy in map(scannet.taxonomy, scannet.TAXONOMIES)
            },
        }
    # In the types of the files, so that the hashes are those of what is written.
    arrays = {key: np.ascontiguousarray(value, DTYPES.get(key, np.int16)) for key, value in arrays.items()}
    record["hash"] = {key: hash_array(value) for key, value in arrays.items()}
    record["source"] = {path.name: hash_file(path) for path in sources if path.is_file()}
    write_scene(job.target, arrays, record)


def align(coord: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (N, 3) coordinates moved by a (4, 4) matrix.

    In float64, rounded once: the alignment of a real scan moves it by metres.
    """
    return (coord.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)


def histogram(segment: NDArray[Any], classes: int) -> list[int]:
    """Return the points of each class of (N,) train indices; -1 is left out."""
    # Shifted by one instead of masked: one pass, no copy of the labelled part.
    return np.bincount(segment + 1, minlength=classes + 1)[1:].tolist()


def hash_array(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's bytes in C order, without the header of its file."""
    return "sha256:" + hashlib.sha256(array.tobytes()).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return "sha256:" + digest.hexdigest()
