"""The command, from runs and weights to the page and its numbers; mistakes get one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from data_prep.scannet import prepare
from pointnc.analyze import as_list
from pointnc.benchmarks.scannet import taxonomy
from pointnc.scenes.store import SceneStore
from pointnc.training.run import train
from tests.commands import assert_one_line, run
from tests.synthetic import write_raw_root
from tests.training.test_run import configure
from tests.views.test_report import parse

FAST = ("permutations=49", "accelerator=cpu")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    prepare(write_raw_root(home / "raw", train=2, val=2), home / "store", workers=1)
    every = "trainer.check_val_every_n_epoch=1"
    train(configure(home / "store", home / "plain", "regularizer=none", "trainer.max_epochs=2", every))
    train(configure(home / "store", home / "pulled", "trainer.max_epochs=1", every, "seed=1"))
    return home


def read(folder: Path) -> dict:
    return json.loads((folder / "analysis.json").read_text())


def test_one_run(home: Path) -> None:
    done = run("pointnc.analyze", "checkpoint=plain", "out=one", "labels=[the plain one]", *FAST, folder=home)
    assert "nc1" in done.stdout and "rank correlation" in done.stdout
    found, metrics = read(home / "one"), json.loads((home / "plain" / "metrics.json").read_text())
    (network,) = found["networks"]
    assert network["scores"]["miou"] == metrics["miou"]
    assert network["iou"] == metrics["per_class"]
    # All but NC4 (centres of the split here, of the training there) are those of the run.
    for group, values in metrics["collapse"].items():
        if isinstance(values, dict):
            own = {key: value for key, value in network["collapse"][group].items() if key != "nc4"}
            assert own == pytest.approx({key: value for key, value in values.items() if key != "nc4"})
    assert found["classes_without_points"] == metrics["collapse"]["classes_without_points"]
    S = len(found["classes"])
    assert S + len(found["classes_without_points"]) == 200
    for key in ("center_cosine", "classifier_cosine"):
        matrix = np.array(network[key])
        assert matrix.shape == (S, S)
        np.testing.assert_allclose(matrix.diagonal(), 1, atol=1e-5)
        np.testing.assert_allclose(matrix, matrix.T, atol=2e-5)
    assert len(network["curves"]["val/nc1"]) == 2
    histogram = SceneStore(home / "store").histogram("train", taxonomy("scannet200"))
    assert found["train_points"] == sorted((int(n) for n in histogram[histogram > 0]), reverse=True)
    html = (home / "one" / "analysis.html").read_text()
    text = " ".join(parse(html).text)
    for words in (
        "the plain one",
        "Neural collapse",
        "During training",
        "Pairs that are too close",
        "IoU against",
        "wall",
    ):
        assert words in text, words
    assert not re.search(r"https?:|<script|<link|nan\b", html)


def test_two_runs_with_the_centres_of_the_training(home: Path) -> None:
    run(
        "pointnc.analyze",
        "checkpoint=plain,pulled/checkpoints/last.ckpt",
        "out=two",
        "nearest=bank",
        *FAST,
        folder=home,
    )
    found = read(home / "two")
    # choice.regularizer is the same word in both runs of this test.
    assert [network["label"] for network in found["networks"]] == ["chosen A", "chosen B"]
    metrics = json.loads((home / "plain" / "metrics.json").read_text())
    assert found["networks"][0]["collapse"]["all"] == pytest.approx(metrics["collapse"]["all"])
    first, second = found["networks"]
    other = {(pair["first"], pair["second"]): pair["cosine"] for pair in second["closest_pairs"]}
    shared = [pair for pair in first["closest_pairs"] if (pair["first"], pair["second"]) in other]
    for pair in shared:
        assert pair["other_cosine"] == pytest.approx(other[pair["first"], pair["second"]])
    html = (home / "two" / "analysis.html").read_text()
    parse(html)
    assert "chosen A" in html and "chosen B" in html


def test_published_weights(home: Path) -> None:
    run("pointnc.weights", "export=plain", "out=bundle", folder=home)
    done = run("pointnc.analyze", "checkpoint=bundle", "out=weights", *FAST, folder=home, code=2)
    assert_one_line(done, "data_root=STORE")
    run("pointnc.analyze", "checkpoint=bundle", "data_root=store", "out=weights", *FAST, folder=home)
    found = read(home / "weights")["networks"][0]
    assert found["curves"] == {}
    assert found["collapse"]["all"]["nc4"] >= 0
    done = run("pointnc.analyze", "checkpoint=bundle", "data_root=store", "out=w", "nearest=bank", folder=home, code=2)
    assert_one_line(done, "no class centres", "nearest=split")


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], ["checkpoint=RUN"]),
        (["checkpoint=nowhere.ckpt"], ["no checkpoint"]),
        (["checkpoint=plain", "nearest=far"], ["nearest=far", "split, bank, none"]),
        (["checkpoint=plain", "split=nope"], ["nope does not exist"]),
        (["checkpoint=plain,plain,plain"], ["3 checkpoints", "one or two"]),
        (["checkpoint=plain", "labels=[a,b]"], ["2 labels for 1"]),
        (["checkpoint=plain", "permutations=0"], ["permutations=0", "at least 1"]),
        (["checkpoint=plain", "contact_size=-1"], ["contact_size=-1", "above 0"]),
    ],
)
def test_mistakes(home: Path, arguments: list[str], words: list[str]) -> None:
    assert_one_line(run("pointnc.analyze", *arguments, "out=mistake", folder=home, code=2), *words)
    assert not (home / "mistake").exists()


def test_nothing_is_replaced_unasked(home: Path) -> None:
    (home / "kept").mkdir()
    (home / "kept" / "analysis.html").write_text("mine")
    done = run("pointnc.analyze", "checkpoint=plain", "out=kept", folder=home, code=2)
    assert_one_line(done, "analysis.html exists", "overwrite=true")
    assert (home / "kept" / "analysis.html").read_text() == "mine"


def test_a_comma_means_two() -> None:
    assert as_list("checkpoint=a,b c") == "checkpoint=['a','b c']"
    assert as_list("checkpoint=it's,b") == "checkpoint=['it\\'s','b']"
    for same in ("checkpoint=a", "checkpoint=[a,b]", "checkpoint='a,b'", "split=a,b", "--help"):
        assert as_list(same) == same
