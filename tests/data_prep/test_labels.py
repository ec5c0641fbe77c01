"""Labels that are no column of the cloud: beside it, on faces, as colors; and what is said where none are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_prep.custom.folder import find_rooms
from data_prep.custom.labels import elsewhere, face_labels, open_labeled, read_color_table
from pointnc.scenes import SceneStore
from pointnc.scenes.ply import write_ply
from tests.helpers.commands import run
from tests.helpers.labeled_rooms import IDS, columns, write, write_taxonomy
from tests.helpers.mistakes import assert_mistake, raises

TABLE = columns()
LABEL = TABLE["label"]
COLORS = np.array([[10, 20, 30], [200, 0, 7], [0, 255, 90]], np.uint8)
"""Of the classes 2, 5, 40."""


def room(folder: Path, suffix: str = "txt", **changes: object) -> Path:
    """A cloud without a column of labels, and a taxonomy."""
    path = write(folder / "root" / "train" / f"a.{suffix}", columns(label=None, instance=None, **changes))  # type: ignore[arg-type]
    write_taxonomy(folder / "root" / "taxonomy.yaml")
    return path


def beside(kind: str, path: Path) -> str:
    """Write the labels beside a cloud; return the setting."""
    if kind == "text":
        np.savetxt(path.with_suffix(".labels"), LABEL, "%d")
        return ".labels"
    if kind == "raw":
        (LABEL.astype("<u4") | np.arange(300, dtype="<u4") % 6 << 16).astype("<u4").tofile(path.with_suffix(".label"))
        return ".label"
    if kind == "array":
        np.save(path.with_name("a_seg.npy"), LABEL[:, None])
        return "_seg.npy"
    np.savetxt(path.with_name("a_labels.txt"), LABEL, "%.1f")
    return "_labels.txt"


@pytest.mark.parametrize("kind", ["text", "raw", "array", "decimals"])
def test_labels_of_a_file_beside_the_cloud(tmp_path: Path, kind: str) -> None:
    path = room(tmp_path)
    setting = beside(kind, path)
    done = run("data_prep.taxonomy", "root=root", f"labels={setting}", "workers=1", "out=t.yaml", folder=tmp_path)
    assert "3 classes" in done.stdout
    prepare = ["data_prep.custom", "root=root", "out=store", "workers=1", f"labels={setting}"]
    run(*prepare, folder=tmp_path)
    scene = SceneStore(tmp_path / "store").load("train", "a", "segment")
    np.testing.assert_array_equal(np.array(IDS)[scene.semantic], LABEL)
    if kind == "raw":
        np.testing.assert_array_equal(scene.instance, np.arange(300) % 6)
    assert "1 scenes were done before" in run(*prepare, folder=tmp_path).stdout
    labels = path.with_name(f"a{setting}")
    labels.write_bytes(labels.read_bytes())  # another time of change
    assert "0 scenes were done before" in run(*prepare, folder=tmp_path).stdout


def test_labels_beside_a_cloud_must_be_as_many(tmp_path: Path) -> None:
    path = room(tmp_path)
    np.savetxt(path.with_suffix(".labels"), LABEL[:-1], "%d")
    with raises("other-length", "a.labels", "(299,)", "300 points"):
        open_labeled(path, ".labels")
    path.with_suffix(".labels").write_text("1\nchair\n")
    with raises("wrong-format", "a.labels", "'chair'"):
        open_labeled(path, ".labels")


def test_labels_of_faces_are_those_of_most_faces_around_a_vertex(tmp_path: Path) -> None:
    """Four triangles around vertex 0; the last vertex has none."""
    head = "ply\nformat ascii 1.0\nelement vertex 7\n" + "".join(f"property float {axis}\n" for axis in "xyz")
    head += "element face 4\nproperty list uchar int vertex_indices\nproperty int category_id\nend_header\n"
    points = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n-1 0 0\n0 -1 0\n9 9 9\n"
    faces = "3 0 1 2 8\n3 0 2 3 4\n3 0 3 4 8\n3 0 4 5 4\n"
    (tmp_path / "a.ply").write_text(head + points + faces)
    np.testing.assert_array_equal(face_labels(tmp_path / "a.ply", "category_id"), [4, 8, 4, 4, 4, 4, -1])
    assert elsewhere(tmp_path / "a.ply") == ["labels=face.category_id (of its faces)"]
    cloud = open_labeled(tmp_path / "a.ply", "face.category_id").read()
    assert cloud.attributes["label"].tolist() == [4, 8, 4, 4, 4, 4, -1]
    with raises("missing-column", "'object_id'", "labels=face.category_id", "a.ply"):
        open_labeled(tmp_path / "a.ply", "face.object_id")


def test_a_vote_agrees_with_counting_one_by_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    faces, kinds = rng.integers(0, 40, (200, 3)), rng.integers(0, 5, 200)
    write_ply(tmp_path / "mesh.ply", {axis: rng.random(42, np.float32) for axis in "xyz"}, faces)
    data = (tmp_path / "mesh.ply").read_bytes()
    head, _, body = data.partition(b"end_header\n")
    points, rows = body[: 42 * 12], body[42 * 12 :]
    rows = b"".join(rows[13 * i : 13 * i + 13] + bytes([kinds[i]]) for i in range(200))
    (tmp_path / "a.ply").write_bytes(head + b"property uchar kind\nend_header\n" + points + rows)
    expected = []
    for vertex in range(42):
        around = [kinds[i] for i in range(200) for corner in faces[i] if corner == vertex]
        counts = np.bincount(around, minlength=5) if around else np.zeros(5)
        expected.append(int(counts.argmax()) if around else -1)
    np.testing.assert_array_equal(face_labels(tmp_path / "a.ply", "kind"), expected)


@pytest.mark.parametrize("table", ["colors.yaml", "colors.csv", "colors.txt"])
def test_colors_that_stand_for_classes(tmp_path: Path, table: str) -> None:
    place = {number: k for k, number in enumerate(IDS)}
    color = COLORS[[place[number] for number in LABEL]]
    color[17] = (1, 1, 1)
    path = room(tmp_path, "ply", red=color[:, 0], green=color[:, 1], blue=color[:, 2])
    rows = list(zip(IDS, COLORS.tolist()))
    if table.endswith("yaml"):
        lines = [f"  - {{id: {number}, name: c{number}, color: {one}}}" for number, one in rows]
        (tmp_path / table).write_text("name: mine\nclasses:\n" + "\n".join(lines) + "\n")
    else:
        part = "," if table.endswith("csv") else " "
        lines = [part.join(map(str, [*one, number])) for number, one in rows]
        (tmp_path / table).write_text("\n".join([part.join(["red", "green", "blue", "id"]), *lines]) + "\n")
    assert elsewhere(path)[0].startswith("labels=TABLE.yaml or .csv (its points have 4 colors")
    done = run("data_prep.custom", "root=root", "out=store", "workers=1", f"labels={table}", folder=tmp_path)
    assert "its colors stand for the classes" in done.stdout
    scene = SceneStore(tmp_path / "store").load("train", "a", "segment")
    assert scene.color is None
    np.testing.assert_array_equal(np.append(IDS, -1)[scene.semantic], np.where(np.arange(300) == 17, -1, LABEL))


def test_tables_of_colors_that_make_no_sense_are_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,red,green,blue\n1,0,0,0\n2,0,0,0\n")
    with raises("ambiguous", "a.csv", "(0, 0, 0)", 1, 2):
        read_color_table(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("name;red;green\nx;0;0\n")
    with raises("missing-column", "a.csv", "id, red, green and blue", "name"):
        read_color_table(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("id,red,green,blue\n1,2,3,4\n")
    path = room(tmp_path, "ply")
    with raises("unknown-label", "a.ply", "labels="):
        open_labeled(path, str(tmp_path / "a.csv")).read()


def test_where_labels_are_is_found_and_said(tmp_path: Path) -> None:
    path = room(tmp_path)
    np.savetxt(path.with_suffix(".labels"), LABEL, "%d")
    rooms, failures = find_rooms(tmp_path / "root")
    assert [one.name for one in rooms] == ["a"]
    assert failures == {"train/a.labels": "if it holds the labels of the cloud beside it, give labels=.labels"}
    rooms, failures = find_rooms(tmp_path / "root", labels=".labels")
    assert failures == {} and rooms[0].labels == path.with_suffix(".labels")
    done = run("data_prep.taxonomy", "root=root", "workers=1", folder=tmp_path, code=2)
    assert_mistake(done, "no-labels", "labels=.labels", "a.labels")
    done = run("data_prep.custom", "root=root", "out=store", "workers=1", folder=tmp_path, code=1)
    assert "labels=.labels (a.labels is beside it)" in done.stdout


def test_visualize_takes_such_files_for_truth(tmp_path: Path) -> None:
    path = room(tmp_path)
    beside("raw", path)
    run(
        "pointnc.visualize",
        f"scene={path}",
        "truth=root/train/a.label",
        "taxonomy=root/taxonomy.yaml",
        "html=a.html",
        folder=tmp_path,
    )
    assert (tmp_path / "a.html").is_file()


def test_a_file_that_nobody_classified_is_remarked_on(tmp_path: Path) -> None:
    """Every las has a classification; 0 means that nobody looked."""
    write(
        tmp_path / "root" / "train" / "a.ply",
        columns(label=None, instance=None, classification=np.zeros(300, np.uint8)),
    )
    write_taxonomy(tmp_path / "root" / "t.yaml", ids=(0, 5, 40))
    words = "its column classification holds 0 alone: if nobody classified it, give ignore=[-1,0]"
    assert words in run("data_prep.taxonomy", "root=root", "out=u.yaml", "workers=1", folder=tmp_path).stdout
    done = run("data_prep.custom", "root=root", "out=store", "taxonomy=root/t.yaml", "workers=1", folder=tmp_path)
    assert words in done.stdout
