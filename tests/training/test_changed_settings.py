"""Settings that a command line changes of a run that goes on: they take effect, or are refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pointnc.training import results
from pointnc.training.module import SegmentationModule
from pointnc.training.resumed import resumed_config
from pointnc.training.run import train
from pointnc.weights.checkpoint import read_checkpoint
from tests.helpers.mistakes import raises
from tests.training import test_resume
from tests.training.test_resume import store  # noqa: F401

FIRST = ("optimizer=sgd", "optimizer.lr=0.01", "loss=weighted", "regularizer=ceco_ema", "trainer.max_epochs=1")


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> list[SegmentationModule]:
    """What was trained; reports are not written."""
    found: list[SegmentationModule] = []
    monkeypatch.setattr(results, "write", lambda *given: found.append(given[4]))
    return found


@pytest.fixture(scope="module")
def first(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    folder = tmp_path_factory.mktemp("first") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "write", lambda *_: None)
        return train(test_resume.configure(store, folder, *FIRST))


def go_on(first: Path, run: Path, *changes: str) -> dict[str, Any]:
    """Train a copy of the run for a second epoch; return its last checkpoint."""
    shutil.copytree(first, run)
    overrides = ["resume=auto", "trainer.max_epochs=2", *changes]
    store = Path(read_checkpoint(run / "checkpoints" / "last.ckpt").config["dataset"]["store"])  # noqa: F811
    train(resumed_config(test_resume.configure(store, run, *FIRST, *overrides), overrides))
    return read_checkpoint(run / "checkpoints" / "last.ckpt").data


def rates(data: dict[str, Any]) -> list[float]:
    return [value for _, value in data["callbacks"]["History"]["curves"]["learning_rate"]]


def test_the_optimizer_takes_what_is_changed(first: Path, tmp_path: Path) -> None:
    plain = go_on(first, tmp_path / "plain")
    changed = go_on(first, tmp_path / "changed", "optimizer.lr=0.0001", "optimizer.weight_decay=0.2")
    before, after = (one["optimizer_states"][0]["param_groups"][0] for one in (plain, changed))
    assert (before["initial_lr"], after["initial_lr"], after["weight_decay"]) == (0.01, 0.0001, 0.2)
    assert {**before, "lr": 0, "initial_lr": 0, "weight_decay": 0.2} == {**after, "lr": 0, "initial_lr": 0}
    assert rates(plain)[0] == rates(changed)[0]
    assert rates(changed)[1] == pytest.approx(rates(plain)[1] / 100, rel=1e-9)
    weights = [
        {name: v for name, v in one["state_dict"].items() if name.startswith("model")} for one in (plain, changed)
    ]
    assert not all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_parts_with_a_rate_of_their_own_take_theirs(first: Path, tmp_path: Path, store: Path) -> None:  # noqa: F811
    run = tmp_path / "run"
    train(test_resume.configure(store, run, *FIRST, "+learning_rates.stem=0.5"))
    data = go_on(run, tmp_path / "again", "+learning_rates.stem=0.1")
    assert [group["initial_lr"] for group in data["optimizer_states"][0]["param_groups"]] == [0.01, 0.001]


def test_losses_and_priors_are_told_anew(first: Path, tmp_path: Path, modules: list[SegmentationModule]) -> None:
    data = go_on(first, tmp_path / "run", "loss.unit=scenes", "regularizer.log_prior=scenes")
    counts = data["state_dict"]["loss.counts"]
    assert counts.max() <= 4 and not torch.equal(counts, read_checkpoint(first).data["state_dict"]["loss.counts"])
    shares = data["state_dict"]["regularizer.prior"].exp()
    assert shares.sum() == pytest.approx(1) and torch.allclose(shares, counts / counts.sum(), atol=1e-6)
    assert torch.equal(modules[0].loss.counts, counts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change", ["regularizer.frame=spread", "regularizer.seed=9", "regularizer.projector=trainable"]
)
def test_what_the_tensors_follow_from_stays(first: Path, tmp_path: Path, change: str) -> None:
    with raises("other-settings", change, "start without resume="):
        go_on(first, tmp_path / "run", change)


def test_shares_of_a_training_are_shares_of_its_batches(
    store: Path,  # noqa: F811
    tmp_path: Path,
    modules: list[SegmentationModule],
) -> None:
    """Three batches a step, of four an epoch: the second step of an epoch gathers one."""
    train(
        test_resume.configure(
            store, tmp_path / "run", "trainer.accumulate_grad_batches=3", "regularizer.start_step=0.5", "logger=none"
        )
    )
    schedule = modules[0].regularizer.schedule  # type: ignore[union-attr]
    assert modules[0].global_step == 4 and schedule.start == 4  # batches, of eight
