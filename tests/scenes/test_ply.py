"""The ply reader against plyfile's own element-wise reading, in every encoding."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from plyfile import PlyData, PlyElement

from pointnc.scenes.ply import read_ply, write_ply
from tests.helpers.mistakes import raises


def mesh(count: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    vertex = np.empty(count, [("x", "f4"), ("y", "f4"), ("quality", "f8"), ("z", "f4"), ("red", "u1")])
    for name in vertex.dtype.names:
        vertex[name] = rng.integers(0, 200, count)
    return vertex, rng.integers(0, count, (17, 3)).astype(np.int32)


@pytest.mark.parametrize("text, order", [(True, "="), (False, "<"), (False, ">")])
def test_every_encoding_and_further_properties(tmp_path: Path, text: bool, order: str) -> None:
    vertex, faces = mesh()
    face = np.empty(len(faces), [("vertex_indices", "i4", (3,)), ("flags", "u1")])
    face["vertex_indices"], face["flags"] = faces, 1
    elements = [PlyElement.describe(vertex, "vertex"), PlyElement.describe(face, "face")]
    PlyData(elements, text=text, byte_order=order).write(str(tmp_path / "a.ply"))
    fields, back = read_ply(tmp_path / "a.ply")
    assert list(fields) == list(vertex.dtype.names)
    for name, values in fields.items():
        np.testing.assert_array_equal(values, vertex[name])
    np.testing.assert_array_equal(back, faces)


def test_polygons_become_fans(tmp_path: Path) -> None:
    vertex, _ = mesh()
    face = np.empty(2, [("vertex_indices", "O")])
    face["vertex_indices"][0], face["vertex_indices"][1] = np.arange(5), np.array([7, 8, 9])
    elements = [PlyElement.describe(vertex, "vertex"), PlyElement.describe(face, "face")]
    PlyData(elements, text=True).write(str(tmp_path / "a.ply"))
    expected = [[0, 1, 2], [0, 2, 3], [0, 3, 4], [7, 8, 9]]
    np.testing.assert_array_equal(read_ply(tmp_path / "a.ply")[1], expected)


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, st.tuples(st.integers(1, 20), st.just(3)), elements=st.floats(-1e6, 1e6, width=32)))
def test_writing_and_reading_is_the_identity(tmp_path_factory: pytest.TempPathFactory, coord: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("ply") / "a.ply"
    vertex = {axis: coord[:, i] for i, axis in enumerate("xyz")}
    vertex["label"] = np.arange(len(coord), dtype=np.uint16)
    faces = np.zeros((4, 3), np.int32)
    write_ply(path, vertex, faces)
    fields, back = read_ply(path)
    for name, values in vertex.items():
        np.testing.assert_array_equal(fields[name], values)
    np.testing.assert_array_equal(back, faces)
    # An independent reader agrees.
    np.testing.assert_array_equal(PlyData.read(str(path))["vertex"]["label"], vertex["label"])


def test_no_faces(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", {axis: np.zeros(3, np.float32) for axis in "xyz"})
    fields, faces = read_ply(tmp_path / "a.ply")
    assert len(fields["x"]) == 3
    assert faces is None


@pytest.mark.parametrize("keep", [0, 3, 40, 200, -1])
def test_truncated_files_are_refused(tmp_path: Path, keep: int) -> None:
    write_ply(tmp_path / "a.ply", {axis: np.zeros(30, np.float32) for axis in "xyz"}, mesh()[1])
    (tmp_path / "b.ply").write_bytes((tmp_path / "a.ply").read_bytes()[:keep])
    with raises("damaged-file", "b.ply"):
        read_ply(tmp_path / "b.ply")


def test_missing_file_coordinate_or_vertex(tmp_path: Path) -> None:
    with raises("missing-file", "a.ply"):
        read_ply(tmp_path / "a.ply")
    write_ply(tmp_path / "a.ply", {axis: np.zeros(3, np.float32) for axis in "xy"})
    with raises("missing-column", "'z'", "a.ply"):
        read_ply(tmp_path / "a.ply")
    write_ply(tmp_path / "b.ply", {axis: np.zeros(3, np.float32) for axis in "xyz"}, np.array([[0, 1, 3]]))
    with raises("damaged-file", "b.ply", "vertex 3", 3):
        read_ply(tmp_path / "b.ply")


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", {axis: np.zeros(3, np.float32) for axis in "xyz"})
    before = (tmp_path / "a.ply").read_bytes()
    with pytest.raises(ValueError, match="broadcast"):
        write_ply(tmp_path / "a.ply", {"x": np.zeros(3, np.float32), "y": np.zeros(4, np.float32)})
    assert (tmp_path / "a.ply").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
