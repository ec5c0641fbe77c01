"""Training with the transforms on the device: the same run as with those of the host, here on a CPU."""

from pathlib import Path

import pytest
import torch

from pointnc.errors import Interrupted
from pointnc.training.resumed import resumed_config
from pointnc.training.run import train
from pointnc.weights.checkpoint import read_checkpoint
from tests.helpers.mistakes import raises
from tests.training.test_run import INTERRUPT, assert_same_weights, configure, store

__all__ = ["store"]  # a fixture

RECIPE = ("augmentation=scannet", "augmentation.transforms.steps.crop.max_points=1500", "trainer.max_epochs=2")
ON = (*RECIPE, "device_transforms=true")


@pytest.fixture(scope="module")
def device_run(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(configure(store, tmp_path_factory.mktemp("device") / "run", *ON, "workers=1"))


def test_losses_equal_those_of_the_host(store: Path, device_run: Path, tmp_path: Path) -> None:
    host_run = train(configure(store, tmp_path / "run", *RECIPE))
    host, device = (
        next(state["curves"] for state in read_checkpoint(run).data["callbacks"].values() if "curves" in state)
        for run in (host_run, device_run)
    )
    losses = [name for name in host if name.startswith("loss/")]
    assert "loss/total" in losses and len(host["loss/total"]) == 2
    for name in losses:
        assert [step for step, _ in device[name]] == [step for step, _ in host[name]]
        expected = torch.tensor([value for _, value in host[name]])
        torch.testing.assert_close(torch.tensor([v for _, v in device[name]]), expected, rtol=1e-4, atol=1e-4)


def test_interrupted_in_mid_epoch_and_resumed_gives_the_same_weights(
    store: Path,
    device_run: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(Interrupted):
        train(configure(store, tmp_path / "run", *ON, INTERRUPT % 2))
    resumed = resumed_config(
        configure(store, tmp_path / "run", "resume=auto", "trust=tests.training.interrupter.Interrupter"),
        ["resume=auto"],
    )
    assert resumed.device_transforms is True
    resumed.callbacks = {}
    train(resumed)
    assert_same_weights(tmp_path / "run", device_run)


def test_what_is_no_switch_is_refused(store: Path, tmp_path: Path) -> None:
    with raises("option", "device_transforms=cuda"):
        train(configure(store, tmp_path / "run", "device_transforms=cuda"))
