"""Every format: what is written comes back, and adding columns leaves everything else as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pointnc.clouds import cloud as cloud_module
from pointnc.clouds import open_cloud, read_cloud
from pointnc.clouds.lzf import compress, decompress
from tests.helpers.mistakes import raises

COUNT = 37
UTM = np.array([431_234.5, 5_412_345.25, 412.125])


def values(utm: bool = True) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    coord = rng.uniform(0, 9, (COUNT, 3)).round(3) + (UTM if utm else 0)
    return {
        **{axis: coord[:, i] for i, axis in enumerate("xyz")},
        **{name: rng.integers(0, 256, COUNT, np.uint8) for name in ("red", "green", "blue")},
        **{name: rng.standard_normal(COUNT).astype(np.float32) for name in ("nx", "ny", "nz")},
        "intensity": rng.integers(0, 60_000, COUNT).astype(np.uint16),
        "time": rng.uniform(0, 1e9, COUNT),
    }


def new_columns() -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(1)
    return {"label": rng.integers(-1, 200, COUNT).astype(np.int32), "confidence": rng.random(COUNT, np.float32)}


PLY = {"float64": "double", "float32": "float", "uint8": "uchar", "uint16": "ushort"}


def ply(path: Path, kind: str, with_faces: bool = True) -> None:
    columns = values()
    order = ">" if "big" in kind else "<"
    lines = ["ply", f"format {kind} 1.0", "comment made by hand", f"element vertex {COUNT}"]
    lines += [f"property {PLY[v.dtype.name]} {name}" for name, v in columns.items()]
    lines += ["element face 2", "property list uchar int vertex_indices", "element extra 1", "property int answer"]
    records = np.empty(COUNT, [(name, v.dtype.newbyteorder(order)) for name, v in columns.items()])
    for name, v in columns.items():
        records[name] = v
    if kind == "ascii":
        body = "\n".join(" ".join(str(v) for v in row) for row in records.tolist()) + "\n3 0 1 2\n4 3 4 5 6\n42\n"
        data = body.encode()
    else:
        i4 = f"{order}i4"
        faces = b"\3" + np.array([0, 1, 2], i4).tobytes() + b"\4" + np.array([3, 4, 5, 6], i4).tobytes()
        data = records.tobytes() + faces + np.array([42], i4).tobytes()
    path.write_bytes(("\n".join([*lines, "end_header"]) + "\n").encode() + data)


def pcd(path: Path, kind: str) -> None:
    columns = {name: v for name, v in values(utm=False).items() if name not in ("red", "green", "blue")}
    colors = [values()[name].astype(np.uint32) for name in ("red", "green", "blue")]
    columns["rgb"] = (colors[0] << 16 | colors[1] << 8 | colors[2]).astype(np.uint32)
    kinds = {"f": "F", "u": "U", "i": "I"}
    header = [
        "# .PCD v0.7 - Point Cloud Data file format", "VERSION 0.7", f"FIELDS {' '.join(columns)}",
        f"SIZE {' '.join(str(v.dtype.itemsize) for v in columns.values())}",
        f"TYPE {' '.join(kinds[v.dtype.kind] for v in columns.values())}", f"COUNT {' '.join('1' for _ in columns)}",
        f"WIDTH {COUNT}", "HEIGHT 1", "VIEWPOINT 0 0 0 1 0 0 0", f"POINTS {COUNT}", f"DATA {kind}",
    ]  # fmt: skip
    records = np.empty(COUNT, [(name, v.dtype) for name, v in columns.items()])
    for name, v in columns.items():
        records[name] = v
    if kind == "ascii":
        data = ("\n".join(" ".join(str(v) for v in row) for row in records.tolist()) + "\n").encode()
    elif kind == "binary":
        data = records.tobytes()
    else:
        raw = b"".join(np.ascontiguousarray(v).tobytes() for v in columns.values())
        packed = compress(raw)
        data = np.array([len(packed), len(raw)], "<u4").tobytes() + packed
    path.write_bytes(("\n".join(header) + "\n").encode() + data)


def las(path: Path, version: str = "1.4", point_format: int = 7) -> None:
    laspy = pytest.importorskip("laspy")
    header = laspy.LasHeader(version=version, point_format=point_format)
    header.offsets, header.scales = UTM.round(), np.full(3, 0.001)
    header.add_extra_dim(laspy.ExtraBytesParams("reflectance", np.float32))
    data, columns = laspy.LasData(header), values()
    for axis in "xyz":
        setattr(data, axis, columns[axis])
    for name in ("red", "green", "blue", "intensity"):
        setattr(data, name, columns[name])
    data.gps_time, data.classification = columns["time"], np.arange(COUNT) % 7
    data.return_number, data.number_of_returns = np.full(COUNT, 1), np.full(COUNT, 3)
    data.reflectance = columns["nx"]
    data.write(str(path))


def text(path: Path, separator: str, heading: str | None) -> None:
    columns = values()
    names = ["x", "y", "z", "red", "green", "blue", "intensity"]
    lines = [separator.join(repr(columns[name][i].item()) for name in names) for i in range(COUNT)]
    path.write_text("\n".join(([heading] if heading else []) + lines) + "\n", encoding="utf-8")


def npy(path: Path, records: bool) -> None:
    columns = values()
    if records:
        table = np.empty(COUNT, [(name, v.dtype) for name, v in columns.items()])
        for name, v in columns.items():
            table[name] = v
        np.save(path, table)
    else:
        np.save(path, np.column_stack([columns[name] for name in [*"xyz", "red", "green", "blue"]]))


def npz(path: Path) -> None:
    columns = values()
    coord = np.column_stack([columns[axis] for axis in "xyz"])
    color = np.column_stack([columns[name] for name in ("red", "green", "blue")])
    np.savez(path, coord=coord, color=color, time=columns["time"], note=np.array([1, 2]))


def store(path: Path) -> None:
    columns = values(utm=False)
    path.mkdir()
    np.save(path / "coord.npy", np.column_stack([columns[axis] for axis in "xyz"]).astype(np.float32))
    np.save(path / "color.npy", np.column_stack([columns[name] for name in ("red", "green", "blue")]))
    np.save(path / "segment20.npy", np.arange(COUNT, dtype=np.int16))


MAKERS: dict[str, Callable[[Path], None]] = {
    "a.ply": lambda path: ply(path, "ascii"),
    "b.ply": lambda path: ply(path, "binary_little_endian"),
    "c.PLY": lambda path: ply(path, "binary_big_endian"),
    "a.pcd": lambda path: pcd(path, "ascii"),
    "b.pcd": lambda path: pcd(path, "binary"),
    "c.pcd": lambda path: pcd(path, "binary_compressed"),
    "a.las": las,
    "b.las": lambda path: las(path, "1.2", 3),
    "c.laz": las,
    "a.csv": lambda path: text(path, ",", "x,y,z,red,green,blue,intensity"),
    "b.txt": lambda path: text(path, " ", "// x y z red green blue intensity"),
    "c.xyz": lambda path: text(path, "\t", None),
    "d.txt": lambda path: text(path, ";", "# points of a wall"),
    "a.npy": lambda path: npy(path, True),
    "b.npy": lambda path: npy(path, False),
    "a.npz": npz,
    "scene": store,
}


@pytest.fixture(params=MAKERS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / request.param
    MAKERS[request.param](made)
    return made


def test_points_come_back(path: Path) -> None:
    cloud = read_cloud(path)
    expected = values(utm=path.suffix.lower() not in (".pcd", ""))
    coord = np.column_stack([expected[axis] for axis in "xyz"])
    np.testing.assert_allclose(cloud.coord, coord, rtol=0, atol=1e-6 if path.is_dir() else 1e-9)
    assert cloud.color is not None
    np.testing.assert_array_equal(cloud.color, np.column_stack([expected[n] for n in ("red", "green", "blue")]))
    if "intensity" in cloud.attributes:
        np.testing.assert_array_equal(cloud.attributes["intensity"], expected["intensity"])
    if cloud.normal is not None:
        np.testing.assert_array_equal(cloud.normal, np.column_stack([expected[n] for n in ("nx", "ny", "nz")]))


@pytest.mark.parametrize("pieces", [1, 5])
def test_new_columns_leave_the_rest_as_it_was(path: Path, pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ply", "pcd", "las", "text", "arrays", "structured", "stored_scene"):
        monkeypatch.setattr(f"pointnc.clouds.{module}.CHUNK", 10)  # smaller than the file
    new = new_columns()

    def parts() -> Iterator[dict[str, NDArray[Any]]]:
        for rows in np.array_split(np.arange(COUNT), pieces):
            yield {name: v[rows] for name, v in new.items()}

    source = open_cloud(path)
    target = path.with_name(f"out{path.suffix}")
    source.rewrite(target, parts())
    before, after = source.read(), read_cloud(target)
    np.testing.assert_array_equal(after.coord, before.coord)
    for key in ("color", "normal"):
        one, other = getattr(before, key), getattr(after, key)
        assert (one is None) == (other is None) and (one is None or np.array_equal(one, other))
    named = after.attributes
    if path.suffix == ".npy" and "label" not in named:  # a table without names
        last = list(named)[-2:]
        named = {**named, "label": named[last[0]], "confidence": named[last[1]]}
    np.testing.assert_array_equal(named["label"], new["label"])
    np.testing.assert_array_equal(named["confidence"].astype(np.float32), new["confidence"])
    for name, one in before.attributes.items():
        np.testing.assert_array_equal(named[name], one)
        assert named[name].dtype == one.dtype or path.suffix == ".npy"


def test_a_column_that_is_there_is_replaced(path: Path) -> None:
    if path.name == "b.npy":
        pytest.skip("its columns have no names")
    first, second = path.with_name(f"first{path.suffix}"), path.with_name(f"second{path.suffix}")
    new = new_columns()
    open_cloud(path).rewrite(first, [new])
    open_cloud(first).rewrite(second, [{name: v[::-1].copy() for name, v in new.items()}])
    after = read_cloud(second)
    np.testing.assert_array_equal(after.attributes["label"], new["label"][::-1])
    assert sorted(after.attributes) == sorted(read_cloud(first).attributes)


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_a_ply_keeps_comments_faces_and_other_elements(tmp_path: Path, kind: str) -> None:
    ply(tmp_path / "a.ply", kind)
    open_cloud(tmp_path / "a.ply").rewrite(tmp_path / "b.ply", [new_columns()])
    before, after = ((tmp_path / name).read_bytes() for name in ("a.ply", "b.ply"))
    assert b"comment made by hand" in after
    tail = before[-24 if kind != "ascii" else -20 :]
    assert after.endswith(tail)
    from plyfile import PlyData

    read = PlyData.read(str(tmp_path / "b.ply"))
    assert [len(face[0]) for face in read["face"].data] == [3, 4] and read["extra"].data["answer"][0] == 42
    np.testing.assert_array_equal(read["vertex"].data["label"], new_columns()["label"])


def test_chunks_join_to_the_whole(path: Path) -> None:
    source = open_cloud(path)
    pieces = list(source.chunks(10))
    assert [len(piece) for piece in pieces] == [10, 10, 10, 7]
    np.testing.assert_array_equal(cloud_module.concatenate(pieces).coord, source.read().coord)


def test_a_truncated_file_gets_a_line(path: Path) -> None:
    if path.is_dir():
        (path / "color.npy").write_bytes((path / "color.npy").read_bytes()[:-5])
    elif path.suffix in (".csv", ".txt", ".xyz"):
        path.write_bytes(path.read_bytes() + b"1 2\n")
    else:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
    with raises("damaged-file", path):
        read_cloud(path)


@pytest.mark.parametrize(
    ("name", "content", "mistake"),
    [
        ("a.ply", b"", ("empty-file", "0 bytes")),
        ("a.ply", b"obj\n", ("damaged-file", "'ply'")),
        (
            "a.ply",
            b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n",
            ("missing-column", "'y'"),
        ),
        ("a.ply", b"ply\nformat ascii 1.0\n", ("damaged-file", "no end")),
        ("a.pcd", b"hello\n", ("wrong-format", "'hello'")),
        (
            "a.pcd",
            b"FIELDS x y z\nSIZE 4 4\nTYPE F F F\nPOINTS 1\nDATA ascii\n1 2 3\n",
            ("damaged-file", "FIELDS, SIZE, TYPE and COUNT"),
        ),
        ("a.las", b"LASFnonsense", ("damaged-file", "las")),
        ("a.txt", b"once upon a time\n", ("wrong-format", "line of numbers")),
        ("a.txt", b"1 2\n3 4\n", ("missing-column", "x, y and z", "2 columns")),
        ("a.npy", b"\x93NUMPY", ("damaged-file", "npy")),
        ("a.npz", b"PK", ("damaged-file", "npz")),
        ("a.obj", b"v 1 2 3\n", ("wrong-format", ".obj", ".ply")),
        ("a.csv", b"a,b,c\n1,2,3\n", ("missing-column", "'x'", "a, b, c")),
        ("a.ply", b"ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nend_header\n", ("no-points",)),
    ],
)
def test_bad_files_get_a_line(tmp_path: Path, name: str, content: bytes, mistake: tuple[str, ...]) -> None:
    (tmp_path / name).write_bytes(content)
    with raises(*mistake, tmp_path / name):
        read_cloud(tmp_path / name)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with raises("damaged-file", "a.npy", "Python objects"):
        read_cloud(tmp_path / "a.npy")


@pytest.mark.parametrize("dtype", ["U3", "c16", "?", "M8[s]"])
@pytest.mark.parametrize("form", ["table", "records", "npz", "scene"])
def test_coordinates_that_are_no_numbers_get_a_line(tmp_path: Path, dtype: str, form: str) -> None:
    values = np.zeros((4, 3), dtype)
    path = tmp_path / ("scene" if form == "scene" else "a.npz" if form == "npz" else "a.npy")
    if form == "table":
        np.save(path, values)
    elif form == "records":
        np.save(path, np.zeros(4, [(axis, dtype) for axis in "xyz"]))
    elif form == "npz":
        np.savez(path, coord=values)
    else:
        path.mkdir()
        np.save(path / "coord.npy", values)
    with raises("dtype", path, np.dtype(dtype)):
        read_cloud(path)


def test_an_archive_is_no_array(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as stream:
        np.savez(stream, coord=np.zeros((4, 3)))
    with raises("damaged-file", "a.npy", ".npz"):
        read_cloud(tmp_path / "a.npy")


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 1000])
def test_lzf_is_undone(size: int) -> None:
    raw = np.random.default_rng(0).integers(0, 256, size, np.uint8).tobytes()
    assert decompress(compress(raw), size) == raw


def test_lzf_repetitions() -> None:
    # "abc" literally, then 9 bytes from 3 back (which overlap), then 10 from 12 back in the long form.
    packed = bytes([2]) + b"abc" + bytes([7 << 5, 0, 2]) + bytes([7 << 5, 1, 11])
    assert decompress(packed, 22) == b"abc" + b"abcabcabc" + b"abcabcabca"


@pytest.mark.parametrize("packed", [b"\x05ab", bytes([1 << 5, 200]), bytes([7 << 5])])
def test_damaged_lzf_is_noticed(packed: bytes) -> None:
    with pytest.raises(ValueError, match="compressed data"):
        decompress(packed, 10)


def test_e57_is_read_in_the_common_frame_and_written_as_ply(tmp_path: Path) -> None:
    pye57 = pytest.importorskip("pye57")
    columns = values(utm=False)
    with pye57.E57(str(tmp_path / "a.e57"), mode="w") as file:
        for shift in (0.0, 10.0):
            data = {f"cartesian{axis.upper()}": columns[axis] for axis in "xyz"}
            data |= {f"color{name.title()}": columns[name] for name in ("red", "green", "blue")}
            data["intensity"] = columns["nx"]
            file.write_scan_raw(data, translation=np.array([shift, 0, 0]))
    source = open_cloud(tmp_path / "a.e57")
    cloud = source.read()
    assert len(source) == len(cloud) == 2 * COUNT
    coord = np.column_stack([columns[axis] for axis in "xyz"])
    np.testing.assert_allclose(cloud.coord, np.concatenate([coord, coord + [10, 0, 0]]), rtol=0, atol=1e-5)
    new = {name: np.concatenate([v, v]) for name, v in new_columns().items()}
    source.rewrite(tmp_path / "a.ply", [new])
    after = read_cloud(tmp_path / "a.ply")
    np.testing.assert_array_equal(after.coord, cloud.coord)
    np.testing.assert_array_equal(after.color, cloud.color)
    np.testing.assert_array_equal(after.attributes["label"], new["label"])
    np.testing.assert_array_equal(after.attributes["intensity"], cloud.attributes["intensity"])
    (tmp_path / "b.e57").write_bytes((tmp_path / "a.e57").read_bytes()[:1000])
    with raises("damaged-file", "b.e57", "9216 bytes", 1000):
        open_cloud(tmp_path / "b.e57")
