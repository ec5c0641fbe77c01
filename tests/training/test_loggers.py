"""Weights & Biases as a logger: offline, without anybody logged in, and without the package."""

import importlib.util
import time
from pathlib import Path

import pytest

from data_prep.scannet.preparation import prepare
from pointnc.training.loggers import wandb_runs
from tests.commands.test_entry import QUICK
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake, raises
from tests.helpers.synthetic import write_raw_root

WANDB = [*(setting for setting in QUICK if not setting.startswith("logger")), "logger=wandb"]


def test_a_missing_package_is_named_before_data_are_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pointnc.training.loggers.find_spec", lambda name: None)
    done = run("pointnc.train", "logger=wandb", "data_root=rooms", folder=tmp_path, code=2)
    assert_mistake(done, "no-package", "logger=wandb", "'pointnc[wandb]'", "logger=tensorboard")
    assert not (tmp_path / "rooms").exists()


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="the extra wandb is not installed")
def test_each_run_of_a_sweep_is_recorded_offline(tmp_path: Path) -> None:
    import wandb

    prepare(write_raw_root(tmp_path / "raw", train=1, val=1), tmp_path / "store", workers=1)
    arguments = ["-m", *WANDB, "dataset.store=store", "logger.mode=offline", "seed=0,1", "run_dir=kept/run-${seed}"]
    run("pointnc.train", *arguments, folder=tmp_path)
    wandb.finish()
    for name in ("kept/run-0", "kept/run-1"):
        (record,) = (tmp_path / name / "wandb").glob("offline-run-*/*.wandb")
        words, until = (name.encode(), b"val/miou", b"loss/total"), time.monotonic() + 60
        while not all(word in record.read_bytes() for word in words) and time.monotonic() < until:
            time.sleep(0.2)  # a process of wandb's own writes it
        assert all(word in record.read_bytes() for word in words)


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="the extra wandb is not installed")
def test_nobody_logged_in_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))  # where a login would be kept
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with raises("no-server", "logger=wandb", "API key", "logger.mode=offline"):
        wandb_runs(project="pointnc", mode="online")(save_dir=str(tmp_path))
