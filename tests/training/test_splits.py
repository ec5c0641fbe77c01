"""What a store of one's own lacks is said in one line before training starts."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pointnc.error_codes import ErrorCode
from pointnc.scenes import SceneStore
from pointnc.scenes.stored_taxonomy import stored_taxonomy
from tests.helpers.commands import run
from tests.helpers.labeled_rooms import write_root
from tests.helpers.mistakes import assert_mistake, raises

QUICK = (
    "trainer.max_epochs=1", "trainer.accelerator=cpu", "workers=0", "logger=none", "dataset.voxel_size=0.3",
    "model.planes=[8,8]", "model.layers=[1,1]", "measure_collapse=false",
)  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("splits")
    write_root(folder / "root", train=2)
    run("data_prep.custom", "root=root", "out=store", "workers=1", folder=folder)
    return folder / "store"


@pytest.fixture
def store(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "store")
    return tmp_path / "store"


def refuse(folder: Path, code: ErrorCode, *facts: object, arguments: tuple[str, ...] = ()) -> None:
    done = run("pointnc.train", "dataset=custom", "data_root=store", *QUICK, *arguments, folder=folder, code=2)
    assert_mistake(done, code, *facts)
    assert not (folder / "runs").exists()


def test_joined_splits_are_trained_on_and_what_that_means_is_said(store: Path) -> None:
    joined = "dataset.train_split=train+val"
    refuse(store.parent, "ambiguous", "room0", "train+val", arguments=(joined,))
    (store / "val/room0").rename(store / "val/room7")
    arguments = ("dataset=custom", "data_root=store", *QUICK, "refit=none", "run_dir=run")
    done = run("pointnc.train", *arguments, joined, folder=store.parent)
    count = len(SceneStore(store).scenes("train")) + len(SceneStore(store).scenes("val"))
    assert f"{count} training and" in done.stdout
    assert "the scenes of val are trained on" in done.stdout
    refuse(store.parent, "unknown-name", "'more'", "train, val", arguments=("dataset.train_split=train+more",))


def test_missing_store_names_the_command(tmp_path: Path) -> None:
    refuse(tmp_path, "not-a-store", tmp_path / "store", "data_prep.custom", "data_root=STORE")


@pytest.mark.parametrize(
    ("array", "mistake"),
    [
        ("color", ("missing-array", "1 of 2 scenes", "train", "color", "room1", "dataset.features=[normal]")),
        ("normal", ("missing-array", "1 of 2 scenes", "train", "normal", "room1", "dataset.features=[color]")),
        ("segment", ("no-labels", "1 of 2 scenes", "train", "segment.npy", "room1")),
    ],
)
def test_missing_array_is_named_with_what_fixes_it(store: Path, array: str, mistake: tuple[str, ...]) -> None:
    (store / f"train/room1/{array}.npy").unlink()
    refuse(store.parent, *mistake)


def test_both_features_missing(store: Path) -> None:
    for path in (*store.glob("*/*/color.npy"), *store.glob("*/*/normal.npy")):
        path.unlink()
    refuse(store.parent, "missing-array", "color", "dataset.features=[coord]")


def test_missing_split_is_named_with_the_override(store: Path) -> None:
    (store / "val").rename(store / "holdout")
    refuse(store.parent, "unknown-name", "'val'", "holdout, train", "dataset.val_split=NAME")
    (store / "train").rename(store / "learn")
    refuse(store.parent, "unknown-name", "'train'", "dataset.train_split=NAME")


def test_store_without_classes(store: Path) -> None:
    (store / "manifest.json").unlink()
    refuse(store.parent, "not-a-store", "manifest.json", "data_prep.custom")


def test_several_label_sets_must_be_chosen_among(store: Path) -> None:
    import json

    manifest = json.loads((store / "manifest.json").read_text())
    coarse = {**manifest["taxonomies"]["segment"], "segment": "segment2", "name": "coarse"}
    manifest["taxonomies"]["segment2"] = coarse
    (store / "manifest.json").write_text(json.dumps(manifest))
    refuse(store.parent, "ambiguous", "segment, segment2", "dataset.taxonomy.segment=NAME")
    refuse(store.parent, "other-taxonomy", "fine", "segment, segment2", arguments=("dataset.taxonomy.segment=fine",))
    assert stored_taxonomy(store, segment="segment2").name == "coarse"


def test_origin_comes_back_with_the_scene(original: Path) -> None:
    scene = SceneStore(original).load("train", "room0")
    np.testing.assert_array_equal(scene.origin, 0)
    with raises("not-a-store", original / "train", "manifest.json"):
        stored_taxonomy(original / "train")
