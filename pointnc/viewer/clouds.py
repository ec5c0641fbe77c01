"""Clouds of any format as scenes to look at, under the rules of :mod:`pointnc.predict`: units, colors, normals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pointnc.clouds import CloudFile, open_cloud
from pointnc.clouds.arrays import NpyFile
from pointnc.clouds.conditions import Bits, Unit, Up
from pointnc.clouds.placing import PlacedCloud, place_points
from pointnc.errors import UserError
from pointnc.scenes.legend import legend_beside


def open_shown(path: Path, columns: Sequence[str] = ()) -> CloudFile:
    """Open a cloud; the columns that :mod:`pointnc.predict` appended to a table of numpy have their names.

    Such a table has no place for names: it is one of predict's if a legend is beside it, and its last two columns
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
    fate: str = "are left out",
) -> PlacedCloud:
    """Read a cloud.

    Args:
        path: of the file.
        arrays: what a network wants besides coordinates, of "color", "normal" and "strength". Colors that the file
            lacks are then gray, and normals taken from its faces or estimated.
        units: of its coordinates.
        up: the axis that points up.
        color_bits: of a color value.
        columns: what the columns of a table are.
        fate: what becomes of points without a place.

    Raises:
        UserError: the file is missing, damaged, of an unknown format, has no points with finite coordinates, or lacks
            the strengths of laser pulses that the network wants.
    """
    file = open_shown(path, columns)
    points = file.read()
    cloud = place_points(points, path, arrays, units, up, color_bits, file.mesh_normals, fate)
    return replace(cloud, remarks=[*file.remarks, *cloud.remarks])
