"""The command, from runs and weights to the page and its numbers; mistakes get one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from data_prep.scannet.preparation import prepare
from pointnc.analysis.subject import measure, open_run
from pointnc.benchmarks.scannet import taxonomy
from pointnc.data.batch import collate
from pointnc.data.dataset import SceneDataset
from pointnc.scenes.store import SceneStore
from pointnc.training import force_meter
from pointnc.training.run import train
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake
from tests.helpers.synthetic import write_raw_root
from tests.reporting.test_report import parse
from tests.training.test_run import configure

FAST = ("permutations=49", "accelerator=cpu")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    prepare(write_raw_root(home / "raw", train=2, val=2), home / "store", workers=1)
    every = "trainer.check_val_every_n_epoch=1"
    train(
        configure(home / "store", home / "plain", "regularizer=none", "model.neck=null", "trainer.max_epochs=2", every)
    )
    neck = ("regularizer=ceco", "model.neck=200", "trainer.max_epochs=2", "seed=1")
    narrow = (
        "regularizer=ceco",
        "model.neck=null",
        "loss=logit_adjustment_lovasz",
        "trainer.max_epochs=1",
        "batch_size=2",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(force_meter, "EVERY", 1)
        train(configure(home / "store", home / "pulled", every, *neck))
        train(configure(home / "store", home / "narrow", every, *narrow))
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
    # All but NC4 (centers of the split here, of the training there) are those of the run.
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


def test_two_runs_with_the_centers_of_the_training(home: Path) -> None:
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
        assert pair["other_cosines"] == pytest.approx([other[pair["first"], pair["second"]]])
    html = (home / "two" / "analysis.html").read_text()
    parse(html)
    assert "chosen A" in html and "chosen B" in html


def test_three_runs_say_why_their_regularizers_help_or_harm(home: Path) -> None:
    line = ("checkpoint=plain,narrow,pulled", "labels=[plain,narrow,neck]", "out=three", *FAST)
    run("pointnc.analyze", *line, folder=home)
    plain, narrow, neck = (network["regularizer"] for network in read(home / "three")["networks"])
    # Without a regularizer there are features alone.
    assert (plain["weight"], plain["targets"], plain["groups"]) == (0, {}, {})
    assert plain["features"]["least"] == 0 and "rank" not in plain["features"]
    # Eight channels behind a ReLU hold neither the simplex nor the half of it that is negative.
    assert narrow["features"]["channels"] == 8 and narrow["features"]["least"] >= 0
    targets = narrow["targets"]
    assert targets["largest"] > targets["bound"] > targets["frame_largest"] == pytest.approx(-1 / 199, abs=1e-5)
    assert targets["frame_channels"] == 199
    assert 0.5 < narrow["groups"]["all"]["reach"] < 0.9 and narrow["groups"]["all"]["reach_from_mean"] == 1
    for group in ("all", "head", "tail"):
        assert narrow["groups"][group]["reached"] <= narrow["groups"][group]["reach"]
    # A neck holds all of it.
    assert neck["features"]["rank"] == 200 and neck["features"]["least"] < 0
    assert neck["targets"]["largest"] == pytest.approx(-1 / 199, abs=1e-5)
    assert neck["groups"]["all"]["reach"] == pytest.approx(1)
    for found in (narrow, neck):
        assert found["weight"] == 0.02
        ratio, cosine = found["classes"]["ratio"], found["classes"]["cosine"]
        measured = {name for name, value in ratio.items() if value is not None}
        assert measured == {"wall", "floor", "table", "bed", "office chair", "tissue box"}
        assert measured == {name for name, value in cosine.items() if value is not None}
        assert ratio["tissue box"] > ratio["floor"] > 0
        head = [cosine[name] for name in measured - {"tissue box"}]
        assert found["groups"]["head"]["cosine"] == pytest.approx(sum(head) / 5)
        assert found["groups"]["tail"]["conflict"] == (cosine["tissue box"] < 0)
    text = " ".join(parse((home / "three" / "analysis.html").read_text()).text)
    for words in (
        "Why the regularizer helps or harms",
        "No regularizer pulls at the centers",
        "Its targets are no frame",
        f"a cosine of {targets['largest']:.2f}",
        f"{neck['groups']['tail']['ratio']:.2f}",
        f"{narrow['groups']['head']['cosine']:.2f}",
        "The features are never negative",
        "During training, neck",
        "Cosine of the two forces",
    ):
        assert words in text, words
    for label, found in (("narrow", narrow), ("neck", neck)):
        against = [name for name, value in found["classes"]["cosine"].items() if value is not None and value < 0]
        assert f"against the loss on {len(against)} of 6 classes" in text
        assert (f"Classes in conflict, {label}" in text) == bool(against)


def test_forces_at_the_checkpoint_are_those_of_the_batches_of_the_training(home: Path) -> None:
    """Slowly: both scenes as one batch, the gradient on every point, the sum over every class."""
    source = open_run(str(home / "narrow"), None, "cpu")
    assert source.objective is not None and source.objective.batch_size == 2
    found = measure(source, SceneStore(home / "store"), "val", nearest="none")
    assert found.forces is not None
    trained = source.trained
    dataset = SceneDataset(SceneStore(home / "store"), "val", trained.taxonomy, trained.features, trained.voxel_size)
    batch = collate([dataset[(0, number)] for number in range(2)])
    assert batch.segment is not None
    with torch.no_grad():
        outputs = [trained.model(collate([dataset[(0, number)]])) for number in range(2)]
    features = torch.cat([output.features for output in outputs]).requires_grad_()
    loss = source.objective.loss(trained.model.head(features), batch.segment)
    pull = 0.02 * source.objective.regularizer(features, batch.segment)
    gradients = [torch.autograd.grad(value, features)[0] for value in (loss, pull)]
    for k in batch.segment.unique().tolist():
        if k >= 0:
            first, second = (gradient[batch.segment == k].sum(dim=0) for gradient in gradients)
            assert found.forces.ratio()[k].item() == pytest.approx((second.norm() / first.norm()).item(), rel=1e-3)
            cosine = torch.nn.functional.cosine_similarity(first, second, dim=0).item()
            assert found.forces.mean_cosine()[k].item() == pytest.approx(cosine, abs=1e-4)


def test_a_foreign_loss_is_not_called_and_the_rest_is_analyzed(home: Path, tmp_path: Path) -> None:
    path = home / "pulled" / "checkpoints" / "best.ckpt"
    data = torch.load(path, weights_only=True)
    data["pointnc"]["config"]["loss"] = {"_target_": "os.system", "command": f"touch {tmp_path / 'called'}"}
    (home / "strange").mkdir()
    torch.save(data, home / "strange" / "best.ckpt")
    run("pointnc.analyze", "checkpoint=strange/best.ckpt", "out=foreign", *FAST, folder=home)
    assert not (tmp_path / "called").exists()
    (remark,) = read(home / "foreign")["networks"][0]["regularizer"]["remarks"]
    assert "os.system" in remark


@pytest.mark.slow
def test_published_weights(home: Path) -> None:
    run("pointnc.weights", "export=plain", "out=bundle", folder=home)
    done = run("pointnc.analyze", "checkpoint=bundle", "out=weights", *FAST, folder=home, code=2)
    assert_mistake(done, "missing-setting", "data_root=STORE", "model.safetensors")
    run("pointnc.analyze", "checkpoint=bundle", "data_root=store", "out=weights", *FAST, folder=home)
    found = read(home / "weights")["networks"][0]
    assert found["curves"] == {}
    assert found["regularizer"]["remarks"] == [
        "published weights hold neither the loss nor the regularizer of the training"
    ]
    assert "hold neither the loss nor" in (home / "weights" / "analysis.html").read_text()
    assert found["collapse"]["all"]["nc4"] >= 0
    done = run("pointnc.analyze", "checkpoint=bundle", "data_root=store", "out=w", "nearest=bank", folder=home, code=2)
    assert_mistake(done, "malformed", "centers", "nearest=split", "model.safetensors")


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], ("missing-setting", "checkpoint=RUN")),
        (["checkpoint=nowhere.ckpt"], ("missing-file", "nowhere.ckpt")),
        (["checkpoint=plain", "nearest=far"], ("option", "split, bank, none", "nearest=far")),
        (["checkpoint=plain", "split=nope"], ("nothing-there", "store/nope", "data_root=")),
        (["checkpoint=plain,plain,plain,plain"], ("option", "4 checkpoints")),
        (["checkpoint=plain", "labels=[a,b]"], ("option", "2 labels", "1")),
        (["checkpoint=plain", "permutations=0"], ("option", "permutations=0", 1)),
        (["checkpoint=plain", "contact_size=-1"], ("option", "contact_size=-1.0", 0)),
    ],
)
def test_mistakes(home: Path, arguments: list[str], words: list[str]) -> None:
    assert_mistake(run("pointnc.analyze", *arguments, "out=mistake", folder=home, code=2), *words)
    assert not (home / "mistake").exists()


def test_nothing_is_replaced_unasked(home: Path) -> None:
    (home / "kept").mkdir()
    (home / "kept" / "analysis.html").write_text("mine")
    done = run("pointnc.analyze", "checkpoint=plain", "out=kept", folder=home, code=2)
    assert_mistake(done, "exists", "analysis.html", "overwrite=true")
    assert (home / "kept" / "analysis.html").read_text() == "mine"
