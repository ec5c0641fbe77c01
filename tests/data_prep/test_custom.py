"""One's own files to a store: formats, what is assumed, what is refused, what is done again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep.check.checking import check
from data_prep.export.formats import WRITERS
from data_prep.export.scenes import export
from pointnc.scenes import Scene, SceneStore
from pointnc.scenes.ply import write_ply
from pointnc.scenes.writing import write_scene
from tests.helpers.commands import Done, run
from tests.helpers.labeled_rooms import IDS, columns, write, write_root, write_taxonomy
from tests.helpers.mistakes import assert_mistake


def prepare(folder: Path, *arguments: str, code: int = 0) -> Done:
    return run("data_prep.custom", "root=root", "out=store", "workers=1", *arguments, folder=folder, code=code)


def load(folder: Path, name: str = "room0", split: str = "train") -> Scene:
    return SceneStore(folder / "store").load(split, name, "segment")


def record(folder: Path, name: str = "room0", split: str = "train") -> dict[str, Any]:
    return json.loads((folder / "store" / split / name / "scene.json").read_text())


def one_room(folder: Path, suffix: str = "ply", **changes: Any) -> dict[str, np.ndarray]:
    table = columns(**changes)
    write(folder / "root" / "train" / f"room0.{suffix}", table)
    write_taxonomy(folder / "root" / "taxonomy.yaml")
    return table


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_export_and_preparation_are_inverse(tmp_path: Path, suffix: str) -> None:
    write_root(tmp_path / "root", train=2)
    prepare(tmp_path)
    assert len(export(tmp_path / "store", tmp_path / "again", kind=suffix, workers=1)) == 3
    shutil.copy(tmp_path / "root" / "taxonomy.yaml", tmp_path / "again")
    run("data_prep.custom", "root=again", "out=second", "workers=1", folder=tmp_path)
    first, second = SceneStore(tmp_path / "store"), SceneStore(tmp_path / "second")
    for split in ("train", "val"):
        assert first.scenes(split) == second.scenes(split)
        for name in first.scenes(split):
            before, after = (store.load(split, name, "segment") for store in (first, second))
            # las keeps tenths of a millimeter
            np.testing.assert_allclose(after.coord, before.coord, atol=6e-5 if suffix in ("las", "laz") else 0)
            np.testing.assert_allclose(after.normal, before.normal, atol=1e-6)
            for key in ("color", "semantic", "instance"):
                np.testing.assert_array_equal(getattr(after, key), getattr(before, key))
    assert check(tmp_path / "second", workers=1).sound


def test_labels_become_indices_in_the_order_of_the_taxonomy(tmp_path: Path) -> None:
    table = one_room(tmp_path)
    prepare(tmp_path)
    scene = load(tmp_path)
    np.testing.assert_array_equal(np.array(IDS)[scene.semantic], table["label"])
    np.testing.assert_array_equal(scene.instance, table["instance"])
    np.testing.assert_array_equal(scene.color[:, 1], table["green"])
    assert record(tmp_path)["histogram"]["segment"] == [int((table["label"] == number).sum()) for number in IDS]


def test_large_coordinates_keep_millimeters(tmp_path: Path) -> None:
    offset = np.array([4_512_345.678, 5_398_765.432, 312.5])
    small = columns()
    world = np.stack([small[axis].astype(np.float64) for axis in "xyz"], axis=1) + offset
    one_room(tmp_path, **{axis: world[:, i] for i, axis in enumerate("xyz")})
    prepare(tmp_path)
    scene = load(tmp_path)
    assert scene.coord.dtype == np.float32 and np.abs(scene.coord).max() < 10
    np.testing.assert_array_equal(scene.origin, np.floor(world.min(axis=0)))
    np.testing.assert_allclose(scene.coord + scene.origin, world, atol=1e-6)
    export(tmp_path / "store", tmp_path / "back", workers=1)
    from pointnc.clouds import read_cloud

    np.testing.assert_allclose(read_cloud(tmp_path / "back/train/room0.ply").coord, world, atol=1e-6)
    assert check(tmp_path / "store", workers=1).sound


def test_units_and_up_axis(tmp_path: Path) -> None:
    table = columns()
    one_room(tmp_path, x=table["x"] * 1000, y=table["z"] * 1000, z=-table["y"] * 1000,
             ny=table["nz"], nz=-table["ny"])  # fmt: skip
    prepare(tmp_path, "units=mm", "up=y")
    scene = load(tmp_path)
    for i, axis in enumerate("xyz"):
        np.testing.assert_allclose(scene.coord[:, i], table[axis], atol=1e-5)
        np.testing.assert_allclose(scene.normal[:, i], table["n" + axis], atol=1e-6)


@pytest.mark.parametrize(
    ("factor", "kind", "words"), [(1 / 255, np.float32, "between 0 and 1"), (257, np.uint16, "16 bits")]
)
def test_range_of_colors_is_recognized_and_said(tmp_path: Path, factor: float, kind: type, words: str) -> None:
    table = columns()
    names = ("red", "green", "blue")
    one_room(tmp_path, **{name: (table[name].astype(float) * factor).astype(kind) for name in names})
    done = prepare(tmp_path)
    assert words in done.stdout and "train/room0" in done.stdout
    np.testing.assert_array_equal(load(tmp_path).color, np.stack([table[name] for name in names], axis=1))


def test_rows_of_nan_are_dropped_and_counted(tmp_path: Path) -> None:
    table = columns()
    x = table["x"].copy()
    x[[4, 17]] = np.nan, np.inf
    one_room(tmp_path, x=x)
    prepare(tmp_path)
    scene, keep = load(tmp_path), np.isfinite(x)
    assert record(tmp_path)["dropped"] == 2 and len(scene) == 298
    np.testing.assert_array_equal(scene.coord[:, 1], table["y"][keep])
    np.testing.assert_array_equal(scene.instance, table["instance"][keep])
    np.testing.assert_array_equal(np.array(IDS)[scene.semantic], table["label"][keep])


def test_normals_of_faces_or_neighbors(tmp_path: Path) -> None:
    side = np.arange(12) / 10
    x, y = (grid.ravel() for grid in np.meshgrid(side, side, indexing="ij"))
    table = {"x": x, "y": y, "z": 0.5 * x, "label": np.full(len(x), 2, np.int32)}
    corner = (np.arange(11)[:, None] * 12 + np.arange(11)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + 12, corner + 13], 1), np.stack([corner, corner + 13, corner + 1], 1)]
    )
    (tmp_path / "root/train").mkdir(parents=True)
    write_ply(tmp_path / "root/train/mesh.ply", table, faces.astype(np.int32))
    write_ply(tmp_path / "root/train/points.ply", table)
    write_taxonomy(tmp_path / "root/taxonomy.yaml")
    done = prepare(tmp_path)
    assert (
        "taken from the faces (train/mesh)" in done.stdout and "estimated from neighbors (train/points)" in done.stdout
    )
    across = np.array([-0.5, 0, 1]) / np.sqrt(1.25)
    np.testing.assert_allclose(load(tmp_path, "mesh").normal, np.tile(across, (len(x), 1)), atol=1e-5)
    assert np.abs(load(tmp_path, "points").normal @ across).min() > 0.999
    assert load(tmp_path, "mesh").color is None
    prepare(tmp_path, "normals=none")
    assert load(tmp_path, "mesh").normal is None


def test_bad_files_get_a_line_and_the_others_are_done(tmp_path: Path) -> None:
    root = write_root(tmp_path / "root")
    (root / "train/zero.ply").write_bytes(b"")
    write(root / "train/empty.ply", columns(count=3) | {name: np.empty(0, np.float32) for name in columns(count=3)})
    write(root / "train/nan.ply", columns(x=np.full(300, np.nan, np.float32)))
    (root / "train/cut.ply").write_bytes((root / "train/room0.ply").read_bytes()[:2000])
    (root / "train/model.obj").write_text("v 0 0 0\n")
    write(root / "train/nameless.ply", columns(label=None))
    write(root / "val/strange.ply", columns(label=np.full(300, 77, np.int32)))
    write(root / "val/room0.txt", columns())
    write(root / "val/half.npz", columns(label=np.full(300, 2.5)))
    done = prepare(tmp_path, code=1)
    assert "Traceback" not in done.stdout + done.stderr
    lines = {line.split(": ")[1]: line for line in done.stdout.splitlines() if line.startswith("failed: ")}
    words = {
        "train/zero.ply": "0 bytes", "train/empty.ply": "no points", "train/nan.ply": "none of its 300 points",
        "train/cut.ply": "truncated", "train/model.obj": "unknown format .obj", "train/nameless.ply": "has no labels",
        "val/strange.ply": "lacks: 77 (300 points)", "val/room0.txt": "same name", "val/half.npz": "2.5",
    }  # fmt: skip
    assert set(lines) == set(words)
    for place, word in words.items():
        assert word in lines[place]
    assert set(json.loads((tmp_path / "store/failed.json").read_text())) == set(words)
    store = SceneStore(tmp_path / "store")
    assert store.scenes("train") == ["room0", "room1", "room2"] and store.scenes("val") == ["room0"]
    assert check(tmp_path / "store", workers=1).sound
    for place in words:
        (root / place).unlink()
    assert "4 scenes were done before, 0 files failed" in prepare(tmp_path).stdout
    assert not (tmp_path / "store/failed.json").exists()


def test_unknown_and_ignored_ids(tmp_path: Path) -> None:
    label = columns()["label"]
    label[:5], label[5:9] = 77, 0
    one_room(tmp_path, label=label)
    done = prepare(tmp_path, code=1)
    assert "0 (4 points), 77 (5 points)" in done.stdout and not (tmp_path / "store/train/room0").exists()
    prepare(tmp_path, "ignore=[0]", code=1)
    done = prepare(tmp_path, "ignore=0", "unknown=ignore")
    assert "77 (5 points)" in done.stdout
    np.testing.assert_array_equal(load(tmp_path).semantic[:9], -1)
    assert load(tmp_path).semantic[9:].min() >= 0


def test_only_what_changed_is_done_again(tmp_path: Path) -> None:
    root = write_root(tmp_path / "root")
    prepare(tmp_path)
    files = sorted((tmp_path / "store").glob("*/*/scene.json"))
    times = {path: path.stat().st_mtime_ns for path in files}

    def changed() -> list[str]:
        fresh = [path for path in files if path.stat().st_mtime_ns != times[path]]
        times.update({path: path.stat().st_mtime_ns for path in files})
        return [f"{path.parent.parent.name}/{path.parent.name}" for path in fresh]

    write(root / "train/room1.ply", columns(seed=9))
    prepare(tmp_path)
    assert changed() == ["train/room1"]
    write_taxonomy(root / "taxonomy.yaml", names=("ground", "seat", "lamp"))
    prepare(tmp_path)
    assert changed() == []
    manifest = json.loads((tmp_path / "store/manifest.json").read_text())
    assert manifest["taxonomies"]["segment"]["names"] == ["ground", "seat", "lamp"]
    write_taxonomy(root / "taxonomy.yaml", ids=(40, 5, 2))
    prepare(tmp_path)
    assert len(changed()) == 4
    np.testing.assert_array_equal(np.array((40, 5, 2))[load(tmp_path).semantic], columns(0)["label"])
    # A scene whose file is gone cannot be brought to another taxonomy.
    (root / "train/room2.ply").unlink()
    assert "4 scenes" not in prepare(tmp_path).stdout
    write_taxonomy(root / "taxonomy.yaml")
    assert_mistake(prepare(tmp_path, code=2), "other-settings", f"out={tmp_path / 'store'}", "train/room2")


def test_check_asks_for_no_official_scenes(tmp_path: Path) -> None:
    write_root(tmp_path / "root")
    prepare(tmp_path)
    path = tmp_path / "store/manifest.json"
    manifest = json.loads(path.read_text())
    listed = manifest.pop("listed")
    assert listed == {"train": ["room0", "room1", "room2"], "val": ["room0"]}
    assert check(tmp_path / "store", workers=1).sound
    path.write_text(json.dumps(manifest))  # as if nobody had said which scenes there should be
    report = check(tmp_path / "store", workers=1)
    assert report.sound and report.listed == {}
    label = tmp_path / "store/train/room1/segment.npy"
    np.save(label, np.load(label)[::-1])
    assert not check(tmp_path / "store", workers=1).sound


def test_test_files_may_lack_labels(tmp_path: Path) -> None:
    root = write_root(tmp_path / "root")
    write(root / "test/hall.ply", columns(label=None, instance=None))
    prepare(tmp_path, "label=label")
    assert load(tmp_path, "hall", "test").semantic is None
    assert check(tmp_path / "store", workers=1).sound


def test_tables_without_names_and_scenes_of_a_store(tmp_path: Path) -> None:
    table = columns()
    write_taxonomy(tmp_path / "taxonomy.yaml")
    folder = tmp_path / "root/train"
    folder.mkdir(parents=True)
    order = ["x", "y", "z", "red", "green", "blue", "label"]
    np.savetxt(folder / "text.txt", np.column_stack([table[name] for name in order]), fmt="%.9g")
    np.save(folder / "array.npy", np.column_stack([table[name] for name in order]).astype(np.float32))
    coord = np.stack([table[axis] for axis in "xyz"], axis=1)
    write_scene(folder / "scene", {"coord": coord, "segment": table["label"]})
    prepare(tmp_path, "taxonomy=taxonomy.yaml")
    for name in ("text", "array", "scene"):
        scene = load(tmp_path, name)
        np.testing.assert_array_equal(scene.coord, coord)
        np.testing.assert_array_equal(np.array(IDS)[scene.semantic], table["label"])
    np.testing.assert_array_equal(load(tmp_path, "array").color, load(tmp_path, "text").color)


def test_two_columns_may_hold_the_labels(tmp_path: Path) -> None:
    table = columns()
    write_taxonomy(tmp_path / "taxonomy.yaml")
    (tmp_path / "root/train").mkdir(parents=True)
    names = ["x", "y", "z", "red", "green", "blue", "instance", "label"]
    np.save(tmp_path / "root/train/room0.npy", np.column_stack([table[name] for name in names]).astype(np.float32))
    assert "column7 or column8" in prepare(tmp_path, "taxonomy=taxonomy.yaml", code=1).stdout
    prepare(tmp_path, "taxonomy=taxonomy.yaml", "label=column8", "instance=column7")
    np.testing.assert_array_equal(np.array(IDS)[load(tmp_path).semantic], table["label"])
    np.testing.assert_array_equal(load(tmp_path).instance, table["instance"])


def test_mistakes_get_one_line(tmp_path: Path) -> None:
    assert_mistake(run("data_prep.custom", folder=tmp_path, code=2), "missing-setting", "root=FOLDER")
    (tmp_path / "root").mkdir()
    assert_mistake(prepare(tmp_path, code=2), "missing-file", "taxonomy.yaml", "data_prep.taxonomy")
    write_taxonomy(tmp_path / "root/taxonomy.yaml")
    assert_mistake(prepare(tmp_path, code=2), "nothing-there", f"root={tmp_path / 'root'}")
    write(tmp_path / "root/loose.ply", columns())
    assert_mistake(prepare(tmp_path, code=2), "nothing-there", f"root={tmp_path / 'root'}", "train/")
    one_room(tmp_path)
    assert_mistake(prepare(tmp_path, "splits=[trian]", code=2), "missing-file", "'trian'", "train")
    assert_mistake(prepare(tmp_path, "unknown=skip", code=2), "option", "error, ignore", "unknown=skip")
    assert_mistake(prepare(tmp_path, "units=ft", code=2), "option", "units=ft", "cm")
    assert_mistake(prepare(tmp_path, "out=root", code=2), "overwrites-input", f"out={tmp_path / 'root'}")
    assert_mistake(prepare(tmp_path, "ignore=[a]", code=2), "option", "ignore=['a']")
    (tmp_path / "root/taxonomy.yaml").write_text("classes: [{id: 1, name: wall, colour: [1, 2, 3]}]\n")
    assert_mistake(prepare(tmp_path, code=2), "taxonomy", "'colour'", "color")
    (tmp_path / "root/taxonomy.yaml").write_text("segment: ../../evil\nnames: [wall]\n")
    assert_mistake(prepare(tmp_path, code=2), "taxonomy", "segment", "'../../evil'")
    assert not (tmp_path / "store").exists()
