"""Trainings that are interrupted outside of their steps, and two of them at one place."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from data_prep.scannet.preparation import prepare
from pointnc.files.locks import LOCK
from pointnc.training import run, run_folder
from pointnc.training.callbacks import EpochLine, SaveCheckpoints
from pointnc.training.checkpoint_io import AtomicCheckpointIO
from pointnc.training.resumed import place_of
from pointnc.training.run_folder import claimed_run
from tests.helpers.commands import run as command
from tests.helpers.mistakes import raises
from tests.helpers.synthetic import write_raw_root
from tests.robustness.kills import hash_of, leftovers, runs
from tests.training.test_run import configure

QUICK = [
    "dataset.prepare=null", "dataset.voxel_size=0.1", "trainer.max_epochs=1", "trainer.check_val_every_n_epoch=1",
    "trainer.accelerator=cpu", "workers=0", "logger=none", "batch_size=1", "model.planes=[8,8]", "model.layers=[1,1]",
    "run_dir=run", "resume=auto", "refit=none",
]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scans")
    prepare(write_raw_root(root / "raw", train=2, val=1), root / "store", workers=1)
    return root / "store"


@pytest.fixture(scope="module")
def whole(store: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("whole")
    command("pointnc.train", f"dataset.store={store}", *QUICK, folder=folder)
    return hash_of(runs(folder))


@pytest.fixture
def terminated() -> Iterator[Callable[..., Any]]:
    """Give a function that wraps another one: SIGTERM comes before the first call of it, and it is called all the same."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        sent = []

        def call(*arguments: Any, **options: Any) -> Any:
            if not sent:
                sent.append(os.kill(os.getpid(), signal.SIGTERM))
                time.sleep(0.01)
            return function(*arguments, **options)

        return call

    yield wrap


# Outside of the steps Lightning's own handler ends the process with exit code 0 and without a word.
MOMENTS = {
    "before the data": (run, "prepare_data"),
    "before the network": (run, "build_model"),
    "when Lightning has begun": (EpochLine, "setup"),
    "before the first step": (EpochLine, "on_fit_start"),
    "after the last step": (EpochLine, "on_train_end"),
    "in the closing evaluation": (run, "load_model_state"),
    "in the report": (run.results, "write_report"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_sigterm_at_the_edges_of_a_training(
    moment: str,
    store: Path,
    whole: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    terminated: Callable[..., Any],
) -> None:
    place, name = MOMENTS[moment]
    with monkeypatch.context() as patch:
        # A callback's hook counts only where its class has it.
        patch.setattr(place, name, terminated(getattr(place, name)))
        done = command("pointnc.train", f"dataset.store={store}", *QUICK, folder=tmp_path, code=130)
    assert [line for line in done.stderr.splitlines() if "interrupted" in line] and "Traceback" not in done.stderr
    assert ("resume=run/checkpoints/last.ckpt" in done.stderr) == (tmp_path / "run" / "checkpoints").exists()
    assert not leftovers(tmp_path)
    command("pointnc.train", f"dataset.store={store}", *QUICK, folder=tmp_path)
    assert hash_of(runs(tmp_path)) == whole


def test_two_that_begin_in_the_same_second_have_two_folders(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_folder.time, "strftime", lambda form: "2025-01-01_00-00-00")
    with (
        claimed_run(place_of(configure(store, None))) as (_, first),
        claimed_run(place_of(configure(store, None))) as (_, second),
    ):
        assert first != second and first.is_dir() and second.is_dir()
        assert (first / LOCK).is_file() and (second / LOCK).is_file()
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").rglob("*-*_*"))  # nothing was written


def test_a_folder_that_is_trained_in_is_told_by_its_process(store: Path, tmp_path: Path) -> None:
    """Given twice, or found twice by resume=auto."""
    config = configure(store, tmp_path / "run")
    with claimed_run(place_of(config)) as (_, folder):
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints" / "last.ckpt").touch()
        for overrides in ([], ["resume=auto"]):
            again = configure(store, tmp_path / "run", *overrides)
            with (
                raises("in-use", f"process {os.getpid()}", folder),
                claimed_run(place_of(again)),
            ):
                pass
    assert (tmp_path / "run").is_dir() and not leftovers(tmp_path)


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_folder_that_is_removed_while_it_is_trained_in_is_one_line(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tensorboard's thread does not print a traceback before it."""
    monkeypatch.setattr(EpochLine, "on_train_epoch_start", lambda *_: shutil.rmtree(tmp_path / "run"))
    quick = [one for one in QUICK if not one.startswith("logger")]
    command("pointnc.train", f"dataset.store={store}", *quick, "logger=tensorboard", folder=tmp_path, code=2)
    time.sleep(0.1)  # what the thread says, it says by now


def test_a_signal_after_the_last_epoch_is_not_lost() -> None:
    """Between the end of the last epoch and the end of the training."""
    checkpoints = SaveCheckpoints(Path("run"), None)  # type: ignore[arg-type]
    checkpoints._asked = True

    class Module:
        device = torch.device("cpu")

    with pytest.raises(Exception, match="interrupted at the end of the training"):
        checkpoints.on_train_end(None, Module())  # type: ignore[arg-type]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_a_full_disk_names_itself_and_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's own words are about an unexpected position; the best checkpoint is not the one to go on with."""
    (tmp_path / "last.ckpt").touch()
    opened = Path.open

    def full(self: Path, *arguments: Any, **options: Any) -> Any:
        return opened(Path("/dev/full") if self.suffix == ".tmp" else self, *arguments, **options)

    monkeypatch.setattr(Path, "open", full)
    with raises(
        "file-access", "No space left on device", tmp_path / "best.ckpt", f"resume={tmp_path / 'last.ckpt'}"
    ) as said:
        AtomicCheckpointIO().save_checkpoint({"a": torch.zeros(10**6)}, tmp_path / "best.ckpt")
    assert "inline_container" not in str(said.value)
