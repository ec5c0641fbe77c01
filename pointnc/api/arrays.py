"""Clouds as people hold them: arrays, tensors, scenes, files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import PointCloud, check_numbers
from pointnc.clouds.conditions import GRAY, Bits, Unit, Up, check_frame
from pointnc.clouds.normals import estimate_normals
from pointnc.clouds.placing import PlacedCloud, place_points
from pointnc.errors import UserError
from pointnc.scenes.scene import Scene

Array: TypeAlias = Any
"""What numpy makes an array of: an array, a tensor on any device, nested lists."""

Cloud: TypeAlias = Any
"""(N, 3) coordinates as an :data:`Array`; a :class:`~pointnc.scenes.scene.Scene`; or the path of a file or of a scene's
folder in a store."""


def placed(
    cloud: Cloud,
    color: Array | None = None,
    normal: Array | None = None,
    strength: Array | None = None,
    *,
    arrays: Collection[str] = (),
    units: Unit = "m",
    up: Up = "z",
    color_bits: Bits = "auto",
    columns: Any = None,
    fate: str = "get the label -1",
) -> PlacedCloud:
    """Return the points of a cloud that have a place, as a scene, under the rules of ``pointnc predict``.

    Args:
        cloud: see :data:`Cloud`.
        color: (N, 3) RGB from 0 to 1, 0 to 255 or 0 to 65535, beside coordinates.
        normal: (N, 3) of any length.
        strength: (N,) of a laser scanner's pulses.
        arrays: what a network wants besides coordinates, of "color", "normal" and "strength".
        units: of the coordinates: "m", "cm", "mm" or "auto".
        up: the axis that points up, "z" or "y".
        color_bits: of a whole-numbered color.
        columns: what the columns of a table without names are.
        fate: what becomes of points without a place.

    Raises:
        UserError: arrays of other shapes or kinds, or of different lengths; or the file or scene cannot be used.
    """
    check_frame(units, up, color_bits)
    given = {"color": color, "normal": normal, "strength": strength}
    beside = [name for name, value in given.items() if value is not None]
    if isinstance(cloud, Scene | str | Path):
        if beside:
            raise UserError(
                f"{beside[0]}= goes with an array of coordinates; a scene or a file has its own",
                code="conflicting-settings",
            )
        if isinstance(cloud, Scene):
            return _of_scene(cloud.validate(), arrays)
        return _of_path(Path(cloud), arrays, units, up, color_bits, columns, fate)
    coord = _array(cloud, "coordinates", 3).astype(np.float64, copy=False)
    known = {name: _array(given[name], name, 1 if name == "strength" else 3) for name in beside}
    for name, values in known.items():
        if len(values) != len(coord):
            raise UserError(f"{len(values)} values of {name} for {len(coord)} points", code="other-length")
    attributes = {"intensity": known["strength"]} if strength is not None else {}
    normals = known["normal"].astype(np.float32) if normal is not None else None
    points = PointCloud(coord, known.get("color"), normals, attributes)
    return place_points(points, Path("points"), arrays, units, up, color_bits, fate=fate)


def _of_scene(scene: Scene, arrays: Collection[str]) -> PlacedCloud:
    """Take a scene as it is; colors and normals that it lacks and a network wants are made up, as for other clouds."""
    points = PointCloud(scene.coord.astype(np.float64), scene.color, scene.normal)
    made: dict[str, NDArray[Any]] = {}
    remarks = []
    if "color" in arrays and scene.color is None:
        made["color"] = np.full((len(scene), 3), GRAY, np.uint8)
        remarks.append("no colors, which the network was trained with: all points are taken as gray")
    if "normal" in arrays and scene.normal is None:
        made["normal"] = estimate_normals(np.ascontiguousarray(scene.coord, np.float32))
        remarks.append("no normals, which the network was trained with: estimated")
    return PlacedCloud(scene.replace(**made).validate(), points, None, remarks)


def _of_path(
    path: Path, arrays: Collection[str], units: Unit, up: Up, color_bits: Bits, columns: Any, fate: str
) -> PlacedCloud:
    from pointnc.clouds.table import column_names
    from pointnc.scenes.scene_arrays import map_scene
    from pointnc.viewer.clouds import read_shown

    path = path.expanduser()
    if path.is_dir():
        scene = Scene(path.name, **map_scene(path, None, "give the folder of a store's scene"))  # type: ignore[arg-type]
        return _of_scene(scene.validate(), arrays)
    return read_shown(path, arrays, units, up, color_bits, column_names(columns), fate)


def _array(values: Array, what: str, width: int) -> NDArray[Any]:
    """Return (N, width) numbers, or (N,) where the width is 1.

    Raises:
        UserError: they are something else.
    """
    if hasattr(values, "detach"):  # a tensor
        values = values.detach().cpu()
    array = np.asarray(values)
    check_numbers(array, what)
    if width == 1 and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    wanted = "(N,)" if width == 1 else f"(N, {width})"
    if array.ndim != (1 if width == 1 else 2) or (width > 1 and array.shape[1] != width):
        raise UserError(f"{what} of the shape {array.shape}: {wanted} is needed", code="shape")
    return array
