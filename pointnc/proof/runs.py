"""Whole runs as a user starts them: interrupted and resumed, under torchrun, and evaluated."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

import pointnc
from pointnc.proof.subjects import Outcome

TRAINING, VALIDATION = 6, 2
"""Rooms, where there are not more devices than that."""

PATIENCE = 240.0
"""Seconds after which a command is given up."""

ENDING = 60.0
"""Seconds in which a command that is given up may end; torchrun takes thirty to kill a process that does not."""


class Runs:
    """Runs in a folder of their own.

    Args:
        folder: for rooms and runs.
        device: that is to train.
        processes: of torchrun, a device each.
    """

    def __init__(self, folder: Path, device: torch.device, processes: int) -> None:
        self.folder, self.device, self.processes = folder, device, processes
        self.run = folder / "run"
        self.store = folder / "rooms" / "store"

    def check_run(self) -> list[Outcome]:
        """Return whether a training of eight rooms that is interrupted and resumed leaves all that it should."""
        training = self._start("-m", "pointnc.train", *self._settings(self.run))
        process = training.process
        last = self.run / "checkpoints" / "last.ckpt"
        end = time.monotonic() + PATIENCE
        while process.poll() is None and not last.is_file() and time.monotonic() < end:
            time.sleep(0.05)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)  # not SIGINT, which jobs of a shell's background are deaf to
        code, output = training.finish()
        if code != 130 or "resume=" not in output:
            return [self._outcome("training, interrupted", False, f"exit code {code} instead of 130: {_last(output)}")]
        code, output = self._start("-m", "pointnc.train", f"resume={last}").finish()
        missing = [name for name in ("metrics.json", "report.html") if not (self.run / name).is_file()]
        passed = code == 0 and not missing
        text = f"mIoU {self._miou():.2f}, {_first(output)}" if passed else f"exit code {code}: {_last(output)}"
        return [self._outcome("training, interrupted and resumed", passed, text)]

    def check_torchrun(self) -> list[Outcome]:
        """Return whether ``torchrun`` with a process a device trains to its end, by NCCL on CUDA and gloo elsewhere."""
        run = self.folder / "distributed"
        launcher = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={self.processes}")
        settings = self._settings(run)
        training = (*launcher, "-m", "pointnc.train", *settings, "batch_size=1", "measure_collapse=false")
        code, output = self._start(*training).finish()
        passed = code == 0 and (run / "metrics.json").is_file()
        text = f"{self.processes} processes" if passed else f"exit code {code}: {_last(output)}"
        return [self._outcome("training under torchrun", passed, text)]

    def check_evaluate(self) -> list[Outcome]:
        """Return whether ``evaluate`` finds the scores that the run has written."""
        if not (self.run / "metrics.json").is_file():
            return [self._outcome("evaluate", False, "there is no run to evaluate")]
        out = self.folder / "scores.json"
        arguments = (f"checkpoint={self.run}", f"out={out}", f"accelerator={self.device.type}")
        code, output = self._start("-m", "pointnc.evaluate", *arguments).finish()
        if code or not out.is_file():
            return [self._outcome("evaluate", False, f"exit code {code}: {_last(output)}")]
        found, expected = json.loads(out.read_text(encoding="utf-8"))["miou"] or 0.0, self._miou()
        text = f"mIoU {found:.2f}, the run's own {expected:.2f}"
        return [self._outcome("evaluate", abs(found - expected) <= 0.1, text)]

    def _settings(self, run: Path) -> tuple[str, ...]:
        return (
            f"data_root={self.folder / 'rooms'}", f"run_dir={run}", f"trainer.accelerator={self.device.type}",
            f"dataset.prepare.train={max(TRAINING, self.processes)}",
            f"dataset.prepare.val={max(VALIDATION, self.processes)}",
            "trainer.max_epochs=3", "trainer.check_val_every_n_epoch=1", "logger=none",
        )  # fmt: skip

    def _start(self, *arguments: str) -> Command:
        return Command(arguments, self.folder)

    def _miou(self) -> float:
        return float(json.loads((self.run / "metrics.json").read_text(encoding="utf-8"))["miou"] or 0.0)

    def _outcome(self, name: str, passed: bool, text: str) -> Outcome:
        return Outcome(name, self.device.type, passed, text)


class Command:
    """A command that runs, with what it says in a file: a pipe would be held open by processes that outlive it.

    Args:
        arguments: of this Python.
        folder: to run in.
        environment: variables besides this process's own.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, **environment: str) -> None:
        paths = [str(Path(pointnc.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (closed by finish)
        self.process = subprocess.Popen(
            [sys.executable, *arguments], cwd=folder, stdout=self._output, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
        )  # fmt: skip

    def finish(self, patience: float = PATIENCE) -> tuple[int, str]:
        """Wait so many seconds for the end; return the exit code, and what was said.

        A command that takes longer is asked to end, and killed if it does not: torchrun ends its processes first,
        which are in sessions of their own.
        """
        late = ""
        for give_up, seconds in ((self.process.terminate, patience), (self.process.kill, ENDING)):
            try:
                self.process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                late = f"\ngiven up after {patience:.0f} seconds"
                give_up()
        code = self.process.wait()
        with self._output as output:
            output.seek(0)
            return code, output.read().decode(errors="replace") + late


def _first(output: str) -> str:
    return next(iter(output.strip().splitlines()), "")[:200]


def _last(output: str) -> str:
    return (output.strip().splitlines() or ["it said nothing"])[-1][:300]
