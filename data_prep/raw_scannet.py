"""The raw ScanNet layout: what lies in the folder of one scan, how it is read and how it is written.

``<scene>_vh_clean_2.ply`` (mesh), ``<scene>_vh_clean_2.0.010000.segs.json`` (over-segment of each vertex),
``<scene>.aggregation.json`` (objects as lists of over-segments), ``<scene>_vh_clean_2.labels.ply`` (NYU40 ids)
and ``<scene>.txt`` (``axisAlignment``). Test scans have the mesh alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.scenes.atomic import atomic_path, write_json, write_text
from pointnc.scenes.ply import read_ply, write_ply


@dataclass(frozen=True)
class RawObject:
    """One annotated object: its raw category name and the over-segments it is made of."""

    label: str
    segments: tuple[int, ...]


@dataclass(frozen=True)
class RawScan:
    """A scan with N vertices, F triangles.

    Attributes:
        name: the scene's name.
        coord: (N, 3) float32, metres, in the scanner's frame.
        color: (N, 3) uint8 RGB.
        faces: (F, 3) int32 vertex indices, counter-clockwise seen from the cameras' side.
        axis_alignment: (4, 4) float64, scanner's frame to the room's axes; identity where the scan has none.
        segment_ids: (N,) int32 over-segment of each vertex, None for a test scan.
        objects: the annotated objects, in file order; empty for a test scan.
        nyu40: (N,) ids of ``labels.ply``, None where the file is missing.
    """

    name: str
    coord: NDArray[np.float32]
    color: NDArray[np.uint8]
    faces: NDArray[np.int32]
    axis_alignment: NDArray[np.float64]
    segment_ids: NDArray[np.int32] | None = None
    objects: tuple[RawObject, ...] = ()
    nyu40: NDArray[Any] | None = None


def mesh_path(folder: Path) -> Path:
    """Return where the mesh of the scan in ``folder`` lies."""
    return folder / f"{folder.name}_vh_clean_2.ply"


def read_scan(folder: Path, labels: bool = True) -> RawScan:
    """Read the folder of one scan.

    Args:
        folder: ``.../scans/<scene>``.
        labels: whether the annotation is expected; without it only mesh and alignment are read.

    Raises:
        UserError: a file is missing, truncated or contradicts another.
    """
    fields, faces = read_ply(mesh_path(folder))
    missing = [c for c in ("red", "green", "blue") if c not in fields]
    if missing:
        raise UserError(f"{mesh_path(folder)} has no vertex property {missing[0]!r}; fetch it again")
    if faces is None:
        raise UserError(f"{mesh_path(folder)} has no faces; fetch it again")
    coord = np.stack([fields[axis] for axis in "xyz"], axis=1).astype(np.float32, copy=False)
    if len(coord) == 0:
        raise UserError(f"{mesh_path(folder)} has no points; fetch it again")
    if not np.isfinite(coord).all():
        raise UserError(f"{mesh_path(folder)} holds NaN coordinates; fetch it again")
    scan = RawScan(
        name=folder.name,
        coord=coord,
        color=np.stack([fields[channel] for channel in ("red", "green", "blue")], axis=1),
        faces=faces,
        axis_alignment=read_axis_alignment(folder / f"{folder.name}.txt"),
    )
    return _with_labels(scan, folder) if labels else scan


def _with_labels(scan: RawScan, folder: Path) -> RawScan:
    segs_path = folder / f"{folder.name}_vh_clean_2.0.010000.segs.json"
    segs = _read_json(segs_path).get("segIndices")
    if not isinstance(segs, list) or len(segs) != len(scan.coord):
        found = len(segs) if isinstance(segs, list) else "no"
        raise UserError(f"{segs_path} has {found} segIndices, the mesh {len(scan.coord)} vertices; fetch both again")
    groups_path = folder / f"{folder.name}.aggregation.json"
    try:
        objects = tuple(
            RawObject(str(group["label"]), tuple(int(i) for i in group["segments"]))
            for group in _read_json(groups_path)["segGroups"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{groups_path} is no aggregation file ({error!r}); fetch it again") from None
    labels_path = folder / f"{folder.name}_vh_clean_2.labels.ply"
    nyu40 = read_ply(labels_path)[0].get("label") if labels_path.exists() else None
    return RawScan(
        **{**vars(scan), "segment_ids": np.array(segs, np.int32), "objects": objects, "nyu40": nyu40},
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path} is missing; fetch the scan again") from None
    except ValueError as error:
        raise UserError(f"{path} is truncated or no json ({error}); fetch it again") from None
    if not isinstance(data, dict):
        raise UserError(f"{path} is no json object; fetch it again")
    return data


def read_axis_alignment(path: Path) -> NDArray[np.float64]:
    """Return the (4, 4) ``axisAlignment`` of ``<scene>.txt``; identity without the file or the line.

    Raises:
        UserError: the line does not hold 16 finite numbers.
    """
    if not path.exists():
        return np.eye(4)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "axisAlignment":
            try:
                matrix = np.array([float(x) for x in value.split()]).reshape(4, 4)
            except ValueError:
                raise UserError(f"{path}: axisAlignment does not hold 16 numbers") from None
            if not np.isfinite(matrix).all():
                raise UserError(f"{path}: axisAlignment holds NaN or infinity")
            return matrix
    return np.eye(4)


def write_scan(scan: RawScan, folder: Path, info: dict[str, str] | None = None) -> None:
    """Write the folder of one scan, whole or not at all.

    Args:
        scan: the scan; its name must equal the folder's.
        folder: ``.../scans/<scene>``.
        info: further ``key = value`` lines of ``<scene>.txt``.
    """
    if scan.name != folder.name:
        raise ValueError(f"scan {scan.name} does not belong into folder {folder.name}")
    position = {axis: scan.coord[:, i].astype(np.float32) for i, axis in enumerate("xyz")}
    color = {channel: scan.color[:, i] for i, channel in enumerate(("red", "green", "blue"))}
    opaque = {"alpha": np.full(len(scan.coord), 255, np.uint8)}
    lines = {"axisAlignment": " ".join(f"{x:.6f}" for x in scan.axis_alignment.ravel()), **(info or {})}
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        stem = temporary / scan.name
        write_ply(f"{stem}_vh_clean_2.ply", {**position, **color, **opaque}, scan.faces)
        write_text(f"{stem}.txt", "".join(f"{key} = {value}\n" for key, value in lines.items()))
        if scan.segment_ids is None:
            return
        write_json(
            f"{stem}_vh_clean_2.0.010000.segs.json",
            {"sceneId": scan.name, "segIndices": scan.segment_ids.tolist()},
            compact=True,
        )
        write_json(
            f"{stem}.aggregation.json",
            {
                "sceneId": f"scannet.{scan.name}",
                "appId": "Aggregator.v2",
                "segGroups": [
                    {"id": i, "objectId": i, "segments": list(map(int, item.segments)), "label": item.label}
                    for i, item in enumerate(scan.objects)
                ],
                "segmentsFile": f"scannet.{scan.name}_vh_clean_2.0.010000.segs.json",
            },
            compact=True,
        )
        if scan.nyu40 is not None:
            label = {"label": scan.nyu40.astype(np.uint16)}
            write_ply(f"{stem}_vh_clean_2.labels.ply", {**position, **color, **opaque, **label}, scan.faces)
