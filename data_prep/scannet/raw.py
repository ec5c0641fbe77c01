"""The raw ScanNet layout: what is in the folder of one scan, how it is read and how it is written.

``<scene>_vh_clean_2.ply`` (mesh), ``<scene>_vh_clean_2.0.010000.segs.json`` (over-segment of each vertex),
``<scene>.aggregation.json`` (objects as lists of over-segments), ``<scene>_vh_clean_2.labels.ply`` (NYU40 ids)
and ``<scene>.txt`` (``axisAlignment``). Test scans have the mesh alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.files.atomic import atomic_path, write_json, write_text
from pointnc.scenes.ply import read_ply, write_ply
from pointnc.untrusted.json_file import LARGE, SMALL, read_json_object
from pointnc.untrusted.sizes import read_bounded

FAR = 1e6
"""Meters from the scanner beyond which a coordinate is damage."""

LARGEST_SCALE = 10
"""Of an alignment, which turns and does not stretch."""

MOST_BYTES_OF_ID = 32
"""Of a json list of numbers, for each, with the white space around it."""

CHANNELS = ("red", "green", "blue")


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
        coord: (N, 3) float32, meters, in the scanner's frame.
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
    """Return where the mesh of the scan in ``folder`` is."""
    return folder / f"{folder.name}_vh_clean_2.ply"


def annotation_paths(folder: Path) -> dict[str, Path]:
    """Return where the annotation of the scan in ``folder`` is: "segments", "objects" and "labels" (optional)."""
    return {
        "segments": folder / f"{folder.name}_vh_clean_2.0.010000.segs.json",
        "objects": folder / f"{folder.name}.aggregation.json",
        "labels": folder / f"{folder.name}_vh_clean_2.labels.ply",
    }


def read_scan(folder: Path, labels: bool = True) -> RawScan:
    """Read the folder of one scan.

    Args:
        folder: ``.../scans/<scene>``.
        labels: whether the annotation is expected; without it only mesh and alignment are read.

    Raises:
        UserError: a file is missing, truncated or contradicts another.
    """
    path = mesh_path(folder)
    fields, faces = read_ply(path)
    for channel in CHANNELS:
        if channel not in fields:
            raise UserError(f"{path} has no vertex property {channel!r}; fetch it again", code="missing-column")
        if fields[channel].dtype != np.uint8:
            raise UserError(
                f"{path}: property {channel!r} is {fields[channel].dtype}, not uchar; fetch it again", code="dtype"
            )
    if faces is None:
        raise UserError(f"{path} has no faces; fetch it again", code="malformed")
    coord = np.stack([fields[axis] for axis in "xyz"], axis=1).astype(np.float32, copy=False)
    if len(coord) == 0:
        raise UserError(f"{path} has no points; fetch it again", code="no-points")
    if not max(-coord.min(), coord.max()) <= FAR:  # true for NaN
        raise UserError(f"{path} holds coordinates that are NaN or beyond {FAR:g} m; fetch it again", code="not-finite")
    scan = RawScan(
        name=folder.name,
        coord=coord,
        color=np.stack([fields[channel] for channel in CHANNELS], axis=1),
        faces=faces,
        axis_alignment=read_axis_alignment(folder / f"{folder.name}.txt"),
    )
    if not labels:
        return scan
    paths = annotation_paths(folder)
    return replace(
        scan,
        segment_ids=_read_segments(paths["segments"], len(coord)),
        objects=_read_objects(paths["objects"]),
        nyu40=_read_nyu40(paths["labels"], len(coord)),
    )


def _read_segments(path: Path, vertices: int) -> NDArray[np.int32]:
    listed = _read_json(path, SMALL + MOST_BYTES_OF_ID * vertices).get("segIndices")
    if not isinstance(listed, list) or len(listed) != vertices:
        found = len(listed) if isinstance(listed, list) else "no"
        raise UserError(
            f"{path} has {found} segIndices, the mesh {vertices} vertices; fetch both again", code="other-length"
        )
    try:
        ids = np.array(listed)
        if ids.ndim == 1 and ids.dtype.kind == "i" and ids.min() >= 0 and ids.max() <= np.iinfo(np.int32).max:
            return ids.astype(np.int32)
    except (ValueError, OverflowError):  # nested lists
        pass
    raise UserError(f"{path}: segIndices are not all over-segment numbers; fetch it again", code="damaged-file")


def _read_objects(path: Path) -> tuple[RawObject, ...]:
    groups = _read_json(path, LARGE).get("segGroups")
    if not isinstance(groups, list):
        raise UserError(f"{path} is no aggregation file (it has no list segGroups); fetch it again", code="malformed")
    largest = np.iinfo(np.int32).max
    objects = []
    for number, group in enumerate(groups):
        label, segments = (group.get(key) if isinstance(group, dict) else None for key in ("label", "segments"))
        if not isinstance(label, str) or not isinstance(segments, list):
            raise UserError(
                f"{path} is no aggregation file (object {number} has no label or segments); fetch it again",
                code="malformed",
            )
        if not all(type(one) is int and 0 <= one <= largest for one in segments):
            raise UserError(
                f"{path}: segments of object {number} are not all over-segment numbers; fetch it again",
                code="damaged-file",
            )
        objects.append(RawObject(label, tuple(segments)))
    return tuple(objects)


def _read_nyu40(path: Path, vertices: int) -> NDArray[Any] | None:
    if not path.exists():
        return None
    label = read_ply(path, only=("label",))[0].get("label")
    if label is None:
        raise UserError(f"{path} has no vertex property 'label'; fetch it again or delete it", code="missing-column")
    if label.dtype.kind not in "iu":
        raise UserError(f"{path}: property 'label' is {label.dtype}, not an integer; fetch it again", code="dtype")
    if len(label) != vertices:
        raise UserError(f"{path} has {len(label)} vertices, the mesh {vertices}; fetch both again", code="other-length")
    return label


def _read_json(path: Path, most: int) -> dict[str, Any]:
    try:
        return read_json_object(path, "fetch it again", most=most)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; fetch the scan again", code="missing-file") from None


def read_axis_alignment(path: Path) -> NDArray[np.float64]:
    """Return the (4, 4) ``axisAlignment`` of ``<scene>.txt``; identity without the file or the line.

    Raises:
        UserError: the file is empty, or the line does not hold 16 numbers that turn and move by so much.
    """
    if not path.exists():
        return np.eye(4)
    lines = read_bounded(path, SMALL, "fetch it again").decode("utf-8-sig", "replace").splitlines()
    if not any(map(str.strip, lines)):
        raise UserError(f"{path} is empty; fetch it again", code="empty-file")
    for line in lines:
        key, _, value = line.partition("=")
        if key.strip() == "axisAlignment":
            try:
                matrix = np.array([float(x) for x in value.split()]).reshape(4, 4)
            except ValueError:
                raise UserError(
                    f"{path}: axisAlignment does not hold 16 numbers; fetch it again", code="damaged-file"
                ) from None
            if not np.isfinite(matrix).all():
                raise UserError(f"{path}: axisAlignment holds NaN or infinity; fetch it again", code="not-finite")
            if np.abs(matrix[:3, :3]).max() > LARGEST_SCALE or np.abs(matrix[:3, 3]).max() > FAR:
                raise UserError(
                    f"{path}: axisAlignment moves by more than {FAR:g} m; fetch it again", code="out-of-range"
                )
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
    color = {channel: scan.color[:, i] for i, channel in enumerate(CHANNELS)}
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
