"""A fake ScanNet of 20 rooms from the raw folder to a validated zip, and every score on the way equal."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data_prep.rooms.generate import generate
from data_prep.rooms.scanner import Scanner
from pointnc.benchmarks.predictions import write_labels
from pointnc.benchmarks.scannet import taxonomy
from pointnc.scenes.store import SceneStore
from tests.helpers.commands import run, settings
from tests.helpers.mistakes import assert_mistake

QUICK = ["trainer.max_epochs=1", "trainer.accelerator=cpu", "workers=0", "batch_size=4", "dataset.voxel_size=0.1"]
SMALL = ["model.planes=[8,8]", "model.layers=[1,1]", "model.stem_channels=8", "logger=none"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    coarse = Scanner(poses=10, width=60, height=45, voxel_size=0.1)
    generate(home / "raw", train=12, val=5, test=3, seed=1, workers=2, scanner=coarse)
    done = run("data_prep.scannet", "raw=raw", "out=store", "workers=2", folder=home)
    assert "│ train │     12 │" in done.stdout
    run("pointnc.train", "dataset=scannet200", "data_root=store", "run_dir=run", *QUICK, *SMALL, folder=home)
    return home


def test_prepared_splits(home: Path) -> None:
    store = SceneStore(home / "store")
    assert [len(store.scenes(split)) for split in ("train", "val", "test")] == [12, 5, 3]
    assert store.load("test", store.scenes("test")[0], "segment200").semantic is None
    assert "20 scenes" in run("data_prep.check", "store=store", folder=home).stdout


def test_evaluation_of_a_run_of_files_and_of_the_training_agree(home: Path) -> None:
    done = run("pointnc.evaluate", "checkpoint=run", "data_root=store", "out=own.json", folder=home)
    assert "official convention, 5 scenes of val" in done.stdout
    own = json.loads((home / "own.json").read_text())
    trained = json.loads((home / "run" / "metrics.json").read_text())
    for key in trained.keys() & own.keys() - {"seconds"}:
        assert trained[key] == own[key], key
    for name in ("own.csv", "own_scenes.csv", "own_confusion.csv", "own_confusion.png", "own.tex"):
        assert (home / name).stat().st_size > 0

    # The same predictions as text files of ids, scored as files of unknown origin.
    from pointnc.evaluate import Evaluate
    from pointnc.evaluation import counting, opening
    from pointnc.weights.trained import load_trained

    trained_model = load_trained(home / "run", "cpu")
    predictor = opening.make_predictor(trained_model, settings(Evaluate))
    label = counting.predict_scenes(predictor, SceneStore(home / "store"), "val", None)
    for scene, labels in map(label, SceneStore(home / "store").scenes("val")):
        write_labels(home / "texts" / f"{scene.name}.txt", taxonomy("scannet200").decode(labels))
    run("pointnc.evaluate", "predictions=texts", "truth=store", "out=files.json", folder=home)
    files = json.loads((home / "files.json").read_text())
    assert {**files, "seconds": 0} == {**own, "seconds": 0}


def test_ids_outside_the_set_are_false_negatives(home: Path) -> None:
    fine, store = taxonomy("scannet200"), SceneStore(home / "store")
    for name in store.scenes("val"):
        semantic = np.asarray(store.load("val", name, "segment200").semantic)
        ids = fine.decode(semantic)
        ids[semantic == fine.names.index("floor")] = 12345
        write_labels(home / "odd" / f"{name}.txt", ids)
    run("pointnc.evaluate", "predictions=odd", "truth=store", "out=odd.json", folder=home)
    per_class = json.loads((home / "odd.json").read_text())["per_class"]
    assert per_class.pop("floor") == 0
    assert {value for value in per_class.values() if value is not None} == {100.0}


def test_submission(home: Path) -> None:
    done = run("pointnc.submit", "checkpoint=run", "data_root=store", "out=test.zip", folder=home)
    assert "valid scannet200 submission" in done.stdout
    store = SceneStore(home / "store")
    with zipfile.ZipFile(home / "test.zip") as archive:
        assert sorted(archive.namelist()) == [f"{name}.txt" for name in store.scenes("test")]
        for name in store.scenes("test"):
            ids = np.array(archive.read(f"{name}.txt").split(), int)
            assert len(ids) == len(store.load("test", name))
            assert np.isin(ids, taxonomy("scannet200").ids).all()
    run("pointnc.submit", "validate=test.zip", "data_root=store", folder=home)
    # Against the official split, 97 scenes are missing.
    done = run("pointnc.submit", "validate=test.zip", folder=home, code=1)
    assert "97 violations" in done.stdout or "scene0707_00" in done.stdout
    done = run("pointnc.submit", "checkpoint=run", "data_root=store", "out=test.zip", folder=home, code=2)
    assert_mistake(done, "exists", "test.zip", "overwrite=true")


@pytest.mark.parametrize(
    "arguments, mistake",
    [
        (["checkpoint=run", "predictions=texts"], ("missing-setting", "checkpoint=RUN", "predictions=DIR")),
        (["predictions=nowhere", "truth=store"], ("missing-file", "nowhere")),
        (["predictions=texts"], ("missing-setting", "truth=STORE", "predictions=DIR")),
        (["checkpoint=raw/scannetv2_val.txt"], ("damaged-file", "scannetv2_val.txt")),
        (["checkpoint=run", "data_root=store", "max_points=many"], ("option", "max_points=many")),
        (["checkpoint=run", "data_root=store", "out=run/config.yaml/a.json"], ("file-access", "config.yaml")),
        (["checkpoint=run", "data_root=store", "convention=mine"], ("option", "'mine'", "official")),
    ],
)
def test_mistakes(home: Path, arguments: list[str], mistake: tuple[str, ...]) -> None:
    assert_mistake(run("pointnc.evaluate", *arguments, folder=home, code=2), *mistake)
