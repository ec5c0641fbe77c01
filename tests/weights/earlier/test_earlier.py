"""A checkpoint of version 0.1.0, made by its own code (``make.sh``): today's reads it, scores it alike, and goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from data_prep.scannet.preparation import prepare
from pointnc.weights.checkpoint import read_checkpoint
from pointnc.weights.source import load
from tests.helpers.commands import run
from tests.helpers.synthetic import write_raw_root

FILE = Path(__file__).with_name("run_of_0.1.0.ckpt")
MIOU = 0.22632968691059976
"""What 0.1.0 itself wrote into metrics.json."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scenes that it was trained on, and the run."""
    home = tmp_path_factory.mktemp("home")
    prepare(write_raw_root(home / "raw", train=2, val=1), home / "store", workers=1)
    (home / "run" / "checkpoints").mkdir(parents=True)
    shutil.copy(FILE, home / "run" / "checkpoints" / "last.ckpt")
    return home


def test_it_scores_what_it_scored_then(home: Path) -> None:
    run("pointnc.evaluate", "run", "out=scores.json", "accelerator=cpu", folder=home)
    assert json.loads((home / "scores.json").read_text())["miou"] == pytest.approx(MIOU, rel=1e-9)


def test_it_is_exported(home: Path) -> None:
    run("pointnc.weights", "export=run", "out=weights", folder=home)
    own, bundle = load(FILE), load(home / "weights")
    assert all(bool((value == bundle.state_dict()[name]).all()) for name, value in own.state_dict().items())
    assert bundle.card.taxonomy.name == "scannet200"


def test_a_new_run_starts_from_it(home: Path) -> None:
    line = ("trainer.max_epochs=1", "trainer.accelerator=cpu", "workers=0", "logger=none", "dataset.voxel_size=0.2")
    new = ("weights=run", "model.neck=null", "dataset.prepare=null", "dataset.store=store")
    done = run("pointnc.train", *new, *line, folder=home)
    assert "the head too, since the classes are the same" in done.stdout


def test_it_goes_on(home: Path) -> None:
    run("pointnc.train", "resume=run/checkpoints/last.ckpt", "trainer.max_epochs=3", folder=home)
    after = read_checkpoint(home / "run")
    assert after.data["epoch"] == 2 and after.data["global_step"] == 3 * read_checkpoint(FILE).data["global_step"]
    assert after.config["regularizer"]["reduction"] == "mean" and after.before_refit is None
