"""One raw ScanNet scan to one folder of the scene store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.preparing.writing import write_prepared
from data_prep.scannet.labels import annotate
from data_prep.scannet.raw import annotation_paths, mesh_path, read_scan
from pointnc.benchmarks import scannet
from pointnc.benchmarks.scannet import LabelMap
from pointnc.scenes.mesh import vertex_normals


@dataclass(frozen=True)
class Job:
    """One scene to prepare: where it is, where it goes, whether it has labels."""

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
    record: dict[str, Any] = {"axis_alignment": scan.axis_alignment.ravel().tolist()}
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
        }
    write_prepared(job.target, arrays, record, [scannet.taxonomy(name) for name in scannet.TAXONOMIES], sources)


def align(coord: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (N, 3) coordinates moved by a (4, 4) matrix.

    In float64, rounded once: the alignment of a real scan moves it by meters.
    """
    return (coord.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)
