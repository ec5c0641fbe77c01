"""Training on the stand-in device as a user starts it: to the report, interrupted and resumed, with other settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pointnc.errors import Interrupted
from pointnc.training.resumed import resumed_config
from pointnc.training.run import train
from pointnc.weights.checkpoint import read_checkpoint
from tests.cuda.conftest import ON_DEVICE
from tests.cuda.waits import Waits
from tests.helpers.mistakes import raises
from tests.training.test_run import INTERRUPT, assert_same_weights, configure


def test_run_ends_with_everything(device_run: Path) -> None:
    for name in ("config.yaml", "metrics.json", "report.html", "checkpoints/last.ckpt", "checkpoints/best.ckpt"):
        assert (device_run / name).is_file(), name
    metrics = json.loads((device_run / "metrics.json").read_text())
    assert 0 <= metrics["miou"] <= 100 and metrics["centers"]
    assert {"nc1", "nc3", "nc4", "classifier_equinorm"} <= metrics["collapse"]["all"].keys()
    assert "precision 16-mixed" in (device_run / "report.html").read_text()


def curves(run: Path) -> dict[str, list[tuple[int, float]]]:
    return next(state["curves"] for state in read_checkpoint(run).data["callbacks"].values() if "curves" in state)


def test_losses_are_near_those_of_the_cpu(store: Path, device_run: Path, tmp_path: Path) -> None:
    on_host = train(configure(store, tmp_path / "run", *ON_DEVICE, "trainer.accelerator=cpu"))
    ours, theirs = curves(device_run), curves(on_host)
    assert ours.keys() == theirs.keys()
    for name in ("loss/segmentation", "loss/centers", "loss/total"):
        assert [v for _, v in ours[name]] == pytest.approx([v for _, v in theirs[name]], rel=0.05), name
    assert ours["loss/total"] != theirs["loss/total"]  # half precision


def test_interrupted_and_resumed_run_gives_the_same_weights(
    store: Path, device_run: Path, tmp_path: Path, waits: Waits
) -> None:
    with pytest.raises(Interrupted):
        train(configure(store, tmp_path / "run", *ON_DEVICE, INTERRUPT % 2))
    resumed = resumed_config(
        configure(store, tmp_path / "run", "resume=auto", "trust=tests.training.interrupter.Interrupter"),
        ["resume=auto"],
    )
    resumed.callbacks = {}
    train(resumed)
    assert (tmp_path / "run" / "metrics.json").is_file()
    assert_same_weights(tmp_path / "run", device_run)
    scaler, other = (read_checkpoint(run / "checkpoints" / "last.ckpt").data for run in (tmp_path / "run", device_run))
    assert scaler["MixedPrecision"] == other["MixedPrecision"]


@pytest.mark.parametrize(
    "overrides",
    [
        (
            "device_transforms=true", "augmentation=scannet", "augmentation.transforms.steps.crop.max_points=1500",
            "head=etf", "loss=logit_adjustment_lovasz", "regularizer=region_rebalance",
        ),
        ("model.engine=torch", "trainer.precision=bf16-mixed", "model.checkpointing=true"),
    ],
    ids=["device transforms and another head", "plain torch"],
)  # fmt: skip
def test_other_settings(overrides: tuple[str, ...], store: Path, tmp_path: Path, waits: Waits) -> None:
    run = train(configure(store, tmp_path / "run", *ON_DEVICE, "trainer.max_epochs=1", *overrides))
    assert (run / "metrics.json").is_file() and (run / "report.html").is_file()


def test_a_loss_that_is_not_finite_ends_the_run(store: Path, tmp_path: Path, waits: Waits) -> None:
    """The loss is looked at when the backward pass is on its way; no step is taken with it."""
    with raises("diverged", "step 1", "first in", "float16"):
        train(configure(store, tmp_path / "run", *ON_DEVICE, "optimizer.lr=1e30", "trainer.gradient_clip_val=null"))
