"""What a store of one's own lacks is said in one line before training starts."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pointnc.scenes import SceneStore
from pointnc.scenes.stored_taxonomy import stored_taxonomy
from tests.helpers.commands import assert_one_line, run
from tests.helpers.labeled_rooms import write_root
from tests.helpers.mistakes import raises

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


def refuse(folder: Path, *words: str, arguments: tuple[str, ...] = ()) -> None:
    done = run("pointnc.train", "dataset=custom", "data_root=store", *QUICK, *arguments, folder=folder, code=2)
    assert_one_line(done, *words)
    assert not (folder / "runs").exists()


def test_missing_store_names_the_command(tmp_path: Path) -> None:
    refuse(tmp_path, "no scene store", "data_prep.custom", "data_root=STORE")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        ("color", ("1 of 2 scenes of train have no color", "dataset.features=[normal]")),
        ("normal", ("1 of 2 scenes of train have no normal", "dataset.features=[color]")),
        ("segment", ("1 of 2 scenes of train have no labels", "room1")),
    ],
)
def test_missing_array_is_named_with_what_mends_it(store: Path, array: str, words: tuple[str, ...]) -> None:
    (store / f"train/room1/{array}.npy").unlink()
    refuse(store.parent, *words)


def test_both_features_missing(store: Path) -> None:
    for path in (*store.glob("*/*/color.npy"), *store.glob("*/*/normal.npy")):
        path.unlink()
    refuse(store.parent, "no color", "dataset.features=[coord]")


def test_missing_split_is_named_with_the_override(store: Path) -> None:
    (store / "val").rename(store / "holdout")
    refuse(store.parent, "no split 'val'", "holdout, train", "dataset.val_split=NAME")
    (store / "train").rename(store / "learn")
    refuse(store.parent, "no split 'train'", "dataset.train_split=NAME")


def test_store_without_classes(store: Path) -> None:
    (store / "manifest.json").unlink()
    refuse(store.parent, "manifest.json", "data_prep.custom")


def test_several_label_sets_must_be_chosen_among(store: Path) -> None:
    import json

    manifest = json.loads((store / "manifest.json").read_text())
    coarse = {**manifest["taxonomies"]["segment"], "segment": "segment2", "name": "coarse"}
    manifest["taxonomies"]["segment2"] = coarse
    (store / "manifest.json").write_text(json.dumps(manifest))
    refuse(store.parent, "segment, segment2", "dataset.taxonomy.segment=NAME")
    refuse(store.parent, "no labels fine", arguments=("dataset.taxonomy.segment=fine",))
    assert stored_taxonomy(store, segment="segment2").name == "coarse"


def test_origin_comes_back_with_the_scene(original: Path) -> None:
    scene = SceneStore(original).load("train", "room0")
    np.testing.assert_array_equal(scene.origin, 0)
    with raises("not-a-store", "train"):
        stored_taxonomy(original / "train")
