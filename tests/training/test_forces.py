"""Forces on the centers during training: measured now and then, kept through a resume, and without a trace in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from data_prep.scannet.preparation import prepare
from pointnc.benchmarks.scannet import taxonomy
from pointnc.collapse import CenterRegularizer
from pointnc.collapse.forces import forces_of
from pointnc.errors import Interrupted
from pointnc.training import force_meter
from pointnc.training.force_meter import ForceMeter, group_rows
from pointnc.training.resumed import resumed_config
from pointnc.training.run import train
from pointnc.weights.checkpoint import read_checkpoint
from tests.helpers.synthetic import write_raw_root
from tests.training.test_run import INTERRUPT, assert_same_weights, configure

PULLED = ("regularizer=ceco", "model.neck=200", "trainer.max_epochs=2")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scans")
    prepare(write_raw_root(root / "raw", train=3, val=1), root / "store", workers=1)
    return root / "store"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(force_meter, "EVERY", 2)


def curves(run: Path) -> dict[str, list[list[float]]]:
    kept = read_checkpoint(run / "checkpoints" / "last.ckpt").data["callbacks"]["History"]["curves"]
    return {name: curve for name, curve in kept.items() if name.startswith("forces/")}


@pytest.fixture(scope="module")
def whole(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(force_meter, "EVERY", 2)
        return train(configure(store, tmp_path_factory.mktemp("whole") / "run", *PULLED))


def test_curves_of_the_groups_and_the_report(whole: Path) -> None:
    found = curves(whole)
    # Wall, floor, table, bed and office chair are head classes, the tissue box is a tail class.
    for name in ("ratio", "cosine", "conflict"):
        assert [step for step, _ in found[f"forces/{name}_head"]] == [1, 3, 5]
        assert f"forces/{name}_tail" in found and f"forces/{name}_common" not in found
    assert all(value > 0 for _, value in found["forces/ratio_head"])
    assert all(-1 <= value <= 1 for _, value in found["forces/cosine_head"])
    assert all(0 <= value <= 1 for _, value in found["forces/conflict_tail"])
    html = (whole / "report.html").read_text()
    assert "Force of the regularizer over the loss" in html and "Cosine of the two forces" in html


@pytest.mark.parametrize("batches", [2, 3])
def test_the_curves_survive_a_resume(store: Path, whole: Path, tmp_path: Path, batches: int) -> None:
    with pytest.raises(Interrupted):
        train(configure(store, tmp_path / "run", *PULLED, INTERRUPT % batches))
    config = configure(store, tmp_path / "run", "resume=auto", "trust=tests.training.interrupter.Interrupter")
    resumed = resumed_config(config, ["resume=auto"])
    resumed.callbacks = {}
    train(resumed)
    assert curves(tmp_path / "run") == curves(whole)
    assert_same_weights(tmp_path / "run", whole)


def test_measuring_leaves_no_trace_in_the_weights(store: Path, whole: Path, tmp_path: Path) -> None:
    blind = train(configure(store, tmp_path / "blind", *PULLED, "measure_collapse=false"))
    assert not curves(blind)
    assert_same_weights(blind, whole)


def test_nothing_is_measured_where_nothing_pulls(store: Path, tmp_path: Path) -> None:
    for number, line in enumerate((["regularizer=none"], ["regularizer=ceco", "regularizer.weight=0"])):
        assert not curves(train(configure(store, tmp_path / str(number), "trainer.max_epochs=1", *line)))


def test_accumulated_batches_are_measured_once_a_step(store: Path, tmp_path: Path) -> None:
    settings = ("trainer.accumulate_grad_batches=2", "logger=tensorboard")
    run = train(configure(store, tmp_path / "run", *PULLED, *settings))
    # Two steps an epoch, of two batches and of one; steps 0 and 2 are due.
    assert len(curves(run)["forces/ratio_head"]) == 2
    assert any(b"forces/ratio_head" in file.read_bytes() for file in run.rglob("events.out.tfevents*"))


def test_the_meter_says_what_a_loop_over_the_groups_says() -> None:
    torch.manual_seed(0)
    classes = taxonomy("scannet200")
    meter = ForceMeter(classes)
    features, labels = torch.randn(400, 16).requires_grad_(), torch.randint(-1, 200, (400,))
    loss = F.cross_entropy(features @ torch.randn(200, 16).T, labels, ignore_index=-1)
    penalty = 0.05 * CenterRegularizer(200, 16, centers="batch")(features, labels)
    assert meter.due(0) and not meter.due(1) and meter.due(2)
    meter.measure(2, loss, penalty, features, labels)
    assert not meter.due(2) and meter.due(4)
    found = meter.read()
    assert meter.read() == {}
    forces = [forces_of(value, features, labels, 200) for value in (loss, penalty)]
    for group in ("head", "common", "tail"):
        members = [k for k in classes.members(group) if (labels == k).any()]
        total = [sum(force[k].norm() for k in members) for force in forces]
        cosine = [F.cosine_similarity(forces[0][k], forces[1][k], dim=0) for k in members]
        assert found[f"forces/ratio_{group}"] == pytest.approx(float(total[1] / total[0]), rel=1e-4)
        assert found[f"forces/cosine_{group}"] == pytest.approx(float(sum(cosine)) / len(cosine), rel=1e-3, abs=1e-5)
        assert found[f"forces/conflict_{group}"] == pytest.approx(sum(c < 0 for c in cosine).item() / len(cosine))
    assert len(found) == 9


def test_classes_without_groups_are_one_group() -> None:
    rows = group_rows(taxonomy("scannet20"))
    assert rows["all"].sum() == 20
    features, labels = torch.randn(9, 4).requires_grad_(), torch.arange(9)
    meter = ForceMeter(taxonomy("scannet20"))
    meter.measure(0, features.square().sum(), features.sum(), features, labels)
    assert {name.rpartition("_")[2] for name in meter.read()} == set(rows) - ({"all"} if len(rows) > 1 else set())
