"""The table of docs/formats.md: every row is one of the dialects that are tried, and what it refuses is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_prep.custom.columns import find_label
from pointnc.clouds import open_cloud
from tests.clouds.test_dialects import CASES
from tests.helpers.dialects import COLOR, COORD, COUNT
from tests.helpers.mistakes import raises

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"


def table() -> dict[str, list[str]]:
    """Return trait to the cells of its row."""
    lines = PAGE.read_text(encoding="utf-8").split("| Format | Trait")[1].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    return {row[1]: row for row in cells}


def test_every_row_is_tried_and_every_dialect_stands_in_a_row() -> None:
    rows = table()
    assert {name.partition(",")[0] for name in CASES} == set(rows)
    assert all(len(row) == 6 and row[3] and row[4] for row in rows.values())


def cut(name: str) -> Callable[[Path], None]:
    """The file of a row, of which the last third is missing."""

    def write(path: Path) -> None:
        CASES[name].write(path)
        data = path.read_bytes()
        path.write_bytes(data[: 2 * len(data) // 3])

    return write


def said(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def lists(path: Path) -> None:
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty list uint double v\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    path.write_bytes(head.encode() + (200_000).to_bytes(4, "little") + bytes(1_600_012))


def pickled(path: Path) -> None:
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)


def unequal(path: Path) -> None:
    CASES["scene of a store"].write(path)
    np.save(path / "color.npy", np.zeros((3, 3), np.uint8))


def nameless(path: Path) -> None:
    np.savetxt(path, np.column_stack([COORD, COLOR, np.arange(COUNT)]))


HUGE = "FIELDS x y z f\nSIZE 4 4 4 8\nTYPE F F F F\nCOUNT 1 1 1 9000\nWIDTH 1\nHEIGHT 1\nPOINTS 1\nDATA binary\n"
REFUSED: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "plain ply": (cut("plain ply"), ("damaged-file", "240 rows")),
    "lists of vertices": (lists, ("damaged-file", "1048576 bytes")),
    "comma": (said(b"x,y,z\n1,2,3\n1,2\n"), ("damaged-file", "point 2", "2 columns", "3")),
    "tab": (said("1\t2\t3\n".encode("utf-16")), ("wrong-format", "UTF-16")),
    "blanks": (said(b"ncols 3\nnrows 2\n1 2 3\n4 5 6\n"), ("wrong-format", "ESRI")),
    "Open3D": (nameless, ("ambiguous", "column7", "240", "columns=")),
    "said": (CASES["said"].write, ("other-length", "8 columns", "columns=", "3")),
    "PDAL pcd": (said(HUGE.encode()), ("damaged-file", "65536 bytes")),
    "no POINTS": (
        said(b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nDATA ascii\n1 2 3\n"),
        ("damaged-file", "POINTS", "WIDTH"),
    ),
    "vectors": (pickled, ("damaged-file", "Python objects")),
    "e57 with sky": (cut("e57 with sky"), ("damaged-file", "9216 bytes")),
    "las 1.2": (cut("las 1.2"), ("damaged-file", "240 points")),
    "laz": (cut("laz"), ("damaged-file", "chunk table")),
    "KITTI": (said(b"\x7e" * 320), ("wrong-format", "320 bytes", "columns=")),
    "scene of a store": (unequal, ("other-length", "color.npy", "(3, 3)", "240 rows")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_row_refuses_is_refused(tmp_path: Path, name: str) -> None:
    write, mistake = REFUSED[name]
    path = tmp_path / f"a{CASES[name].suffix}"
    write(path)
    with raises(*mistake, path):
        cloud = open_cloud(path, ("x", "y", "z") if name == "said" else ()).read()
        find_label(cloud.attributes, None, str(path))


def test_every_refusal_of_the_table_is_tried() -> None:
    assert {name for name, row in table().items() if row[5]} == set(REFUSED)
