"""A run that is interrupted in mid-epoch and resumed is the uninterrupted run, bit for bit: weights, centers, curves."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from data_prep.scannet.preparation import prepare
from pointnc.commands.entry import config_folder
from pointnc.errors import Interrupted
from pointnc.training import results
from pointnc.training.resumed import resumed_config
from pointnc.training.run import train
from pointnc.weights.checkpoint import read_checkpoint
from tests.helpers.synthetic import write_raw_root

TINY = (
    "dataset.prepare=null",
    "trainer.max_epochs=2",
    "trainer.check_val_every_n_epoch=1",
    "trainer.accelerator=cpu",
    "workers=0",
    "batch_size=1",
    "dataset.voxel_size=0.15",
    "measure_collapse=false",
    "logger=none",
    "choice.dataset=rooms",
    "choice.model=tiny",
    "choice.regularizer=chosen",
    "refit=none",
)
NETWORK = ("model.planes=[8,8]", "model.layers=[1,1]")
"""Of the runs that choose no other."""
INTERRUPT = "+callbacks.interrupt={_target_:tests.training.interrupter.Interrupter,batches:%d}"
FORM = (
    "regularizer=ceco_ema",
    "regularizer.projector=none",
    "regularizer.frame=spread",
    "regularizer.strength=share",
    "regularizer.weight=0.3",
    "regularizer.recenter=true",
    "regularizer.repulsion=0.5",
    "regularizer.assignment=warm_up",
)
CASES: dict[str, tuple[int, tuple[str, ...]]] = {
    "loader processes": (2, ("workers=2",)),
    "insertion, class-balanced sampling, ceco_ema": (
        6,
        ("insertion=tail", "sampling=class_balanced", "regularizer=ceco_ema", "regularizer.dropout=0.2"),
    ),
    "vertices assigned before the interruption": (5, (*FORM, "regularizer.start_step=0.25", "workers=2")),
    "vertices assigned after the interruption": (2, (*FORM, "regularizer.start_step=0.6", "regularizer.ramp_steps=2")),
    "device transforms, accumulated gradients": (
        6,
        ("device_transforms=true", "trainer.accumulate_grad_batches=2", "workers=2"),
    ),
    "a transformer that leaves out branches": (
        3,
        ("model=volt_tiny", "model.channels=64", "model.depth=2", "model.out_channels=8", "model.drop_path=0.5"),
    ),
    "an average of weights": (
        6,
        (
            "+callbacks.average={_target_:pointnc.training.averaging.WeightAverage,decay:0.8}",
            "loss=label_smoothing_lovasz",
        ),
    ),
    "mixing, momentum, poly": (5, ("augmentation=scannet", "optimizer=sgd", "schedule=poly", "loss=lovasz")),
}
"""Batches before Ctrl-C, of eight in all; settings."""

BATCHES = 4
"""In an epoch."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scans")
    prepare(write_raw_root(root / "raw", train=4, val=1), root / "store", workers=1)
    return root / "store"


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "write", lambda *_: None)


def configure(store: Path, run: Path, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        network = () if any(override.startswith("model=") for override in overrides) else NETWORK
        return compose("train", [*TINY, *network, f"dataset.store={store}", f"run_dir={run}", *overrides])


def contents(run: Path) -> dict[str, Any]:
    """Return what must be equal: every tensor of network, regularizer and optimizer, and the curves."""
    data = read_checkpoint(run / "checkpoints" / "last.ckpt").data
    optimizer = {
        f"optimizer.{number}.{name}": value
        for number, state in data["optimizer_states"][0]["state"].items()
        for name, value in state.items()
    }
    return {**data["state_dict"], **optimizer, **data["callbacks"]["History"]["curves"]}


def assert_equal(run: Path, other: Path) -> None:
    first, second = contents(run), contents(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        same = torch.equal(value, second[name]) if isinstance(value, torch.Tensor) else value == second[name]
        assert same, (name, value, second[name])


def interrupted_and_resumed(store: Path, run: Path, batches: int, *settings: str) -> None:
    with pytest.raises(Interrupted, match=f"batch .* of {BATCHES}"):
        train(configure(store, run, *settings, INTERRUPT % batches))
    resumed = resumed_config(
        configure(store, run, *settings, "resume=auto", "trust=tests.training.interrupter.Interrupter"), ["resume=auto"]
    )
    del resumed.callbacks.interrupt
    train(resumed)


@pytest.mark.parametrize("name", CASES)
def test_an_interrupted_run_ends_as_the_whole_one(store: Path, tmp_path: Path, name: str) -> None:
    batches, settings = CASES[name]
    train(configure(store, tmp_path / "whole", *settings))
    interrupted_and_resumed(store, tmp_path / "run", batches, *settings)
    assert_equal(tmp_path / "run", tmp_path / "whole")


def test_the_place_in_a_checkpoint_of_before_is_found(store: Path, tmp_path: Path) -> None:
    """It stood with the callback that saves, not with the data."""
    train(configure(store, tmp_path / "whole"))
    with pytest.raises(Interrupted, match=f"batch 2 of {BATCHES}"):
        train(configure(store, tmp_path / "run", INTERRUPT % 6))
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    data = dict(read_checkpoint(last).data)
    assert data["RunData"]["place"] == [1, 2]
    data["callbacks"]["SaveCheckpoints"]["place"] = data.pop("RunData")["place"]
    torch.save(data, last)
    resumed = resumed_config(
        configure(store, tmp_path / "run", "resume=auto", "trust=tests.training.interrupter.Interrupter"),
        ["resume=auto"],
    )
    resumed.callbacks = {}
    train(resumed)
    assert_equal(tmp_path / "run", tmp_path / "whole")


def _rank(rank: int, store: Path, folder: Path, port: int) -> None:
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", LOCAL_WORLD_SIZE="2")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), TORCHELASTIC_RUN_ID="test")
    torch.set_num_threads(1)
    results.write = lambda *_: None  # type: ignore[assignment]
    settings = (*FORM, "regularizer.start_step=0.25", "dataset.train_split=both", "dataset.val_split=both")
    train(configure(store, folder / "whole", *settings))
    interrupted_and_resumed(store, folder / "run", 6, *settings)


@pytest.mark.slow
def test_two_processes_resume_as_they_would_have_gone_on(store: Path, tmp_path: Path) -> None:
    """Eight scenes for two ranks: four batches an epoch of each, interrupted in the second epoch."""
    for number in range(8):
        source = store / "train" / f"scene000{number % 4}_00"
        shutil.copytree(source, tmp_path / "store" / "both" / f"scene{number:04d}_00")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(_rank, (tmp_path / "store", tmp_path, port), nprocs=2, daemon=True)
    assert_equal(tmp_path / "run", tmp_path / "whole")
