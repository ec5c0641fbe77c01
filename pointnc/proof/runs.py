"""Whole runs as a user starts them: interrupted and resumed, under torchrun, and evaluated."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

import pointnc
from pointnc.proof.subjects import Outcome

TRAINING, VALIDATION = 6, 2
"""Rooms, where there are not more devices than that."""

PATIENCE = 240.0
"""Seconds after which a command is given up."""


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
        process = self._start("-m", "pointnc.train", *self._settings(self.run))
        last = self.run / "checkpoints" / "last.ckpt"
        end = time.monotonic() + PATIENCE
        while process.poll() is None and not last.is_file() and time.monotonic() < end:
            time.sleep(0.05)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        code, output = _finish(process)
        if code != 130 or "resume=" not in output:
            return [self._outcome("training, interrupted", False, f"exit code {code} instead of 130: {_last(output)}")]
        code, output = _finish(self._start("-m", "pointnc.train", f"resume={last}"))
        missing = [name for name in ("metrics.json", "report.html") if not (self.run / name).is_file()]
        passed = code == 0 and not missing
        text = f"mIoU {self._miou():.2f}, {_first(output)}" if passed else f"exit code {code}: {_last(output)}"
        return [self._outcome("training, interrupted and resumed", passed, text)]

    def check_torchrun(self) -> list[Outcome]:
        """Return whether ``torchrun`` with a process a device trains to its end, by NCCL on CUDA and gloo elsewhere."""
        run = self.folder / "distributed"
        launcher = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={self.processes}")
        settings = self._settings(run)
        code, output = _finish(
            self._start(*launcher, "-m", "pointnc.train", *settings, "batch_size=1", "measure_collapse=false")
        )
        passed = code == 0 and (run / "metrics.json").is_file()
        text = f"{self.processes} processes" if passed else f"exit code {code}: {_last(output)}"
        return [self._outcome("training under torchrun", passed, text)]

    def check_evaluate(self) -> list[Outcome]:
        """Return whether ``evaluate`` finds the scores that the run has written."""
        if not (self.run / "metrics.json").is_file():
            return [self._outcome("evaluate", False, "there is no run to evaluate")]
        out = self.folder / "scores.json"
        arguments = (f"checkpoint={self.run}", f"out={out}", f"accelerator={self.device.type}")
        code, output = _finish(self._start("-m", "pointnc.evaluate", *arguments))
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

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        paths = [str(Path(pointnc.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        return subprocess.Popen(
            [sys.executable, *arguments], cwd=self.folder, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace",
        )  # fmt: skip

    def _miou(self) -> float:
        return float(json.loads((self.run / "metrics.json").read_text(encoding="utf-8"))["miou"] or 0.0)

    def _outcome(self, name: str, passed: bool, text: str) -> Outcome:
        return Outcome(name, self.device.type, passed, text)


def _finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        output, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        output += f"\ngiven up after {PATIENCE:.0f} seconds"
    return process.returncode, output


def _first(output: str) -> str:
    return next(iter(output.strip().splitlines()), "")[:200]


def _last(output: str) -> str:
    return (output.strip().splitlines() or ["it said nothing"])[-1][:300]
