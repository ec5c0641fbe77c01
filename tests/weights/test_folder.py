"""A run is used from anywhere: its store is found though it was given by a path relative to where the run stood."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pointnc.weights.checkpoint import KEY, read_checkpoint
from tests.helpers.changed_checkpoints import TINY
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake


@pytest.fixture(scope="module")
def home(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a run was trained on ``store``, so called."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(finished / "store", folder / "store")
    run("pointnc.train", *TINY, "dataset.store=store", "run_dir=run", folder=folder)
    shutil.copy(folder / "run" / "checkpoints" / "last.ckpt", folder / "first.ckpt")  # the run itself goes on below
    return folder


def changed(home: Path, path: Path, **own: Any) -> Path:
    data = torch.load(home / "first.ckpt", weights_only=True)
    data[KEY] = {**data[KEY], **own}
    torch.save(data, path)
    return path


def test_commands_find_the_store_from_elsewhere(home: Path, tmp_path: Path) -> None:
    run("pointnc.evaluate", f"checkpoint={home / 'run'}", "accelerator=cpu", "out=a.json", folder=tmp_path)
    assert (tmp_path / "a.json").is_file()
    metrics = home / "run" / "metrics.json"
    metrics.unlink()
    run("pointnc.train", f"resume={home / 'run'}", "trainer.max_epochs=3", folder=tmp_path)
    assert metrics.is_file()
    done = run("pointnc.train", f"resume={home / 'run'}", "trainer.max_epochs=1", folder=tmp_path, code=2)
    assert_mistake(done, "option", "last.ckpt", "trainer.max_epochs")


def test_a_store_of_the_same_name_here_comes_first(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = home / "first.ckpt"
    monkeypatch.chdir(tmp_path)
    assert read_checkpoint(last).config["dataset"]["store"] == str(home / "store")
    (tmp_path / "store").mkdir()
    assert read_checkpoint(last).config["dataset"]["store"] == "store"


def test_checkpoints_without_a_folder_or_with_none_that_is_there(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (None, "/nowhere", ""):
        assert read_checkpoint(changed(home, tmp_path / "a.ckpt", folder=folder)).config["dataset"]["store"] == "store"
