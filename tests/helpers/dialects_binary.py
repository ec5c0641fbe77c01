"""The room of ``dialects.py`` in pcd and numpy files, as their writers differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.helpers.dialects import COLOR, COORD, COUNT, LABEL, Case, Write

ALPHA = 0xFF000000
PACKED = COLOR[:, 0].astype(np.uint32) << 16 | COLOR[:, 1].astype(np.uint32) << 8 | COLOR[:, 2]
MISSING = (0, 7, 14)
"""Rows of an organized cloud that have no depth."""


def records(kinds: dict[str, str], values: dict[str, NDArray[Any]]) -> NDArray[Any]:
    table = np.zeros(COUNT, list(kinds.items()))
    for name in kinds:
        table[name] = values[name]
    return table


VALUES: dict[str, NDArray[Any]] = {
    **{axis: COORD[:, i] for i, axis in enumerate("xyz")},
    **{name: COLOR[:, i] * np.uint16(257) for i, name in enumerate(("Red", "Green", "Blue"))},
    "rgb": PACKED,
    "rgba": PACKED | ALPHA,
    "label": LABEL,
    "Classification": LABEL,
}


def pcd(
    kinds: dict[str, str], kind: str = "binary", said: str = "", lost: tuple[int, ...] = (), tiny: bool = False
) -> Write:
    """Write a pcd; kinds such as ``<f8``. ``said``: key to leave out. ``tiny``: packed colors by the bits of a float."""

    def write(path: Path) -> None:
        table = records(kinds, VALUES)
        for axis in "xyz":
            table[axis][list(lost)] = np.nan
        head = {
            "VERSION": "0.7",
            "FIELDS": " ".join(kinds),
            "SIZE": " ".join(one[2:] for one in kinds.values()),
            "TYPE": " ".join("F" if "rgb" in name else one[1].upper() for name, one in kinds.items()),
            "COUNT": " ".join("1" for _ in kinds),
            "WIDTH": str(COUNT // 8),
            "HEIGHT": "8",
            "VIEWPOINT": "0 0 0 1 0 0 0",
            "POINTS": str(COUNT),
            "DATA": kind,
        }
        lines = [f"{key} {value}" for key, value in head.items() if key != said]
        if kind == "ascii":
            if tiny:
                names = [(name, "<f4" if "rgb" in name else one) for name, one in kinds.items()]
                table = table.view(names)
            rows = [" ".join(repr(value) for value in row) for row in table.tolist()]
            body = ("\n".join(rows) + "\n").encode()
        else:
            body = table.tobytes()
        path.write_bytes(("\n".join(lines) + "\n").encode() + body)

    return write


FOUR = {"x": "<f4", "y": "<f4", "z": "<f4"}


def structured(kinds: dict[str, tuple[Any, ...]], values: dict[str, NDArray[Any]]) -> Write:
    def write(path: Path) -> None:
        table = np.zeros(COUNT, [(name, *kind) for name, kind in kinds.items()])
        for name in kinds:
            table[name] = values[name]
        np.save(path, table)

    return write


VECTORS = {"xyz": COORD, "rgb": COLOR, "label": LABEL, "flow": COORD[:, :2]}


def table(path: Path) -> None:
    np.savez(path, points_and_colors=np.column_stack([COORD, COLOR, LABEL]))


BINARY = {
    "PDAL pcd": Case(
        ".pcd",
        pcd({"x": "<f8", "y": "<f8", "z": "<f8", "Red": "<f8", "Green": "<f8", "Blue": "<f8", "Classification": "<f8"}),
        label="Classification",
    ),
    "alpha and no depth": Case(
        ".pcd", pcd({**FOUR, "rgba": "<u4", "label": "<u4"}, lost=MISSING), label="label", lost=MISSING
    ),
    "no POINTS": Case(".pcd", pcd({**FOUR, "rgb": "<u4", "label": "<u4"}, said="POINTS"), label="label"),
    "ascii whole rgb": Case(".pcd", pcd({**FOUR, "rgb": "<u4", "label": "<u4"}, "ascii"), label="label"),
    "ascii whole rgba": Case(".pcd", pcd({**FOUR, "rgba": "<u4", "label": "<u4"}, "ascii"), label="label"),
    "ascii tiny rgb": Case(".pcd", pcd({**FOUR, "rgb": "<u4", "label": "<u4"}, "ascii", tiny=True), label="label"),
    "vectors": Case(
        ".npy",
        structured({"xyz": ("<f8", 3), "rgb": ("u1", 3), "label": ("<i4",), "flow": ("<f4", 2)}, VECTORS),
        label="label",
    ),
    "one array": Case(".npz", table, label="column7"),
}


def scene(path: Path) -> None:
    path.mkdir()
    np.save(path / "coord.npy", COORD)
    np.save(path / "color.npy", COLOR)
    np.save(path / "segment20.npy", LABEL.astype(np.int16))
    (path / "._coord.npy").write_bytes(b"\0\5\26\7")  # a Mac's


def rows(path: Path) -> None:
    np.save(path, np.column_stack([COORD, COLOR, LABEL]))


BINARY |= {
    "rows": Case(".npy", rows, label="kind", columns=("x", "y", "z", "red", "green", "blue", "kind")),
    "scene of a store": Case("", scene, label="segment20"),
}
