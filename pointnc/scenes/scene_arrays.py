"""The arrays of a scene's folder, mapped: the header of each is compared with what such an array must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.untrusted.numpy_file import NUMBERS, map_array

WIDTH = {"coord": 3, "color": 3, "normal": 3, "strength": 1}
"""Values of a point; labels and instances have one, or several of which the first counts."""

KINDS = {"coord": NUMBERS, "color": NUMBERS, "normal": "f", "strength": "f"}
"""Kinds of dtypes, other tools' included; labels and instances are integers."""

_HINT = "delete its folder and prepare the scene again"


def map_scene(folder: Path, segment: str | None, hint: str) -> dict[str, NDArray[Any] | None]:
    """Return the arrays of a scene by attribute name, None for those that it lacks; nothing is read but headers.

    Args:
        folder: of the scene.
        segment: which labels become ``semantic``; None for none.
        hint: what to type to make the store; ends the message where ``coord.npy`` is missing.

    Raises:
        UserError: an array is damaged, of another kind, or of another shape.
    """
    arrays = {key: _map(folder, key) for key in (*KINDS, "instance")}
    coord = arrays["coord"]
    if coord is None:
        raise UserError(f"{folder / 'coord.npy'} is missing; {hint}", code="missing-file")
    arrays["semantic"] = None
    if segment is not None:
        # Pointcept names the labels of a single label set plainly "segment".
        found = (_map(folder, candidate) for candidate in (segment, "segment"))
        arrays["semantic"] = next((array for array in found if array is not None), None)
    for key, array in arrays.items():
        if array is not None and len(coord) and len(array) != len(coord):
            raise UserError(
                f"scene {folder.name}: {key} has {len(array)} rows but coord has {len(coord)}; prepare the scene again",
                code="other-length",
            )
    return arrays


def _map(folder: Path, name: str) -> NDArray[Any] | None:
    """Return an array in the shape that a scene has it in; None where there is none."""
    path, width = folder / f"{name}.npy", WIDTH.get(name)
    try:
        array = map_array(path, _HINT, kinds=KINDS.get(name, "iu"), ranks=(2,) if width == 3 else (1, 2))
    except FileNotFoundError:
        return None
    if width is None:
        return array[:, 0] if array.ndim == 2 and array.shape[1] else _single(array, path, 1)
    return _single(array[:, None] if array.ndim == 1 else array, path, width)


def _single(array: NDArray[Any], path: Path, width: int) -> NDArray[Any]:
    if array.ndim == 2 and array.shape[1] != width:
        raise UserError(f"{path} has the shape {array.shape}: {width} values a point are needed; {_HINT}", code="shape")
    return array
