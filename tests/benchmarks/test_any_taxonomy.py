"""Scores and checks of prediction files of anybody's classes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from pointnc.benchmarks.named import NAMES, named_taxonomy
from pointnc.scenes import SceneStore
from tests.helpers.commands import run
from tests.helpers.labeled_rooms import IDS, columns, write_root, write_taxonomy
from tests.helpers.mistakes import assert_mistake, raises


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A store of one's own classes, and predictions of its validation scene: a tenth of the points is wrong."""
    write_root(tmp_path / "root", train=1)
    run("data_prep.custom", "root=root", "out=store", "workers=1", folder=tmp_path)
    (tmp_path / "said").mkdir()
    labels = columns(100)["label"].copy()
    labels[::10] = IDS[0]
    np.savetxt(tmp_path / "said" / "room0.txt", labels, "%d")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "said" / "room0.txt", "room0.txt")
    return tmp_path


def test_predictions_of_ones_own_classes_are_scored(home: Path) -> None:
    truth = columns(100)["label"]
    said = truth.copy()
    said[::10] = IDS[0]
    iou = [np.sum((truth == one) & (said == one)) / np.sum((truth == one) | (said == one)) for one in IDS]
    done = run("pointnc.evaluate", "predictions=said", "truth=store", folder=home)
    assert f"mIoU {100 * np.mean(iou):.2f}" in " ".join(done.stdout.split())
    done = run("pointnc.evaluate", "predictions=said", "truth=store", "dataset=root/taxonomy.yaml", folder=home)
    assert f"mIoU {100 * np.mean(iou):.2f}" in " ".join(done.stdout.split())
    other = run("pointnc.evaluate", "predictions=said", "truth=store", "dataset=scannet20", folder=home, code=2)
    assert_mistake(other, "other-taxonomy", "store", "segment20", "dataset=")


def test_zips_of_ones_own_classes_are_checked(home: Path) -> None:
    done = run("pointnc.submit", "validate=a.zip", "split=val", "data_root=store", folder=home)
    assert "a.zip is a valid mine submission of val: 1 scenes, 300 labels" in done.stdout
    assert "official" not in done.stdout
    write_taxonomy(home / "other.yaml", ids=(2, 5, 41))
    done = run("pointnc.submit", "validate=a.zip", "dataset=other.yaml", folder=home, code=2)
    assert_mistake(done, "missing-setting", "mine", "data_root=STORE")
    lines = (home / "said" / "room0.txt").read_text().replace("40\n", "41\n")
    with zipfile.ZipFile(home / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("room0.txt", lines)
    done = run("pointnc.submit", "validate=a.zip", "split=val", "data_root=store", folder=home, code=1)
    assert "41 is no id of mine" in done.stdout


def test_every_benchmark_has_a_name() -> None:
    assert [named_taxonomy(name).name for name in NAMES] == list(NAMES)
    with raises("unknown-name", "'nuscenes'", "FILE.yaml"):
        named_taxonomy("nuscenes")


def test_what_was_assumed_of_the_files_is_said_by_every_command(home: Path) -> None:
    """Intensities before colors are a guess: counting, preparing, summing up and looking all say so."""
    path = home / "tables" / "train" / "a.txt"
    path.parent.mkdir(parents=True)
    table = columns()
    colors = [table[name] // 2 + table["red"] // 2 for name in ("red", "green", "blue")]
    np.savetxt(
        path, np.column_stack([*(table[axis] for axis in "xyz"), -1.0 * table["green"], *colors, table["label"]]), "%g"
    )
    words = "column 4 is taken as intensity"
    write_taxonomy(home / "t.yaml")
    assert words in run("data_prep.taxonomy", "root=tables", "out=u.yaml", "workers=1", folder=home).stdout
    assert words in run("data_prep.custom", "root=tables", "out=s", "taxonomy=t.yaml", "workers=1", folder=home).stdout
    assert words in run("data_prep.stats", "store=s", "workers=1", folder=home).stdout
    assert words in run("pointnc.visualize", f"scene={path}", "taxonomy=t.yaml", "html=a.html", folder=home).stdout
    scene = SceneStore(home / "s").load("train", "a", "segment")
    np.testing.assert_array_equal(scene.color, np.stack(colors, axis=1))
    np.testing.assert_array_equal(np.array(IDS)[scene.semantic], table["label"])
