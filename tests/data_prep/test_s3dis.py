"""S3DIS rooms to store: values, classes, splits, resuming, damage, and a training run on the result."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from data_prep.check.checking import check
from data_prep.s3dis import preparation
from pointnc.benchmarks.s3dis import taxonomy
from pointnc.scenes.store import SceneStore
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake, raises

OBJECTS = ("ceiling_1", "chair_1", "chair_2", "chair_10", "floor_1", "stairs_1", "table_1", "wall_1")
POINTS = 60


def object_rows(name: str, seed: int) -> np.ndarray:
    """Points of a 2 m room at different heights, colors by object."""
    rng = np.random.default_rng([seed, OBJECTS.index(name)])
    coord = rng.random((POINTS, 3)) * (2, 2, 0.3) + (-1.25, 3.5, 0.3 * OBJECTS.index(name))
    color = rng.integers(0, 30, (POINTS, 3)) + 25 * OBJECTS.index(name)
    return np.concatenate([coord.round(3), color], axis=1)


def write_room(folder: Path, seed: int) -> None:
    (folder / "Annotations").mkdir(parents=True)
    rows = {name: object_rows(name, seed) for name in OBJECTS}
    for name, table in rows.items():
        np.savetxt(folder / "Annotations" / f"{name}.txt", table, "%.3f %.3f %.3f %d %d %d")
    np.savetxt(folder / f"{folder.name}.txt", np.concatenate(list(rows.values())), "%.3f %.3f %.3f %d %d %d")
    (folder / "Annotations" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "Annotations" / "._chair_1.txt").write_bytes(b"\0\5\26\7")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("s3dis") / "raw"
    for seed, room in enumerate(("Area_1/office_1", "Area_1/hallway_2", "Area_2/office_1", "Area_5/office_1")):
        write_room(root / room, seed)
    (root / "Area_1" / "Area_1_alignmentAngle.txt").write_text("## Area 1\noffice_1 90\n")
    return root


@pytest.fixture(scope="module")
def store(raw: Path) -> Path:
    preparation.prepare(raw, raw.parent / "store", workers=1)
    return raw.parent / "store"


def test_scenes_and_splits(store: Path) -> None:
    reader = SceneStore(store)
    assert reader.scenes("train") == ["Area_1-hallway_2", "Area_1-office_1", "Area_2-office_1"]
    assert reader.scenes("val") == ["Area_5-office_1"]
    assert reader.manifest is not None
    assert reader.manifest["listed"]["val"] == ["Area_5-office_1"]


def test_values_are_those_of_the_objects(store: Path) -> None:
    scene = SceneStore(store).load("train", "Area_1-office_1", "segment")
    rows = np.concatenate([object_rows(name, 0) for name in OBJECTS])
    np.testing.assert_array_equal(scene.coord, rows[:, :3].astype(np.float32))
    np.testing.assert_array_equal(scene.color, rows[:, 3:].astype(np.uint8))
    classes = [name.split("_")[0].replace("stairs", "clutter") for name in OBJECTS]
    expected = np.repeat([taxonomy().names.index(name) for name in classes], POINTS)
    np.testing.assert_array_equal(scene.semantic, expected)
    np.testing.assert_array_equal(scene.instance, np.repeat(np.arange(len(OBJECTS)), POINTS))
    assert scene.normal is None
    np.testing.assert_array_equal(SceneStore(store).histogram("val", taxonomy()), np.bincount(expected, minlength=13))


def test_the_store_is_sound(store: Path) -> None:
    report = check(store, workers=1)
    assert report.sound, (report.problems, [scene.problems for scene in report.scenes])
    assert all(scene.hashed for scene in report.scenes)


def test_normals_on_request(raw: Path, tmp_path: Path) -> None:
    preparation.prepare(raw, tmp_path / "store", workers=1, normals=True, val_areas=2)
    scene = SceneStore(tmp_path / "store").load("val", "Area_2-office_1", "segment")
    np.testing.assert_allclose(np.linalg.norm(scene.normal, axis=1), 1, atol=1e-5)
    assert check(tmp_path / "store", workers=1).sound


def test_done_rooms_are_not_done_again_and_stay_in_their_split(raw: Path, store: Path, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "store")
    shutil.rmtree(tmp_path / "store" / "train" / "Area_2-office_1")
    marks = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").glob("*/*/*.npy")}
    preparation.prepare(raw, tmp_path / "store", workers=1)
    assert len(list((tmp_path / "store" / "train" / "Area_2-office_1").iterdir())) == 5
    assert marks == {path: path.stat().st_mtime_ns for path in marks}
    with raises("other-settings", "Area_5-office_1", "val", "train", "out=STORE"):
        preparation.prepare(raw, tmp_path / "store", workers=1, val_areas=[1])


def test_two_processes_write_what_one_writes(raw: Path, store: Path, tmp_path: Path) -> None:
    preparation.prepare(raw.parent, tmp_path / "store", workers=2)  # and the folder around the areas does as well
    for path in store.rglob("*.npy"):
        assert path.read_bytes() == (tmp_path / "store" / path.relative_to(store)).read_bytes()


def test_damage_is_repaired_counted_and_said(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(raw / "Area_5", tmp_path / "raw" / "Area_5")
    folder = tmp_path / "raw" / "Area_5" / "office_1"
    path = folder / "Annotations" / "ceiling_1.txt"
    lines = path.read_bytes().splitlines()
    words = lines[7].split()
    lines[7] = b" ".join(words[:4]) + b"\x10" + b" ".join(words[4:])
    lines[9] = b"?" + lines[9]
    path.write_bytes(b"\n".join(lines))
    (folder / "office_1.txt").rename(folder / "Office.txt")  # Area_6/copyRoom_1 has one of another name
    shutil.copy(folder / "Annotations" / "chair_1.txt", folder / "Annotations" / "chair_1 copy.txt")
    manifest = preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    record = manifest["splits"]["val"]["scenes"]["Area_5-office_1"]
    assert record["repaired"] == record["dropped"] == {"ceiling_1.txt": 1}
    assert record["other_names"] == {"stairs": POINTS}
    assert record["skipped_files"] == ["chair_1 copy.txt"]
    assert record["points"] == record["room_points"] - 1 == len(OBJECTS) * POINTS - 1
    scene = SceneStore(tmp_path / "store").load("val", "Area_5-office_1")
    expected = np.delete(object_rows("ceiling_1", 3), 9, axis=0)
    np.testing.assert_array_equal(scene.coord[: POINTS - 1], expected[:, :3].astype(np.float32))
    np.testing.assert_array_equal(scene.color[: POINTS - 1], expected[:, 3:])
    printed = " ".join(capsys.readouterr().out.split())
    for words in (
        "1 damaged lines were fixed",
        "1 damaged lines are unreadable",
        "taken as clutter: stairs (60 points)",
    ):
        assert words in printed
    assert "another number of points" not in printed


def test_missing_object_is_seen_by_the_rooms_own_file(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(raw / "Area_5", tmp_path / "raw" / "Area_5")
    (tmp_path / "raw" / "Area_5" / "office_1" / "Annotations" / "wall_1.txt").unlink()
    preparation.prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    assert "1 rooms have another number of points" in " ".join(capsys.readouterr().out.split())


def test_damaged_rooms_do_not_stop_the_others(raw: Path, tmp_path: Path) -> None:
    shutil.copytree(raw, tmp_path / "raw")
    shutil.rmtree(tmp_path / "raw" / "Area_1" / "office_1" / "Annotations")
    (tmp_path / "raw" / "Area_2" / "office_1" / "Annotations" / "floor_1.txt").write_bytes(b"")
    arguments = (f"raw={tmp_path / 'raw'}", f"out={tmp_path / 'store'}", "workers=1")
    done = run("data_prep.s3dis", *arguments, folder=tmp_path, code=2)
    assert_mistake(done, "not-prepared", "2 of 4 scenes", "<class>_<number>.txt", "failed.json", "Annotations")
    failed = json.loads((tmp_path / "store" / "failed.json").read_text())
    assert "floor_1.txt is empty" in failed["train"]["Area_2-office_1"]
    assert SceneStore(tmp_path / "store").scenes("train") == ["Area_1-hallway_2"]
    shutil.copytree(raw, tmp_path / "raw", dirs_exist_ok=True)
    run("data_prep.s3dis", *arguments, folder=tmp_path)
    assert len(SceneStore(tmp_path / "store").scenes("train")) == 3
    assert not (tmp_path / "store" / "failed.json").exists()


def test_mistakes_get_one_line(raw: Path, tmp_path: Path) -> None:
    out = f"out={tmp_path / 'store'}"
    for arguments, mistake in (
        ((), ("missing-setting", "raw=FOLDER", "out=STORE")),
        ((f"raw={tmp_path / 'nowhere'}", out), ("nothing-there", "nowhere", "raw=FOLDER")),
        ((f"raw={raw / 'Area_1'}", out), ("nothing-there", raw / "Area_1", "raw=FOLDER")),
        ((f"raw={raw}", f"out={raw}"), ("overwrites-input", f"out={raw}")),
        ((f"raw={raw}", out, "val_areas=[6]"), ("missing-file", "Area_6", "val_areas=[6]", raw)),
        ((f"raw={raw}", out, "val_areas=five"), ("option", "val_areas=five")),
        ((f"raw={raw}", out, "workers=0"), ("option", "workers=0")),
    ):
        assert_mistake(run("data_prep.s3dis", *arguments, folder=tmp_path, code=2), *mistake)
    assert not list(tmp_path.iterdir())


def test_it_trains(store: Path, tmp_path: Path) -> None:
    quick = ("trainer.max_epochs=1", "trainer.check_val_every_n_epoch=1", "trainer.accelerator=cpu", "workers=0")
    small = ("model=minkunet_tiny", "model.planes=[8,8]", "model.layers=[1,1]", "batch_size=1", "logger=none")
    places = (f"data_root={store}", f"run_dir={tmp_path / 'run'}")
    run("pointnc.train", "dataset=s3dis", *places, *quick, *small, folder=tmp_path)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert list(metrics["per_class"]) == list(taxonomy().names)
    assert 0 <= metrics["miou"] <= 100
