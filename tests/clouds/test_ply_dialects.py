"""Meshes in odd dialects: their normals, their copies, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData

from pointnc.clouds import open_cloud
from pointnc.scenes import ply_rows
from pointnc.scenes.mesh import vertex_normals
from pointnc.scenes.ply import read_ply
from tests.helpers.dialects import COORD, COUNT, LABEL
from tests.helpers.dialects_ply import LISTS, PLYS, Ply
from tests.helpers.mistakes import raises

NEW = {"class": LABEL[::-1].astype(np.int16), "confidence": np.linspace(0, 1, COUNT, dtype=np.float32)}
MESHES = [name for name, case in PLYS.items() if case.write.after is not None]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", MESHES)
def test_the_faces_of_a_mesh_give_its_normals(tmp_path: Path, name: str) -> None:
    write = PLYS[name].write
    assert isinstance(write, Ply)
    write(tmp_path / "a.ply")
    fans = [
        [row, row + k, row + k + 1]
        for row in range(COUNT - 4)
        for k in ((1, 2) if write.polygons and row % 2 else (1,))
    ]
    np.testing.assert_array_equal(read_ply(tmp_path / "a.ply")[1], fans)
    expected = vertex_normals((COORD - COORD.min(axis=0)).astype(np.float32), np.array(fans), (np.nan,) * 3)
    np.testing.assert_array_equal(open_cloud(tmp_path / "a.ply").mesh_normals(), expected)


@pytest.mark.parametrize("block", [1 << 22, 100])
@pytest.mark.parametrize("name", PLYS)
def test_copies_hold_everything_that_the_file_held(
    tmp_path: Path, name: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another reader, plyfile, finds every list and every face in the copy; a column of the same name is replaced."""
    monkeypatch.setattr(ply_rows, "BLOCK", block)
    case = PLYS[name]
    write = case.write
    assert isinstance(write, Ply)
    write(tmp_path / "a.ply")
    file = open_cloud(tmp_path / "a.ply")
    file.rewrite(
        tmp_path / "b.ply",
        [{key: values[:100] for key, values in NEW.items()}, {key: v[100:] for key, v in NEW.items()}],
    )
    assert write.comment in (tmp_path / "b.ply").read_bytes()
    raw = (tmp_path / "b.ply").read_bytes().replace(write.comment, b"comment")  # plyfile knows ascii comments alone
    for odd in (b"-nan(ind)", b"1.#QNAN"):
        raw = raw.replace(odd, b"nan")
    (tmp_path / "c.ply").write_bytes(raw)
    other = PlyData.read(str(tmp_path / "c.ply"))
    vertex = other["vertex"].data
    good = np.delete(np.arange(COUNT), case.lost)
    np.testing.assert_allclose(vertex["x"][good], COORD[good, 0], atol=1e-9)
    for key, values in NEW.items():
        np.testing.assert_allclose(vertex[key], values, atol=1e-7)
    if write.lists:
        assert [len(one) for one in vertex["view"]] == [LISTS[row % 3] for row in range(COUNT)]
        assert all((one == row).all() for row, one in enumerate(vertex["view"]))
    if write.first == "fan":
        assert other["fan"].data["corners"][0].tolist() == [0, 1, 2, 3, 4]
    if write.after is not None:
        assert all(list(one) == write._corners(row) for row, one in enumerate(other["face"].data[write.after]))


@pytest.mark.parametrize("name", ["lists of vertices", "lists of vertices, ascii", "lists first", "lists first, ascii"])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_truncated_lists_get_a_line(tmp_path: Path, name: str, share: float) -> None:
    PLYS[name].write(tmp_path / "a.ply")
    data = (tmp_path / "a.ply").read_bytes()
    (tmp_path / "a.ply").write_bytes(data[: int(share * len(data))])
    with raises("damaged-file", "a.ply"):
        open_cloud(tmp_path / "a.ply").read()


@pytest.mark.parametrize(
    ("size", "mistake"),
    [(60, ("damaged-file", "1048576 bytes", "a.ply")), (5 << 20, ("damaged-file", "1048576 bytes", "a.ply"))],
)
def test_a_list_longer_than_the_file_takes_no_memory(tmp_path: Path, size: int, mistake: tuple[str, ...]) -> None:
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty list uint double v\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    (tmp_path / "a.ply").write_bytes(head.encode() + b"\xff\xff\xff\x7f" + bytes(size))
    with raises(*mistake):
        open_cloud(tmp_path / "a.ply").read()
