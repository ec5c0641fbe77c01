"""The points of a cloud that have a place, as the scene that a network or a viewer takes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import PointCloud
from pointnc.clouds.conditions import Bits, Unit, Up
from pointnc.clouds.normals import estimate_normals, fill_normals
from pointnc.clouds.reading import decide
from pointnc.clouds.survey import survey_points
from pointnc.scenes.scene import Scene


@dataclass(frozen=True)
class PlacedCloud:
    """The points of a cloud that have a place: finite, measured, and no stray ones.

    Attributes:
        scene: M points, meters, z up, without labels.
        points: all N points as they were given, with the columns that may be labels.
        rows: (M,) int64 which of the N they are; None where M = N.
        remarks: what was assumed, and what was left out.
    """

    scene: Scene
    points: PointCloud
    rows: NDArray[np.int64] | None
    remarks: list[str]


def place_points(
    points: PointCloud,
    path: Path,
    arrays: Collection[str] = (),
    units: Unit = "m",
    up: Up = "z",
    color_bits: Bits = "auto",
    mesh_normals: Callable[[], NDArray[np.float32] | None] | None = None,
    fate: str = "are left out",
) -> PlacedCloud:
    """Return points as a scene.

    Args:
        points: N points.
        path: of their file; its stem names the scene.
        arrays: what a network wants besides coordinates, of "color", "normal" and "strength". Colors that are lacking
            are then gray, and normals taken from the faces or estimated.
        units: of the coordinates.
        up: the axis that points up.
        color_bits: of a color value.
        mesh_normals: gives the (N, 3) normals of the faces around the points.
        fate: what becomes of points without a place.

    Raises:
        UserError: there are no points with finite coordinates, or none of the strengths of laser pulses that the
            network wants.
    """
    reading = decide(survey_points([points], path), path, {*arrays, "color?"}, units, up, color_bits, fate)
    seen, conditions = reading.seen, reading.conditions
    rows: NDArray[np.int64] | None = None
    placed = points
    if seen.finite < seen.points:
        rows = np.flatnonzero(conditions.usable(points.coord))
        placed = points.select(rows)
    coord = conditions.coord(placed)
    normal = conditions.normal(placed)
    if normal is None and "normal" in arrays:
        mesh = None if mesh_normals is None else mesh_normals()
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
    return PlacedCloud(scene.validate(), points, rows, reading.remarks)
