"""Splits in which no point has a class: said before the training, and no score is printed as a number."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from pointnc.scoring.terminal import score_text
from pointnc.studies.plan import Study
from pointnc.studies.record import Result
from pointnc.studies.table import Table
from tests.helpers.commands import run
from tests.helpers.labeled_rooms import columns, write, write_root
from tests.helpers.mistakes import assert_mistake

QUICK = [
    "dataset=custom", "data_root=store", "trainer.max_epochs=1", "trainer.accelerator=cpu", "workers=0", "logger=none",
    "model.planes=[8,8]", "model.layers=[1,1]", "dataset.voxel_size=0.2", "batch_size=1", "run_dir=run",
    "refit=none",
]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two scenes for training, one for validation without a class."""
    write_root(tmp_path / "root", train=2)
    table = columns()
    table["label"][:] = -1
    for path in (tmp_path / "root" / "val").iterdir():
        write(path, table)
    run("data_prep.custom", "root=root", "out=store", "workers=1", folder=tmp_path)
    return tmp_path / "store"


def test_a_run_without_scores_says_so_before_and_ends_well(store: Path) -> None:
    done = run("pointnc.train", *QUICK, folder=store.parent)
    said = done.stdout.index("no point of val has a class")
    assert said < done.stdout.index("epoch 1/1")
    assert "mIoU – (" in done.stdout and "gives –" in done.stdout and "nan" not in done.stdout.split("epoch 1/1")[1]
    assert json.loads((store.parent / "run" / "metrics.json").read_text())["miou"] is None
    scored = run("pointnc.evaluate", "checkpoint=run", "accelerator=cpu", "out=scores.json", folder=store.parent)
    assert "mIoU –; miou_val_classes –" in " ".join(scored.stdout.split())
    assert "Warning" not in scored.stderr and not (store.parent / "scores_confusion.png").exists()


def test_training_without_a_class_is_a_mistake(store: Path) -> None:
    done = run("pointnc.train", *QUICK, "dataset.train_split=val", folder=store.parent, code=2)
    assert_mistake(done, "no-labels", "val", "dataset.train_split=")


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (math.nan, "–"), (12.345, "12.35"), (0.0, "0.00")])
def test_scores_that_do_not_exist_are_a_dash(value: float | None, text: str) -> None:
    assert score_text(value, 2) == text


def test_a_method_without_scores_comes_last() -> None:
    study = Study("s", "", "a", (), {"a": (), "b": (), "c": ()}, (0,), Path("f"))
    scores = {"a": math.nan, "b": 10.0, "c": 20.0}
    results = [
        Result(name, 0, dict.fromkeys(("miou", "head", "common", "tail"), value), {}) for name, value in scores.items()
    ]
    assert Table(study, results).methods() == ["c", "b", "a"]
