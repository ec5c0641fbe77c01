"""A scene as the page gets it: a header in json, and the columns of its points in one compressed block.

The block is zlib's (RFC 1950, what browsers call "deflate") of the columns one behind the other. Each column is
cut into planes, all lowest bytes first: neighboring points agree in their high bytes, so it packs a third smaller.

Columns, for N points:
    position: 3 x uint16 in steps of ``step`` meters from ``low``; 3 x float32 meters from ``low`` where the scene is
        so large that a step would be more than ``FINEST``.
    color: 3 x uint8 RGB.
    normal: 2 x uint8, the unit vector on an octahedron (Cigolle et al., JCGT 2014), 0..255 for -1..1.
    facing: the same of the mean normal of the surroundings, by which walls seen from behind are left out.
    truth, prediction: uint16 train index, K for no class.
    confidence: uint8, 0..255 for 0..1.
    number: uint32 place in the file, where points were left out.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting.camera import bounding_box
from pointnc.reporting.visibility import point_spacing
from pointnc.viewer.facing import mean_normals
from pointnc.viewer.labeled_scene import LabeledScene
from pointnc.viewer.layers import layers_of

FINEST = 0.002
"""Meters: the coarsest step in which positions may be rounded; 65535 steps are 131 m."""

COMPRESSION = 6


@dataclass(frozen=True)
class Payload:
    """One scene, packed.

    Attributes:
        header: what the page needs to know before it unpacks; plain types.
        block: the compressed columns.
    """

    header: dict[str, Any]
    block: bytes


def pack(labeled: LabeledScene) -> Payload:
    """Pack a scene of N points."""
    scene, coord = labeled.scene, np.asarray(labeled.scene.coord)
    low, position, step = quantize(coord)
    columns = {"position": position}
    if scene.color is not None:
        columns["color"] = np.asarray(scene.color).astype(np.uint8, copy=False)
    if scene.normal is not None:
        columns["normal"] = fold_normals(np.asarray(scene.normal))
        columns["facing"] = fold_normals(mean_normals(coord, np.asarray(scene.normal)))
    for name, labels in (("truth", labeled.truth), ("prediction", labeled.prediction)):
        if labels is not None:
            index = np.asarray(labels)
            columns[name] = np.where(index < 0, len(labeled.taxonomy), index).astype(np.uint16)
    if labeled.confidence is not None:
        sure = np.clip(np.nan_to_num(labeled.confidence), 0, 1)
        columns["confidence"] = (sure * 255 + 0.5).astype(np.uint8)
    if labeled.point_number is not None:
        columns["number"] = labeled.point_number.astype(np.uint32)
    parts, described = [], []
    for name, column in columns.items():
        planes = to_planes(column)
        described.append({"name": name, "type": column.dtype.name, "width": len(planes)})
        parts.append(planes.tobytes())
    box_low, box_high = bounding_box(coord)
    header = {
        "name": scene.name,
        "count": len(scene),
        "columns": described,
        "low": [float(value) for value in low],
        "step": step,
        "origin": [float(value) for value in scene.origin],
        "box": [[float(value) for value in box_low], [float(value) for value in box_high]],
        "spacing": point_spacing(coord),
        "layers": layers_of(labeled),
        "figures": plain_figures(labeled),
    }
    return Payload(header, zlib.compress(b"".join(parts), COMPRESSION))


def quantize(coord: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[Any], float]:
    """Return the lowest corner (3,), the (N, 3) positions from there in steps, and the step in meters.

    Positions are uint16 where a step of at most ``FINEST`` suffices, else float32 with a step of 1.
    """
    low = coord.min(axis=0).astype(np.float64)
    extent = float((coord.max(axis=0) - low).max())
    step = max(extent / 65535, 1e-6)
    if step > FINEST:
        return low, (coord - low).astype(np.float32), 1.0
    return low, np.rint((coord - low) / step).astype(np.uint16), step


def fold_normals(normal: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (N, 2) octahedral coordinates of (N, 3) unit vectors."""
    normal = normal.astype(np.float32)
    flat = normal / np.maximum(np.abs(normal).sum(axis=1, keepdims=True), 1e-6)
    # The lower half is folded out over the corners of the upper one.
    sign = np.where(flat[:, :2] >= 0, np.float32(1), np.float32(-1))
    folded = np.where(flat[:, 2:] < 0, (1 - np.abs(flat[:, 1::-1])) * sign, flat[:, :2])
    return np.rint((folded + 1) * 127.5).astype(np.uint8)


def to_planes(column: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the bytes of an (N,) or (N, W) column as (W, itemsize, N): component by component, lowest byte first."""
    table = column.reshape(len(column), -1)
    little = np.ascontiguousarray(table.astype(table.dtype.newbyteorder("<"), copy=False))
    planes = little.view(np.uint8).reshape(len(table), table.shape[1], table.dtype.itemsize)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def unpack(payload: Payload) -> Mapping[str, NDArray[Any]]:
    """Return the columns of a payload by name: what the page's ``data.js`` does, for tests and other readers."""
    block = np.frombuffer(zlib.decompress(payload.block), np.uint8)
    columns, start, count = {}, 0, payload.header["count"]
    for column in payload.header["columns"]:
        dtype, width = np.dtype(column["type"]).newbyteorder("<"), column["width"]
        size = count * width * dtype.itemsize
        planes = block[start : start + size].reshape(width, dtype.itemsize, count)
        table = np.ascontiguousarray(planes.transpose(2, 0, 1)).reshape(count, -1).view(dtype)
        columns[column["name"]] = table[:, 0] if width == 1 else table
        start += size
    return columns


def plain_figures(labeled: LabeledScene) -> dict[str, Any]:
    """Return counts and scores in plain types, None for what is not defined."""
    figures = labeled.figures

    def plain(value: NDArray[Any] | None) -> list[Any] | None:
        if value is None:
            return None
        return [None if isinstance(x, float) and x != x else x for x in value.tolist()]

    return {
        "truth": plain(figures.truth_points),
        "prediction": plain(figures.predicted_points),
        "iou": plain(figures.iou),
        "miou": figures.miou if figures.miou == figures.miou else None,
        "accuracy": figures.accuracy,
        "verdicts": figures.verdicts,
    }
