"""Clouds of any format as scenes to look at, under the rules of :mod:`pointnc.predict`: units, colors, normals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds import CloudFile, PointCloud, open_cloud
from pointnc.clouds.arrays import NpyFile
from pointnc.clouds.conditions import Bits, Unit, Up
from pointnc.clouds.normals import estimate_normals, fill_normals
from pointnc.clouds.reading import look_through
from pointnc.errors import UserError
from pointnc.scenes.legend import legend_beside
from pointnc.scenes.scene import Scene


@dataclass(frozen=True)
class ShownCloud:
    """The points of a file that have a place.

    Attributes:
        scene: M points, meters, z up, without labels.
        points: all N points as the file has them, with the columns that may be labels.
        rows: (M,) int64 which of the N they are; None where M = N.
        remarks: what was assumed, and what was left out.
    """

    scene: Scene
    points: PointCloud
    rows: NDArray[np.int64] | None
    remarks: list[str]


def open_shown(path: Path, columns: Sequence[str] = ()) -> CloudFile:
    """Open a cloud; the columns that :mod:`pointnc.predict` appended to a table of numpy have their names.

    Such a table has no place for names: it is one of predict's if a legend lies beside it, and its last two columns
    hold whole numbers and shares.

    Raises:
        UserError: see :func:`pointnc.clouds.open_cloud`; or it has no points.
    """
    file = open_cloud(path, columns)
    if len(file) == 0:
        raise UserError(f"{path} has no points", code="no-points")
    nameless = isinstance(file, NpyFile) and file.array.dtype.names is None and not columns
    if isinstance(file, NpyFile) and nameless and legend_beside(path) is not None:
        label, confidence = file.array[:, -2], file.array[:, -1]
        if (label == np.round(label)).all() and ((confidence >= 0) & (confidence <= 1)).all():
            file.name_last("label", "confidence")
    return file


def read_shown(
    path: Path,
    arrays: Collection[str] = (),
    units: Unit = "m",
    up: Up = "z",
    color_bits: Bits = "auto",
    columns: Sequence[str] = (),
) -> ShownCloud:
    """Read a cloud.

    Args:
        path: of the file.
        arrays: what a network wants besides coordinates, of "color", "normal" and "strength". Colors that the file
            lacks are then gray, and normals taken from its faces or estimated.
        units: of its coordinates.
        up: the axis that points up.
        color_bits: of a color value.
        columns: what the columns of a table are.

    Raises:
        UserError: the file is missing, damaged, of an unknown format, has no points with finite coordinates, or lacks
            the strengths of laser pulses that the network wants.
    """
    file = open_shown(path, columns)
    points = file.read()
    reading = look_through(file, {*arrays, "color?"}, units, up, color_bits, pieces=[points])
    seen, conditions = reading.seen, reading.conditions
    rows: NDArray[np.int64] | None = None
    placed = points
    if seen.finite < seen.points:
        rows = np.flatnonzero(conditions.usable(points.coord))
        placed = points.select(rows)
    coord = conditions.coord(placed)
    normal = conditions.normal(placed)
    if normal is None and "normal" in arrays:
        mesh = file.mesh_normals()
        normal = estimate_normals(coord) if mesh is None else conditions.turned(mesh if rows is None else mesh[rows])
    if normal is not None:
        normal = fill_normals(normal, coord)
    strength = conditions.strength(placed) if "strength" in arrays else None
    scene = Scene(
        path.stem,
        coord,
        conditions.color(placed) if "color" in arrays or conditions.color_scale is not None else None,
        normal,
        origin=conditions.world_origin(),
        strength=None if strength is None else strength[:, None],
    )
    return ShownCloud(scene.validate(), points, rows, reading.remarks)
