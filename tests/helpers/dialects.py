"""One small room as programs of any origin write it: the same points, colors and classes in every file.

Each function writes a file whose suffix is given; what stands in it is checked by ``test_dialects.py``, row by row of
the table in docs/formats.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

COUNT = 240
RNG = np.random.default_rng(5)
COORD = RNG.uniform(1, 5, (COUNT, 3)).round(3)
GRAY = RNG.integers(0, 200, (COUNT, 1))
COLOR = (GRAY + RNG.integers(0, 56, (COUNT, 3))).astype(np.uint8)
LABEL = np.arange(COUNT) % 5
NORMAL = np.tile([[0.0, 0, 1], [0, 0.6, 0.8]], (COUNT // 2, 1))
STRENGTH = (COLOR[:, 0] / 255).round(3)

Write = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """A file that some program writes.

    Attributes:
        suffix: of the file.
        write: writes it.
        color: whether it has colors.
        label: the column of the classes; None without.
        columns: what has to be said of a table without names.
        lost: rows without a place.
        atol: of coordinates.
        copy: suffix of the labeled copy, where it is another one.
    """

    suffix: str
    write: Write
    color: bool = True
    label: str | None = None
    columns: tuple[str, ...] = ()
    lost: tuple[int, ...] = ()
    atol: float = 1e-6
    copy: str | None = None


def rows(parts: Iterable[str]) -> bytes:
    return ("\n".join(parts) + "\n").encode()


def text(
    head: str, separator: str, comma: bool = False, end: str = "\n", mark: bytes = b"", colors: float = 1
) -> Write:
    """x y z r g b class a line."""

    def write(path: Path) -> None:
        lines = [head] if head else []
        for point, color, label in zip(COORD, COLOR, LABEL):
            shown = [f"{value:d}" if colors == 1 else f"{value / 255:.7f}" for value in color]
            words = [*(f"{value:.3f}" for value in point), *shown, f"{label:d}"]
            lines.append(separator.join(word.replace(".", ",") if comma else word for word in words))
        path.write_bytes(mark + (end.join(lines) + end).encode())

    return write


def x_y_z_i_rgb(path: Path) -> None:
    """As Semantic3D and many scanners write: the colors come behind an intensity."""
    lines = [
        f"{x} {y} {z} {i} {r} {g} {b} {k}"
        for (x, y, z), i, (r, g, b), k in zip(COORD, -COLOR[:, 0] * 8.0, COLOR, LABEL)
    ]
    path.write_bytes(rows(lines))


def x_y_z_strength_rgb(path: Path) -> None:
    lines = [f"{x} {y} {z} {i} {r} {g} {b}" for (x, y, z), i, (r, g, b) in zip(COORD, GRAY[:, 0], COLOR)]
    path.write_bytes(rows(lines))


def pts(path: Path) -> None:
    lines = [f"{x} {y} {z} {i} {r} {g} {b}" for (x, y, z), i, (r, g, b) in zip(COORD, GRAY[:, 0] - 400, COLOR)]
    path.write_bytes(rows([str(COUNT), *lines]))


def nan_of_microsoft(path: Path) -> None:
    lines = ["x y z red green blue"]
    for number, (point, color) in enumerate(zip(COORD, COLOR)):
        words = ["-nan(ind)", "1.#QNAN", "-1.#IND"] if number in (3, 50) else [f"{value:.3e}" for value in point]
        words = [word.replace("e", "D") for word in words] if number == 9 else words
        lines.append(" ".join([*words, *map(str, color)]))
    path.write_bytes(rows(lines))


TEXTS = {
    "comma": Case(".csv", text("x,y,z,red,green,blue,label", ","), label="label"),
    "semicolon": Case(".csv", text("X;Y;Z;R;G;B;class", ";", True, "\r\n", b"\xef\xbb\xbf"), label="class"),
    "tab": Case(".txt", text("", "\t", True), label="column7"),
    "blanks": Case(".asc", text("", " ", True), label="column7"),
    "bars": Case(".txt", text("x|y|z|red|green|blue|label", "|"), label="label"),
    "other head": Case(".csv", text("# x y z red green blue label", ","), label="label"),
    "CloudCompare": Case(
        ".txt", text(f"//X Y Z Rf Gf Bf Classification\n{COUNT}", " ", colors=255), label="Classification"
    ),
    "PDAL": Case(".csv", text('"X","Y","Z","Red","Green","Blue","Classification"', ","), label="Classification"),
    "ParaView": Case(
        ".csv", text('"Points:0","Points:1","Points:2","RGB:0","RGB:1","RGB:2","label"', ","), label="label"
    ),
    "Open3D": Case(".xyzrgb", text("", " ", colors=255), label="column7"),
    "intensity first": Case(".txt", x_y_z_i_rgb, label="column8"),
    "intensity like colors": Case(".txt", x_y_z_strength_rgb),
    "said": Case(
        ".txt", x_y_z_i_rgb, label="kind", columns=("x", "y", "z", "intensity", "red", "green", "blue", "kind")
    ),
    "Leica": Case(".pts", pts),
    "Microsoft": Case(".txt", nan_of_microsoft, lost=(3, 50), atol=6e-3),
}
