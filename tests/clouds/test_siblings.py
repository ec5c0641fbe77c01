"""Traits of single files that public reports tell of, beside the dialects that have a row of their own."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from pointnc.clouds import open_cloud
from pointnc.clouds.reading import look_through
from tests.helpers.dialects import COLOR, COORD, COUNT
from tests.helpers.dialects_laser import las
from tests.helpers.mistakes import raises


def text(path: Path, head: str, row: str) -> Path:
    """Write lines; ``row`` has places for coordinates, colors and the number of the point."""
    rows = (row.format(*point, *color, i) for i, (point, color) in enumerate(zip(COORD, COLOR)))
    path.write_text("\n".join([*([head] if head else []), *rows]) + "\n", encoding="utf-8")
    return path


TABLES = {
    "units in the names": ("x [m],y [m],z (m),R,G,B", "{0},{1},{2},{3},{4},{5}"),
    "a number before the points (pandas)": (",x,y,z,red,green,blue", "{6},{0},{1},{2},{3},{4},{5}"),
    "commas and blanks": ("x, y, z, red, green, blue", "{0}, {1}, {2}, {3}, {4}, {5}"),
    "a separator at the end": ("x,y,z,red,green,blue,", "{0},{1},{2},{3},{4},{5},"),
    "columns of fixed width": ("", "{0:12.3f}{1:12.3f}{2:12.3f}  {3:5d}{4:5d}{5:5d}"),
    "comments of matlab": ("% made by hand", "{0} {1} {2} {3} {4} {5}"),
    "parentheses (PDAL#1508)": (
        f"//X;Y;Z;R;G;B;Illuminance (PCV);Roughness(0.01)\n{COUNT}", "{0};{1};{2};{3};{4};{5};0.5;0.01",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_other_programs(tmp_path: Path, name: str) -> None:
    file = open_cloud(text(tmp_path / "a.csv", *TABLES[name]))
    reading = look_through(file, ("color",))
    cloud = file.read()
    np.testing.assert_array_equal(cloud.coord, COORD)
    np.testing.assert_array_equal(reading.conditions.color(cloud), COLOR)


def test_empty_cells_are_absent_values(tmp_path: Path) -> None:
    rows = [",".join(map(str, [*point, *color])) for point, color in zip(COORD, COLOR)]
    rows[7] = ",".join([*map(str, COORD[7]), "", "", ""])
    rows[9] = ",,," + ",".join(map(str, COLOR[9]))
    (tmp_path / "a.csv").write_text("x,y,z,red,green,blue\n" + "\n".join(rows) + "\n")
    file = open_cloud(tmp_path / "a.csv")
    reading = look_through(file, ("color",))
    cloud = file.read()
    made = reading.conditions.color(cloud)
    assert (made[7] == 128).all() and reading.seen.colorless == 1 and reading.seen.finite == COUNT - 1
    np.testing.assert_array_equal(np.delete(made, 7, axis=0), np.delete(COLOR, 7, axis=0))
    file.rewrite(tmp_path / "b.csv", [{"label": np.arange(COUNT)}])
    assert (tmp_path / "b.csv").read_text().splitlines()[8] == rows[7] + ",7"


@pytest.mark.parametrize("width", [3, 4])
def test_pts_files_of_fewer_columns(tmp_path: Path, width: int) -> None:
    """PDAL#2326: x y z, or x y z intensity, behind the number of points."""
    path = text(tmp_path / "a.pts", str(COUNT), "{0} {1} {2}" + " -{6}" * (width - 3))
    cloud = open_cloud(path).read()
    np.testing.assert_array_equal(cloud.coord, COORD)
    if width == 4:
        np.testing.assert_array_equal(cloud.attributes["intensity"], -np.arange(COUNT))


@pytest.mark.parametrize("key", ["FIELDS", "COLUMNS"])
def test_pcd_of_lidars_and_of_the_first_versions(tmp_path: Path, key: str) -> None:
    """PDAL#3254: padding of no bytes; PCL reads COLUMNS too."""
    head = f"{key} x y z _ rgb _\nSIZE 4 4 4 1 4 1\nTYPE F F F U U U\nCOUNT 1 1 1 4 1 0\nWIDTH {COUNT}\nDATA binary\n"
    records = np.zeros(COUNT, [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("_", "u1", 4), ("rgb", "<u4")])
    for i, axis in enumerate("xyz"):
        records[axis] = COORD[:, i]
    records["rgb"] = COLOR.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    (tmp_path / "a.pcd").write_bytes(head.encode() + records.tobytes())
    open_cloud(tmp_path / "a.pcd").rewrite(tmp_path / "b.pcd", [{"label": np.arange(COUNT, dtype=np.int32)}])
    for name in ("a.pcd", "b.pcd"):
        cloud = open_cloud(tmp_path / name).read()
        np.testing.assert_array_equal(cloud.coord, COORD.astype(np.float32))
        np.testing.assert_array_equal(cloud.color, COLOR)
    np.testing.assert_array_equal(cloud.attributes["label"], np.arange(COUNT))


def test_a_transposed_table_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", COORD.T)
    with raises("shape", "a.npy", "(3, 240)"):
        open_cloud(tmp_path / "a.npy")


@pytest.mark.parametrize("scale", [0.0, float("nan")])
def test_a_las_that_scales_everything_away_is_refused(tmp_path: Path, scale: float) -> None:
    pytest.importorskip("laspy")
    las("1.2", 3)(tmp_path / "a.las")
    data = bytearray((tmp_path / "a.las").read_bytes())
    struct.pack_into("<d", data, 139, scale)
    (tmp_path / "a.las").write_bytes(bytes(data))
    with raises("damaged-file", "a.las", f"(0.001, {scale}, 0.001)"):
        open_cloud(tmp_path / "a.las")


def test_bytes_behind_the_points_of_a_las_are_read_past(tmp_path: Path) -> None:
    """laspy#157: records longer than their format, without a description of what is in them."""
    pytest.importorskip("laspy")
    las("1.2", 3)(tmp_path / "a.las")
    data = bytearray((tmp_path / "a.las").read_bytes())
    start = struct.unpack_from("<I", data, 96)[0]
    points = np.frombuffer(bytes(data[start:]), np.uint8).reshape(COUNT, -1)
    struct.pack_into("<H", data, 105, 38)
    longer = np.hstack([points, np.full((COUNT, 4), 7, np.uint8)])
    (tmp_path / "a.las").write_bytes(bytes(data[:start]) + longer.tobytes())
    np.testing.assert_allclose(open_cloud(tmp_path / "a.las").read().coord, COORD, atol=1e-6)
