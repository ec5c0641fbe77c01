"""What a store's statistics say, against slow counting and against the losses themselves."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.stats.counting import count_instances, statistics
from data_prep.stats.frequency import associations, class_weights, cooccurrence, imbalance_ratio
from pointnc.losses import WeightedCrossEntropy
from pointnc.scenes import SceneStore
from tests.helpers.commands import run
from tests.helpers.labeled_rooms import columns, write, write_root, write_taxonomy
from tests.helpers.mistakes import assert_mistake, raises


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stats")
    root = write_root(folder / "root")
    write(root / "train/plain.ply", columns(5, label=np.full(300, 2, np.int32)))
    write(root / "test/hall.ply", columns(label=None))
    write_taxonomy(root / "taxonomy.yaml", names=("floor", "<chair> & co", "lamp"))
    run("data_prep.custom", "root=root", "out=store", "workers=1", folder=folder)
    return folder


@pytest.mark.parametrize("scheme", ["inverse", "square_root", "effective_number"])
@settings(deadline=None, max_examples=50)
@given(
    counts=st.lists(st.integers(0, 10**7), min_size=2, max_size=12).filter(any),
    beta=st.sampled_from([0.0, 0.9, 0.9999]),
)
def test_weights_are_those_of_the_loss(scheme: str, counts: list[int], beta: float) -> None:
    loss = WeightedCrossEntropy(scheme, beta)  # type: ignore[arg-type]
    loss.set_prior(torch.tensor(counts))
    ours = class_weights(np.array(counts), scheme, beta)  # type: ignore[arg-type]
    np.testing.assert_allclose(ours, loss.weights().numpy(), rtol=1e-5)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_instances_against_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    semantic, instance = rng.integers(-1, 4, 60), rng.integers(-1, 9, 60)
    expected = np.zeros(4, int)
    for number in range(9):
        labels = semantic[(instance == number) & (semantic >= 0)]
        if len(labels):
            expected[np.bincount(labels, minlength=4).argmax()] += 1
    np.testing.assert_array_equal(count_instances(semantic, instance, 4), expected)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_cooccurrence_and_correlation_against_loops(seed: int) -> None:
    presence = np.random.default_rng(seed).random((9, 5)) < 0.5
    both = cooccurrence(presence)
    for a in range(5):
        for b in range(5):
            assert both[a, b] == sum(row[a] and row[b] for row in presence)
    found = associations(presence)
    assert all(np.diff([row[3] for row in found]) <= 1e-8)
    for a, b, count, phi in found:
        assert count == both[a, b]
        assert phi == pytest.approx(np.corrcoef(presence[:, a], presence[:, b])[0, 1])


def test_imbalance_ratio() -> None:
    assert imbalance_ratio(np.array([0, 5, 200])) == 40
    assert np.isnan(imbalance_ratio(np.zeros(3)))


def test_command_writes_what_the_arrays_hold(folder: Path) -> None:
    done = run("data_prep.stats", "store=store", "out=out", "workers=1", folder=folder)
    found = json.loads((folder / "out/stats.json").read_text())
    store = SceneStore(folder / "store")
    scenes = [store.load("train", name, "segment") for name in store.scenes("train")]
    for index, row in enumerate(found["classes"]):
        assert row["points"]["train"] == sum(int((scene.semantic == index).sum()) for scene in scenes)
        assert row["scenes"]["train"] == sum((scene.semantic == index).any() for scene in scenes)
    assert [row["scenes"]["train"] for row in found["classes"]] == [4, 3, 3]
    points = [row["points"]["train"] for row in found["classes"]]
    assert found["imbalance_ratio"] == max(points) / min(points)
    assert found["cooccurrence"] == [[4, 3, 3], [3, 3, 3], [3, 3, 3]]
    assert found["unlabelled_scenes"] == {"test": 1}
    assert [row["group_by_frequency"] for row in found["classes"]] == ["head", "common", "tail"]
    assert f"imbalance ratio in train: {max(points) / min(points):,.0f}" in done.stdout
    assert "test: 1 scenes have no segment.npy" in done.stdout


def test_page_is_well_formed_and_needs_no_network(folder: Path) -> None:
    run("data_prep.stats", "store=store", "out=page", "workers=1", folder=folder)
    text = (folder / "page/stats.html").read_text()
    assert "http" not in text and "<script" not in text and "&lt;chair&gt; &amp; co" in text

    class Balance(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []
            self.cells = 0

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.cells += tag == "td"
            if tag != "meta":
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    parser = Balance()
    parser.feed(text)
    assert parser.open == [] and parser.cells > 3 * 11


def test_mistakes(folder: Path) -> None:
    assert_mistake(run("data_prep.stats", folder=folder, code=2), "missing-setting", "data_prep.stats STORE")
    assert_mistake(run("data_prep.stats", "store=nowhere", folder=folder, code=2), "not-a-store", "nowhere")
    assert_mistake(
        run("data_prep.stats", "store=store", "split=dev", folder=folder, code=2),
        "unknown-name",
        "store",
        "'dev'",
        "train",
    )
    assert_mistake(
        run("data_prep.stats", "store=store", "split=test", folder=folder, code=2), "no-labels", "test", "segment.npy"
    )
    assert_mistake(
        run("data_prep.stats", "store=store", "segment=x", folder=folder, code=2),
        "other-taxonomy",
        "segment=x",
        "store",
    )
    with raises("option", "beta=1.0"):
        statistics(folder / "store", beta=1.0, workers=1)
    assert_mistake(
        run("data_prep.export", "store=store", "out=e", "format=obj", folder=folder, code=2),
        "option",
        "format=obj",
        "ply",
    )
