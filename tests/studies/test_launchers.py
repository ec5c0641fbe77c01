"""Studies on launchers: what is started where, what is interrupted and goes on, what fails and why."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from data_prep.scannet.preparation import prepare
from pointnc.errors import Interrupted
from pointnc.runtime.signals import INTERRUPTED
from pointnc.studies import run_all
from pointnc.studies.launchers import LocalLauncher, open_launcher
from pointnc.studies.launchers.training import LOST, Training
from pointnc.studies.plan import Run
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake, raises
from tests.helpers.synthetic import write_raw_root
from tests.studies.test_study import write_metrics

NEEDS_SUBMITIT = "the extra slurm is not installed"


class Scripted:
    """A launcher whose jobs end with the codes that a test lists for each run; 0 leaves metrics."""

    def __init__(self, codes: dict[str, list[Any]], restarts: int) -> None:
        self.codes, self.restarts = codes, restarts
        self.started: list[str] = []
        self.stopped: list[str] = []

    def start(self, run: Run) -> ScriptedJob:
        self.started.append(run.method)
        code = self.codes[run.method].pop(0)
        if code == 0:
            write_metrics(run, (1, 2, 3, 4), {"a": 1.0})
        return ScriptedJob(self, run, code)


class ScriptedJob:
    def __init__(self, launcher: Scripted, run: Run, code: Any) -> None:
        self.launcher, self.run, self.code = launcher, run, code

    def poll(self) -> int | None:
        if self.code == "Ctrl-C":
            raise KeyboardInterrupt
        return self.code

    def stop(self) -> None:
        self.launcher.stopped.append(self.run.method)

    def wait(self) -> None:
        assert self.run.method in self.launcher.stopped


def runs(tmp_path: Path, *names: str) -> list[Run]:
    return [Run(name, 0, tmp_path / name, ("a=1",)) for name in names]


def test_an_interrupted_run_is_started_again_and_a_failed_one_is_not(tmp_path: Path) -> None:
    launcher = Scripted({"a": [INTERRUPTED, LOST, 0], "b": [1], "c": [0]}, restarts=2)
    said: list[str] = []
    failed = run_all(
        runs(tmp_path, "a", "b", "c"), 1, 1, lambda run, s, outcome: said.append(f"{run.method} {outcome}"), launcher
    )
    assert launcher.started == ["a", "b", "c", "a", "a"]
    assert [run.method for run in failed] == ["b"]
    assert said[1:] == ["c done", "a done"] and said[0].startswith("b its job never started the training")


def test_restarts_have_an_end(tmp_path: Path) -> None:
    launcher = Scripted({"a": [LOST, LOST, LOST]}, restarts=2)
    assert len(run_all(runs(tmp_path, "a"), 1, 1, lambda *_: None, launcher)) == 1
    assert launcher.started == ["a"] * 3
    assert LocalLauncher(1).restarts == 0


def test_a_student_waits_for_its_teacher_and_goes_without_one_that_fails(tmp_path: Path) -> None:
    seed = "{folder}/%s/seed1"
    places = {"student": seed % "teacher", "other": seed % "teacher" + "1", "teacher": "", "lone": seed % "bad"}
    chosen = [Run(name, 1, tmp_path / name / "seed1", (f"checkpoint={place}",)) for name, place in places.items()]
    bad = Run(
        "bad", 1, tmp_path / "bad" / "seed1", ("checkpoint={folder}/lone/seed1/best.ckpt",)
    )  # each needs the other
    launcher = Scripted({**{name: [0] for name in places}, "bad": [1]}, restarts=0)
    assert run_all([*chosen, bad], 2, 1, lambda *_: None, launcher) == [bad]
    assert launcher.started[:2] == ["other", "teacher"] and sorted(launcher.started[2:]) == ["bad", "lone", "student"]


def test_ctrl_c_stops_what_runs(tmp_path: Path) -> None:
    launcher = Scripted({"a": [None], "b": ["Ctrl-C"], "c": []}, restarts=0)
    with pytest.raises(Interrupted, match="the same command goes on"):
        run_all(runs(tmp_path, "a", "b", "c"), 2, 1, lambda *_: None, launcher)
    assert launcher.started == launcher.stopped == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["launcher=pbs"], ("option", "local, submitit, ray", "launcher=pbs")),
        (
            ["launcher=submitit", "submitit.cluster=local", "+submitit.nonsense=1"],
            ("no-server", "submitit", "'nonsense'"),
        ),
        (["launcher=submitit", "submitit.cluster=moon"], ("no-server", "submitit", "moon")),
    ],
)
def test_mistakes(arguments: list[str], mistake: tuple[str, ...], tmp_path: Path) -> None:
    if "launcher=submitit" in arguments:
        pytest.importorskip("submitit", reason=NEEDS_SUBMITIT)
    assert_mistake(run("pointnc.study", "experiment=smoke", *arguments, folder=tmp_path, code=2), *mistake)
    assert not (tmp_path / "data").exists()  # before anything is made


def test_without_slurm_a_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason=NEEDS_SUBMITIT)
    monkeypatch.setenv("PATH", str(tmp_path))
    with raises("no-server", "launcher=submitit", "submitit.cluster=local"):
        open_launcher("submitit", tmp_path, 1, {"submitit": {"timeout_min": 5}})


@pytest.mark.parametrize(("name", "extra"), [("submitit", "slurm"), ("ray", "ray")])
def test_a_missing_package_is_named_with_the_command(
    name: str, extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    for module in ("slurm", "tasks"):
        monkeypatch.delitem(sys.modules, f"pointnc.studies.launchers.{module}", raising=False)
    with raises("no-package", f"launcher={name}", f"pip install 'pointnc[{extra}]'"):
        open_launcher(name, tmp_path, 1, {})


class FakeSqueue:
    """A program called squeue that answers what a file says."""

    def __init__(self, folder: Path) -> None:
        self.answer = folder / "answer"
        program = folder / "squeue"
        program.write_text(f"#!/bin/sh\n. {self.answer}\n")
        program.chmod(0o755)

    def says(self, text: str = "", error: str = "") -> None:
        self.answer.write_text(f"echo '{text}'\n" if text else f"echo '{error}' >&2; exit 1\n" if error else "true\n")


def test_the_queue_is_read_without_slurms_accounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason=NEEDS_SUBMITIT)
    from pointnc.studies.launchers.slurm import in_queue

    squeue = FakeSqueue(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for answer, expected in (
        ({"text": "RUNNING"}, True), ({"text": "PENDING"}, True), ({}, False),
        ({"error": "slurm_load_jobs error: Invalid job id specified"}, False),
        ({"error": "slurm_load_jobs error: Unable to contact slurm controller"}, None),
    ):  # fmt: skip
        squeue.says(**answer)
        assert in_queue("7") is expected
    (tmp_path / "squeue").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert in_queue("7") is None


def test_a_job_of_slurms_that_vanishes_is_lost_and_one_that_still_waits_is_taken_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    submitit = pytest.importorskip("submitit", reason=NEEDS_SUBMITIT)
    from pointnc.studies.launchers import slurm

    monkeypatch.setattr(slurm, "_ASK", 0.0)
    answers = iter([True, None, False, False])
    monkeypatch.setattr(slurm, "in_queue", lambda job: next(answers))
    job = slurm.SubmititJob(submitit.SlurmJob(tmp_path, "12"), queued=True)
    assert [job.poll() for _ in range(4)] == [None, None, None, LOST]

    (train,) = runs(tmp_path, "a")
    train.folder.mkdir()
    (train.folder / "job.json").write_text(json.dumps({"job": "12"}))
    monkeypatch.setattr(slurm, "in_queue", lambda job: job == "12")
    monkeypatch.setattr(submitit.AutoExecutor, "__init__", lambda *_, **__: None)
    monkeypatch.setattr(submitit.AutoExecutor, "update_parameters", lambda *_, **__: None)
    monkeypatch.setattr(submitit.AutoExecutor, "submit", lambda *_: pytest.fail("submitted a second time"))
    launcher = slurm.SubmititLauncher(tmp_path, 1, {})
    assert launcher.start(train).poll() is None


SMALL = ["dataset.prepare=null", "dataset.store=store", "dataset.voxel_size=0.2", "workers=0", "logger=none",
         "model.planes=[8,8]", "model.layers=[1,1]", "refit=none"]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a store of scenes of milliseconds."""
    prepare(write_raw_root(tmp_path / "raw", train=2, val=1), tmp_path / "store", workers=1)
    return tmp_path


@pytest.mark.slow
def test_jobs_train_are_preempted_and_go_on_to_the_same_bits(home: Path) -> None:
    """submitit's local executor: one job is preempted in the middle, begun again, and ends where an undisturbed one ends."""
    pytest.importorskip("submitit", reason=NEEDS_SUBMITIT)
    import torch

    quoted = ",".join(f"'{one}'" for one in [*SMALL, "trainer.max_epochs=30", "trainer.check_val_every_n_epoch=30"])
    common = ["experiment=smoke", f"common=[{quoted}]", "seeds=[0]", "only=[ce]"]
    run("pointnc.study", *common, "folder=plain", "out=plain/results", folder=home)
    launcher = ["launcher=submitit", "submitit.cluster=local", "submitit.timeout_min=10"]
    preempted = home / "jobs" / "ce" / "seed0"
    pid = os.fork()
    if pid == 0:  # beside the study, which ends when its jobs do
        os._exit(preempt(preempted))
    run("pointnc.study", *common, *launcher, "folder=jobs", "out=jobs/results", folder=home)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    log = (preempted / "log.txt").read_text()
    assert "interrupted at" in log and "resumed from" in log
    states = [
        torch.load(home / name / "ce" / "seed0" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("plain", "jobs")
    ]
    assert states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][key], states[1][key]) for key in states[0]
    )
    record = [json.loads(line) for line in (home / "jobs" / "results.jsonl").read_text().splitlines()]
    assert [(one["method"], one["seed"]) for one in record] == [("ce", 0)]


def preempt(folder: Path) -> int:
    """Send the signal of a preemption to the job that trains in a folder, once it has begun to."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        log = folder / "log.txt"
        if log.is_file() and "epoch 1/" in log.read_text():
            for process in Path("/proc").glob("[0-9]*"):
                command = read(process / "cmdline")
                if b"submitit.core._submit" in command and str(folder.parents[1] / ".submitit").encode() in command:
                    os.kill(int(process.name), signal.SIGUSR2)
                    return 0
        time.sleep(0.02)
    return 1


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_training_ends_with_its_job(home: Path) -> None:
    """The process that looks after a training dies without a word: the training is told, and saves a checkpoint."""
    folder = home / "run"
    overrides = (*SMALL, "trainer.max_epochs=5000", "trainer.check_val_every_n_epoch=5000")
    training = Training(Run("ce", 0, folder, overrides), 1, home)
    pid = os.fork()
    if pid == 0:
        training()
        os._exit(0)
    log = folder / "log.txt"
    end = time.monotonic() + 120
    while not (log.is_file() and "epoch 1/" in log.read_text()):
        assert time.monotonic() < end, log.read_text() if log.is_file() else "no log"
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while "interrupted at" not in log.read_text():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert (folder / "checkpoints" / "last.ckpt").is_file()
