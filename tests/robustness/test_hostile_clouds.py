"""Clouds whose headers lie, that unpack to more than they should, or that native readers die of: a line each."""

from __future__ import annotations

import io
import os
import resource
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_prep.custom.columns import whole_numbers
from pointnc.clouds import open_cloud, read_cloud
from pointnc.clouds.las_header import read_layout
from pointnc.errors import UserError
from pointnc.scenes.ply import read_ply
from pointnc.untrusted import sizes
from tests.clouds import test_formats as clouds
from tests.helpers.mistakes import raises
from tests.robustness import samples
from tests.robustness.e57_pages import description, pack, unpack

PLY = "ply\nformat {kind} 1.0\nelement vertex {count}\nproperty float x\nproperty float y\nproperty float z\n{more}end_header\n"
PCD = "FIELDS {fields}\nSIZE {size}\nTYPE {type}\nCOUNT {count}\nWIDTH 1\nHEIGHT 1\nPOINTS {points}\nDATA {kind}\n"


def ply(kind: str = "ascii", count: object = 1, more: str = "", body: bytes = b"1 2 3\n") -> bytes:
    return PLY.format(kind=kind, count=count, more=more).encode() + body


def pcd(kind: str = "ascii", fields: str = "x y z", points: object = 1, body: bytes = b"1 2 3\n", **keys: str) -> bytes:
    n = len(fields.split())
    given = {"size": "4 " * n, "type": "F " * n, "count": "1 " * n} | keys
    return PCD.format(kind=kind, fields=fields, points=points, **given).encode() + body


def sizes_and(body: bytes, size: int) -> bytes:
    return struct.pack("<II", len(body), size) + body


FACES = "element face {}\nproperty list uchar int vertex_indices\n"
FALSE_HEADERS = {
    "columns named twice": ("a.csv", b"x,y,z,x\n1,2,3,4\n5,6,7,8\n", ("ambiguous", "'x'")),
    "columns that differ in case": ("a.csv", b"x,y,z,X\n1,2,3,4\n5,6,7,8\n", ("ambiguous", "'x'", "case")),
    "control characters": ("a.csv", b"x,y,z,la\0bel\n1,2,3,4\n5,6,7,8\n", ("bad-name", r"'la\x00bel'")),
    "control characters in ply": ("a.ply", ply(more="property float a\x1b[2J\n", body=b"1 2 3 4\n"), ("bad-name", r"'a\x1b[2J'")),
    "ply count": ("a.ply", ply(count=10**12), ("damaged-file", "1000000000000 rows", "vertex")),
    "ply count that is none": ("a.ply", ply(count="²"), ("damaged-file", "'element vertex ²'")),
    "ply count without end": ("a.ply", ply(count="9" * 5000), ("damaged-file", "element vertex " + "9" * 45)),
    "binary ply count": ("a.ply", ply("binary_little_endian", 2**60, body=bytes(24)), ("damaged-file", f"{2**60} rows", "vertex")),
    "ply faces": ("a.ply", ply(more=FACES.format(10**12)), ("damaged-file", "1000000000000 rows", "face")),
    "ply other element": ("a.ply", ply(more="element foo 1000000000000\nproperty int a\n"), ("damaged-file", "1000000000000 rows", "foo")),
    "ply element without properties": ("a.ply", ply(more="element foo 1000000000000\n"), ("damaged-file", "1000000000000 rows", "foo")),
    "pcd points": ("a.pcd", pcd("binary", points=10**12, body=bytes(12)), ("damaged-file", "1000000000000 points")),
    "pcd points beyond an index": ("a.pcd", pcd(points=2**63), ("damaged-file", "POINTS 9223372036854775808")),
    "pcd of padding": (
        "a.pcd", pcd("binary_compressed", "_", 10**12, sizes_and(b"", 0), size="1", type="U", count="1"), ("too-large", "931 GiB", "2 GiB"),
    ),
    "pcd values": ("a.pcd", pcd(fields="x y z _", count="1 1 1 1000000000"), ("damaged-file", "65536 bytes")),
    "pcd lzf": (
        "a.pcd", pcd("binary_compressed", points=10**8, body=sizes_and(bytes([0, 0]), 12 * 10**8)), ("damaged-file", "compressed data"),
    ),
    "pcd without its sizes": ("a.pcd", pcd("binary_compressed", body=b"\0" * 7), ("damaged-file", "compressed data")),
    "pcd fields twice": ("a.pcd", b"FIELDS x y z\n" + pcd(), ("damaged-file", "FIELDS")),
    "a word of megabytes": ("a.pcd", pcd(points=300_000, body=b"1 2 3\n" * 300_000 + b"1" * 4_000_000), ()),
    "zip called npy": ("a.npy", b"PK\3\4", ("damaged-file", ".npz")),
    "npy shape": ("a.npy", b"\x93NUMPY\1\0", ("damaged-file", "npy")),
}  # fmt: skip


@pytest.mark.parametrize("case", [name for name in FALSE_HEADERS if FALSE_HEADERS[name][2]])
def test_false_headers_get_a_line(case: str, tmp_path: Path) -> None:
    name, data, mistake = FALSE_HEADERS[case]
    (tmp_path / name).write_bytes(data)
    with raises(*mistake, tmp_path / name) as caught:
        read_cloud(tmp_path / name)
    assert str(caught.value).isprintable()


def test_a_long_word_takes_no_memory(tmp_path: Path) -> None:
    """Texts of one length for all: so many times its longest."""
    name, data, _ = FALSE_HEADERS["a word of megabytes"]
    (tmp_path / name).write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(read_cloud(tmp_path / name)) == 300_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


@pytest.mark.parametrize("more", [FACES.format(10**12), "element foo 1000000000000\nproperty int a\n"])
def test_meshes_that_promise_too_much_get_a_line(more: str, tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(ply(more=more))
    with raises("damaged-file", "a.ply", "1000000000000 rows"):
        read_ply(tmp_path / "a.ply")


def test_a_vertex_property_that_is_a_list_gets_a_line(tmp_path: Path) -> None:
    header = "ply\nformat ascii 1.0\nelement vertex 2\nproperty list uchar float x\nproperty float y\nproperty float z\nend_header\n"
    (tmp_path / "a.ply").write_text(header + "3 1 2 3 0 0\n" * 2)
    with raises("shape", "'x'", "a.ply"):
        read_ply(tmp_path / "a.ply")


def test_faraway_meshes_have_no_infinite_normals(tmp_path: Path) -> None:
    body = b"0 0 0\n1 0 0\n0 1 0\n1e30 1e30 -1e30\n3 0 1 2\n3 0 1 3\n"
    (tmp_path / "a.ply").write_bytes(ply(count=4, more=FACES.format(2), body=body))
    normal = open_cloud(tmp_path / "a.ply").mesh_normals()
    assert normal is not None and not np.isinf(normal).any()


@pytest.mark.parametrize("name", ["a.npz", "a.pcd"])
def test_bombs_are_not_unpacked(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "MOST_UNPACKED", 10_000)
    rows = np.zeros((1000, 3), "<f4")
    if name == "a.npz":
        np.savez_compressed(tmp_path / name, coord=rows)
    else:
        packed = bytes([0, 0]) + bytes([7 << 5, 255, 0]) * (12_000 // 264)
        (tmp_path / name).write_bytes(pcd("binary_compressed", points=1000, body=sizes_and(packed, 12_000)))
    with raises("too-large", name, "9.77 kiB"):
        read_cloud(tmp_path / name)


@pytest.mark.parametrize(
    ("change", "fact"),
    [("object", "pickles"), ("raw", "magic string"), ("twice", "'coord.npy'"), ("long", "(5000000000, 3)")],
)
def test_archives_of_other_things_get_a_line(change: str, fact: str, tmp_path: Path) -> None:
    array = io.BytesIO()
    np.save(array, np.array([{}]) if change == "object" else np.zeros((5, 3)), allow_pickle=True)
    data = array.getvalue().replace(b"(5, 3)", b"(5000000000, 3)") if change == "long" else array.getvalue()
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("coord.npy", b"no array" if change == "raw" else data)
        if change == "twice":
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr("coord.npy", data)
    with raises("damaged-file", "a.npz", fact):
        read_cloud(tmp_path / "a.npz")


def test_an_array_called_file_is_kept(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name, values in {"coord": np.zeros((5, 3)), "file": np.arange(5)}.items():
            with archive.open(f"{name}.npy", "w") as stream:
                np.lib.format.write_array(stream, values)
    open_cloud(tmp_path / "a.npz").rewrite(tmp_path / "b.npz", [{"label": np.arange(5)}])
    assert read_cloud(tmp_path / "b.npz").attributes["file"].tolist() == list(range(5))


def damage(path: Path, place: int, width: int, value: int) -> None:
    data = bytearray(path.read_bytes())
    data[place : place + width] = value.to_bytes(width, "little")
    path.write_bytes(data)


def table_of(path: Path) -> int:
    start = read_layout(path).start
    return int.from_bytes(path.read_bytes()[start : start + 8], "little")


FALSE_LAZ: dict[str, Callable[[Path], None]] = {
    "records without end": lambda path: damage(path, 100, 4, 1_250_000_000),
    "extended records": lambda path: damage(path, 243, 4, 2**29),
    "points": lambda path: damage(path, 247, 8, 2**64 - 1),
    "points in chunks": lambda path: damage(path, 247, 8, 10**12),
    "bytes of a point": lambda path: damage(path, 105, 2, 65_535),
    "place of the points": lambda path: damage(path, 96, 4, 2**32 - 1),
    "place of the chunks": lambda path: damage(path, read_layout(path).start, 8, 2**62),
    "chunks": lambda path: damage(path, table_of(path) + 4, 4, 3_311_534_080),
}


@pytest.mark.parametrize("case", FALSE_LAZ)
def test_false_headers_of_laz_get_a_line(case: str, tmp_path: Path) -> None:
    clouds.las(tmp_path / "a.laz")
    FALSE_LAZ[case](tmp_path / "a.laz")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with raises("damaged-file", "a.laz"):
        open_cloud(tmp_path / "a.laz")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_a_laz_that_kills_its_decompressor_kills_nothing_else(tmp_path: Path) -> None:
    """lazrs 0.8.2 reads beyond its tables, and the system ends it."""
    path = tmp_path / "a.laz"
    clouds.las(path)
    data, start = path.read_bytes(), read_layout(path).start
    refused = []
    for first in range(start + 60, len(data) - 200, 100):
        path.write_bytes(data[:first] + b"\xff" * 200 + data[first + 200 :])
        try:
            assert len(read_cloud(path)) == clouds.COUNT
        except UserError as error:
            refused.append(str(error))
    assert refused and all("a.laz is damaged" in line for line in refused)


def test_a_laz_is_read_in_another_process_that_ends_with_its_reader(tmp_path: Path) -> None:
    clouds.las(tmp_path / "a.laz")
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    before = set(children.read_text().split()) if children.exists() else set()  # those of other tests
    chunks = open_cloud(tmp_path / "a.laz").chunks(10)
    assert len(next(chunks)) == 10
    started = set(children.read_text().split()) - before if children.exists() else set()
    chunks.close()  # type: ignore[attr-defined]
    assert not started & set(children.read_text().split() if children.exists() else [])


def test_las_names_that_are_no_text_get_a_line(tmp_path: Path) -> None:
    clouds.las(tmp_path / "a.las")
    data = (tmp_path / "a.las").read_bytes()
    (tmp_path / "a.las").write_bytes(data.replace(b"reflectance", b"reflectanc\xe9"))
    with raises("damaged-file", "a.las", "utf-8"):
        open_cloud(tmp_path / "a.las").rewrite(tmp_path / "b.las", [clouds.new_columns()])


def test_las_columns_without_a_name_get_a_line(tmp_path: Path) -> None:
    clouds.las(tmp_path / "a.las")
    data = (tmp_path / "a.las").read_bytes()
    (tmp_path / "a.las").write_bytes(data.replace(b"reflectance", bytes(11)))
    with raises("bad-name", "a.las"):
        open_cloud(tmp_path / "a.las")


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        (b'recordCount="37"', b'recordCount="999999999999"', ("damaged-file", "999999999999 points", "a.e57")),
        (b'fileOffset="48"', b'fileOffset="999999"', ("damaged-file", "'999999'", "a.e57")),
        (b"?>", b'?><!DOCTYPE x [<!ENTITY a "b">]>', ("damaged-file", "a.e57")),
        (b"<data3D", b"<x>" * 100 + b"</x>" * 100 + b"<data3D", ("damaged-file", "a.e57")),
    ],
)
def test_false_descriptions_of_e57_get_a_line(old: bytes, new: bytes, mistake: tuple[str, ...], tmp_path: Path) -> None:
    pytest.importorskip("pye57")
    samples.e57(tmp_path / "a.e57")
    logical = unpack((tmp_path / "a.e57").read_bytes())
    at, end = description(logical)
    assert old in logical[at:end]
    xml = logical[at:end].replace(old, new, 1)
    size = -(-(at + len(xml)) // 1020) * 1024
    head = logical[:16] + struct.pack("<QQQ", size, struct.unpack("<Q", logical[24:32])[0], len(xml)) + logical[40:at]
    (tmp_path / "a.e57").write_bytes(pack(head + xml))
    with raises(*mistake):
        open_cloud(tmp_path / "a.e57")


def test_column_numbers_beyond_integers_get_a_line() -> None:
    for values in (np.array([1.0, 1e300]), np.array([1, 2**64 - 1], np.uint64)):
        with raises("out-of-range", "label", "a.ply"):
            whole_numbers(values, "label", "a.ply")


def test_the_process_of_laz_bounds_its_memory() -> None:
    script = Path(sys.modules["pointnc.clouds.laz"].__file__ or "").with_name("laz_process.py")
    code = f"import runpy; runpy.run_path({str(script)!r})['bound'](); bytearray(8 << 30)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr
