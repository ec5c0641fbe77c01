"""The check of a store: sound ones pass, every kind of damage is named, exit codes are what they should be."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data_prep.check.checking import check
from data_prep.check.tables import class_table, print_report
from data_prep.scannet.preparation import prepare
from pointnc.benchmarks.scannet import taxonomy
from tests.helpers.mistakes import assert_line, raises
from tests.helpers.synthetic import write_raw_root


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("check")
    prepare(write_raw_root(root / "raw", train=2, val=1, test=1), root / "store", workers=1)
    return root / "store"


@pytest.fixture
def store(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "store")
    return tmp_path / "store"


def problems(store: Path, **settings: object) -> list[str]:
    report = check(store, workers=1, **settings)
    lines = [f"{scene.split}/{scene.name}: {line}" for scene in report.scenes for line in scene.problems]
    assert report.sound == (not report.problems and not lines)
    return report.problems + lines


def test_prepared_store_is_sound(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert problems(store) == []
    report = check(store, workers=1)
    assert all(scene.hashed for scene in report.scenes)
    labels = [np.load(path) for path in store.glob("*/*/segment200.npy")]
    counts = np.bincount(np.concatenate(labels)[np.concatenate(labels) >= 0], minlength=200)
    np.testing.assert_array_equal(
        np.sum([scene.histogram["segment200"] for scene in report.scenes if scene.histogram], axis=0), counts
    )
    print_report(report.scenes, report.listed, report.taxonomies, report.problems)
    printed = capsys.readouterr().out
    assert "4 scenes, 4 compared with recorded hashes: sound" in printed
    table = class_table(report.scenes, taxonomy("scannet200"))
    footers = [column.footer for column in table.columns]
    for place, group in enumerate(("head", "common", "tail")):
        members = taxonomy("scannet200").members(group)
        assert footers[2 * place + 1] == f"{counts[members].sum():,}"
        assert str(footers[2 * place]).startswith(f"{np.count_nonzero(counts[members])} of {len(members)} occur")


def change(key: str, edit) -> object:
    def spoil(folder: Path) -> None:
        array = np.load(folder / f"{key}.npy")
        result = edit(array)
        np.save(folder / f"{key}.npy", array if result is None else result)

    return spoil


def assign(index: object, value: object):
    def edit(array: np.ndarray) -> None:
        array[index] = value

    return edit


DAMAGE = {
    "nan": (change("coord", assign(3, np.nan)), "coord holds NaN or infinity at 1 points"),
    "moved": (change("coord", assign(3, 1.25)), "coord.npy is not what was prepared"),
    "cut": (change("color", lambda array: array[:-2]), "rows, coord"),
    "shape": (change("color", lambda array: array[:, :2]), "color has shape"),
    "scalar": (change("color", lambda array: array[0, 0]), "color has no rows"),
    "dtype": (change("coord", lambda array: array.astype(np.float64)), "coord is float64, not float32"),
    "float labels": (change("segment20", lambda array: array.astype(np.float32)), "not a signed integer"),
    "normals": (change("normal", assign(slice(5), 0.5)), "5 normals are not of unit length"),
    "high label": (change("segment200", assign(0, 200)), "segment200 holds 200, but there are 200 classes"),
    "low label": (change("segment20", assign(0, -2)), "segment20 holds -2"),
    "low instance": (change("instance", assign(0, -5)), "instance holds -5"),
    "relabelled": (change("segment20", assign(slice(9), 7)), "the class histogram of segment20 is not the manifest's"),
    "no coord": (lambda folder: (folder / "coord.npy").unlink(), "coord.npy is missing"),
    "no labels": (lambda folder: (folder / "segment200.npy").unlink(), "segment200.npy is missing"),
    "truncated": (
        lambda folder: (folder / "normal.npy").write_bytes((folder / "normal.npy").read_bytes()[:200]),
        "normal.npy is damaged",
    ),
    "empty": (lambda folder: [np.save(path, np.load(path)[:0]) for path in folder.glob("*.npy")], "no points"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named_with_its_scene(store: Path, damage: str) -> None:
    spoil, message = DAMAGE[damage]
    spoil(store / "train" / "scene0001_00")
    found = problems(store)
    assert any(line.startswith("train/scene0001_00: ") and message in line for line in found), found
    assert all("scene0001_00" in line for line in found)


def test_scenes_against_lists_and_manifest(store: Path) -> None:
    shutil.rmtree(store / "train" / "scene0000_00")
    shutil.copytree(store / "train" / "scene0001_00", store / "val" / "scene0001_00")
    found = problems(store)
    assert "1 listed scenes of train are missing: scene0000_00" in found
    assert "1 scenes of train are in the manifest but have no folder: scene0000_00" in found
    assert "1 scenes of val are in no list: scene0001_00" in found
    assert "1 scenes of val are not in the manifest: scene0001_00" in found
    assert problems(store, splits=["test"]) == []
    with raises("unknown-name", "'dev'"):
        problems(store, splits=["dev"])


def test_official_lists_name_the_first_ten_missing_scenes(store: Path) -> None:
    (store / "manifest.json").unlink()
    (line,) = (line for line in problems(store) if "of test are missing" in line)
    assert line.startswith("100 listed scenes of test are missing: scene0707_00, ")
    assert line.endswith(", ...")
    assert line.count("scene07") == 10


def test_store_of_another_tool_is_checked_without_records(store: Path) -> None:
    (store / "manifest.json").unlink()
    for path in store.rglob("scene.json"):
        path.unlink()
    folder = store / "val" / "scene0002_00"
    np.save(folder / "segment200.npy", np.load(folder / "segment200.npy")[:, None].astype(np.int64))
    np.save(folder / "superpoint.npy", np.zeros(3))
    lists = {split: [path.name for path in (store / split).iterdir()] for split in ("train", "val", "test")}
    assert problems(store, splits=lists) == []


def test_manifest_of_other_classes(store: Path) -> None:
    manifest = json.loads((store / "manifest.json").read_text())
    manifest["taxonomies"]["segment20"]["names"][4] = "throne"
    (store / "manifest.json").write_text(json.dumps(manifest))
    assert any("segment20 of the manifest is not the benchmark's: class 4 is 'throne'" in x for x in problems(store))


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "data_prep.check", *arguments],
        cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_command_and_exit_codes(store: Path) -> None:
    store = store.rename(store.with_name("it's a store"))
    done = run(store.name, "workers=1", "classes=false", folder=store.parent)
    assert done.returncode == 0, done.stderr
    assert "head" in done.stdout
    (store / "val" / "scene0002_00" / "color.npy").unlink()
    done = run(f"store='{store.name}'".replace("it's", r"it\'s"), "workers=1", folder=store.parent)
    assert done.returncode == 1, done.stderr
    assert "problem: val/scene0002_00: color.npy is missing" in done.stdout
    done = run("nowhere", folder=store.parent)
    assert done.returncode == 2
    assert_line(done.stderr, store.parent / "nowhere")
