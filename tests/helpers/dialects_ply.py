"""The room of ``dialects.py`` in the ply dialects of MeshLab, CloudCompare, Blender, Matterport and old scanners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.helpers.dialects import COLOR, COORD, COUNT, LABEL, Case

NAMES = ("red", "green", "blue")
BEFORE = ["element camera 1", "property float view_px", "property float view_py"]
FANS = ["element fan 2", "property list ushort int corners", "property uchar kind"]
LISTS = (0, 2, 1)
"""Lengths of the lists of the first vertices, and so on."""


@dataclass(frozen=True)
class Ply:
    """What a file is like.

    Attributes:
        order: of bytes; "=" for ascii.
        first: elements before the vertices: none, ``camera`` (one row) or ``fan`` (two rows of lists).
        lists: whether a list stands between the coordinates and the colors of each vertex.
        after: what the faces' corners are called; None without faces.
        polygons: whether the faces have three and four corners in turn.
        comment: of the header.
        end: of its lines.
        names: of the colors.
        space: whether words of the header have more blanks between them.
        odd: spellings of rows that have no number.
    """

    order: str = "<"
    first: str = ""
    lists: bool = False
    after: str | None = None
    polygons: bool = False
    comment: bytes = b"made by hand"
    end: str = "\n"
    names: tuple[str, ...] = NAMES
    space: bool = False
    odd: Sequence[int] = ()

    def __call__(self, path: Path) -> None:
        kind = {"=": "ascii", "<": "binary_little_endian", ">": "binary_big_endian"}[self.order]
        head = ["ply", f"format {kind} 1.0", "comment ?", "obj_info ?"]
        head += BEFORE if self.first == "camera" else FANS if self.first else []
        head += [f"element vertex {COUNT}", *(f"property double {axis}" for axis in "xyz")]
        head += ["property list uchar double view"] if self.lists else []
        head += [*(f"property uchar {name}" for name in self.names), "property int class"]
        if self.after is not None:
            head += [f"element face {COUNT - 4}", f"property list uchar uint {self.after}", "property float quality"]
        lines = [line.replace(" ", "   ") + " " if self.space else line for line in head]
        start = (self.end.join([*lines, "end_header"]) + self.end).encode().replace(b"?", self.comment)
        path.write_bytes(start + (self._ascii() if self.order == "=" else self._binary()))

    def _corners(self, row: int) -> list[int]:
        return list(range(row, row + 3 + (row % 2 if self.polygons else 0)))

    def _binary(self) -> bytes:
        o = self.order
        out = np.array([1, 2], f"{o}f4").tobytes() if self.first == "camera" else b""
        if self.first == "fan":
            out = b"".join(
                np.array([n], f"{o}u2").tobytes() + np.arange(n, dtype=f"{o}i4").tobytes() + b"k" for n in (5, 0)
            )
        for row in range(COUNT):
            out += COORD[row].astype(f"{o}f8").tobytes()
            count = LISTS[row % 3]
            out += bytes([count]) + np.full(count, row, f"{o}f8").tobytes() if self.lists else b""
            out += COLOR[row].tobytes() + np.array([LABEL[row]], f"{o}i4").tobytes()
        for row in range(COUNT - 4 if self.after is not None else 0):
            corners = self._corners(row)
            out += bytes([len(corners)]) + np.array(corners, f"{o}u4").tobytes() + np.array([0.5], f"{o}f4").tobytes()
        return out

    def _ascii(self) -> bytes:
        lines = {"camera": ["1 2"], "fan": ["5 0 1 2 3 4 7", "0 7"]}.get(self.first, [])
        for row in range(COUNT):
            words = [f"{value:.3f}" for value in COORD[row]] if row not in self.odd else ["-nan(ind)", "1.#QNAN", "nan"]
            count = LISTS[row % 3]
            words += [str(count), *[str(row)] * count] if self.lists else []
            lines.append(" ".join([*words, *map(str, COLOR[row]), str(LABEL[row])]))
        for row in range(COUNT - 4 if self.after is not None else 0):
            corners = self._corners(row)
            lines.append(" ".join(map(str, [len(corners), *corners, 0.5])))
        return (self.end.join(lines) + self.end).encode()


def case(**traits: object) -> Case:
    write = Ply(**traits)  # type: ignore[arg-type]
    return Case(".ply", write, label="class", lost=tuple(write.odd))


LATIN = "Kÿv Müller".encode("latin-1")

PLYS = {
    "plain ply": case(),
    "camera first": case(order=">", first="camera", names=("diffuse_red", "diffuse_green", "diffuse_blue")),
    "camera first, ascii": case(order="=", first="camera"),
    "lists first": case(first="fan"),
    "lists first, ascii": case(order="=", first="fan"),
    "lists of vertices": case(lists=True, after="vertex_indexes", polygons=True),
    "lists of vertices, big": case(lists=True, order=">", first="fan"),
    "lists of vertices, ascii": case(lists=True, order="=", after="vertex_index"),
    "comment of another alphabet": case(comment=LATIN, after="vertex_indices"),
    "ascii with CRLF": case(order="=", comment=LATIN, end="\r\n", after="vertex_indices", polygons=True),
    "blanks in the header": case(space=True),
    "NaN of Microsoft": case(order="=", odd=(0, 50)),
}
