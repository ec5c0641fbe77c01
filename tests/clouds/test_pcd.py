"""Files of the Point Cloud Library beyond plain fields: padding, several values a field, comments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pointnc.clouds import open_cloud, read_cloud
from pointnc.clouds.lzf import compress
from tests.helpers.mistakes import raises

COUNT = 5
RNG = np.random.default_rng(0)
COORD = RNG.random((COUNT, 3)).astype("<f4")
FPFH = RNG.random((COUNT, 3)).astype("<f4")
NEW = {"label": np.arange(COUNT, dtype=np.int32)}
HEADER = (
    "# .PCD v0.7\n# scanned by hand\nVERSION 0.7\nFIELDS x y z _ fpfh _\nSIZE 4 4 4 1 4 1\nTYPE F F F U F U\n"
    "COUNT 1 1 1 4 3 2\nWIDTH 5\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 5\n"
)


def make(path: Path, kind: str, padded: bool = True) -> Path:
    rows = np.zeros(COUNT, [("coord", "<f4", 3), ("a", "u1", 4), ("fpfh", "<f4", 3), ("b", "u1", 2)])
    rows["coord"], rows["fpfh"], rows["a"], rows["b"] = COORD, FPFH, 7, 9
    if kind == "binary":
        data = rows.tobytes()
    elif kind == "ascii":
        words = [[*row["coord"], *row["a"], *row["fpfh"], *row["b"]] for row in rows]
        data = "\n\n".join(" ".join(map(str, row)) for row in words).encode() + b"\n"
    else:
        parts = [*(COORD[:, i] for i in range(3)), rows["a"] if padded else b"", FPFH, rows["b"] if padded else b""]
        raw = b"".join(part if isinstance(part, bytes) else part.tobytes() for part in parts)
        packed = compress(raw)
        data = np.array([len(packed), len(raw)], "<u4").tobytes() + packed
    path.write_bytes(f"{HEADER}DATA {kind}\n".encode() + data)
    return path


@pytest.mark.parametrize(
    ("kind", "padded"), [("ascii", True), ("binary", True), ("binary_compressed", True), ("binary_compressed", False)]
)
def test_padding_and_fields_of_several_values_stay(tmp_path: Path, kind: str, padded: bool) -> None:
    file = open_cloud(make(tmp_path / "a.pcd", kind, padded))
    assert file.names() == ["x", "y", "z", "fpfh_0", "fpfh_1", "fpfh_2"]
    file.rewrite(tmp_path / "b.pcd", [NEW])
    before, after = read_cloud(tmp_path / "a.pcd"), read_cloud(tmp_path / "b.pcd")
    for cloud in (before, after):
        np.testing.assert_array_equal(cloud.coord, COORD)
        np.testing.assert_array_equal(np.stack([cloud.attributes[f"fpfh_{i}"] for i in range(3)], 1), FPFH)
    np.testing.assert_array_equal(after.attributes["label"], NEW["label"])
    header = (tmp_path / "b.pcd").read_bytes().split(b"DATA")[0].decode()
    expected = HEADER.replace("fpfh _\n", "fpfh _ label\n").replace("4 1\nTYPE", "4 1 4\nTYPE")
    assert header == expected.replace("F U\n", "F U I\n").replace("3 2\n", "3 2 1\n")
    if kind == "binary":  # padding to the bit
        assert (tmp_path / "b.pcd").read_bytes().count(bytes([7] * 4)) == COUNT


def test_a_line_of_another_length_is_named(tmp_path: Path) -> None:
    path = make(tmp_path / "a.pcd", "ascii")
    text = path.read_text().splitlines()
    words = text[-1].split()
    path.write_text("\n".join([*text[:-1], " ".join(words[:4]), " ".join(words[4:])]) + "\n")
    with raises("damaged-file", "point 5", "4 values", "12", "a.pcd"):
        open_cloud(path).rewrite(tmp_path / "b.pcd", [NEW])


@pytest.mark.parametrize("kind", ["ply", "pcd"])
def test_empty_lines_between_points_are_no_points(tmp_path: Path, kind: str) -> None:
    heads = {
        "ply": "ply\nformat ascii 1.0\nelement vertex 2\n"
        + "".join(f"property float {axis}\n" for axis in "xyz")
        + "end_header\n",
        "pcd": "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 2\nDATA ascii\n",
    }
    path = tmp_path / f"a.{kind}"
    path.write_text(heads[kind] + "1 2 3\n\n4 5 6\n")
    open_cloud(path).rewrite(tmp_path / f"b.{kind}", [{"label": np.array([3, 4], np.int32)}])
    after = read_cloud(tmp_path / f"b.{kind}")
    np.testing.assert_array_equal(after.coord, [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(after.attributes["label"], [3, 4])


def test_an_ascii_color_that_is_no_number_is_absent(tmp_path: Path) -> None:
    head = "VERSION 0.7\nFIELDS x y z rgb\nSIZE 4 4 4 4\nTYPE F F F F\nWIDTH 2\nHEIGHT 1\nDATA ascii\n"
    (tmp_path / "a.pcd").write_text(head + "1 2 3 nan\n4 5 6 4.2e-39\n")
    color = open_cloud(tmp_path / "a.pcd").read().color
    assert color is not None and np.isnan(color[0]).all() and np.isfinite(color[1]).all()
