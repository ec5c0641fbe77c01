"""The process of one training, and how a job on another machine looks after it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pointnc.files.atomic import write_json
from pointnc.runtime.signals import INTERRUPTED
from pointnc.studies.plan import Run
from pointnc.studies.record import REMEDY
from pointnc.untrusted.json_file import read_json_object

ARGUMENTS = "study.json"
LOG = "log.txt"
LOST = -1
"""Stands for the exit code of a training whose job has ended without a word: cancelled, or its machine died."""


def start_training(
    run: Run, threads: int, folder: Path, prepare: Callable[[], None] | None = None
) -> subprocess.Popen[bytes]:
    """Start the training of a run, with its output in ``log.txt`` of its folder.

    Args:
        run: what to train.
        threads: on a CPU.
        folder: where the study was started: what relative paths are relative to.
        prepare: called in the new process before the training; None: it gets a session of its own, so that Ctrl-C
            reaches the study alone.
    """
    write_json(run.folder / ARGUMENTS, {"overrides": list(run.overrides), "seed": run.seed})
    command = [sys.executable, "-m", "pointnc.train", *run.arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    with (run.folder / LOG).open("ab") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, cwd=folder,
            start_new_session=prepare is None, preexec_fn=prepare,
        )  # fmt: skip


class Training:
    """A training inside a job of a cluster; travels there, trains when called, and returns the exit code.

    Args:
        run: what to train.
        threads: on a CPU.
        folder: where the study was started.
        grace: seconds that the job stays after its training was interrupted: a cluster that preempts a job begins it
            again by itself, unless the job has ended before.
    """

    def __init__(self, run: Run, threads: int, folder: Path, grace: float = 0.0) -> None:
        self.run, self.threads, self.folder, self.grace = run, threads, folder, grace
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> int:
        """Train until the end, or until the job is told to end."""
        self._process = start_training(self.run, self.threads, self.folder, _followed())
        try:
            # Asked again and again: a signal's handler, which may end the training, has to find nothing locked.
            while (code := self._process.poll()) is None:
                time.sleep(0.2)
        except BaseException:
            self.stop()
            raise
        if code == INTERRUPTED:
            time.sleep(self.grace)
        return code

    def stop(self) -> None:
        """Have the training save a checkpoint and end."""
        if self._process is not None:
            self._process.terminate()
            while self._process.poll() is None:
                time.sleep(0.1)
            self._process = None

    def checkpoint(self) -> object:
        """Prepare to be begun again: submitit calls this before a job's time is over, or when it is preempted."""
        from submitit.helpers import DelayedSubmission

        self.stop()
        return DelayedSubmission(Training(self.run, self.threads, self.folder, self.grace))


def _followed() -> Callable[[], None]:
    """Return what leaves the signals that are meant for the job to it, and ends the training when the job just dies."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before the fork

    def prepare() -> None:
        for number in (signal.SIGUSR1, signal.SIGUSR2):  # inherited by what is executed
            signal.signal(number, signal.SIG_IGN)
        if library is not None:
            library.prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG

    return prepare


def read_arguments(run: Run) -> tuple[str, ...] | None:
    """Return the overrides that a run's folder was made with, None where it has none.

    Raises:
        UserError: what the folder says of itself is damaged.
    """
    record = run.folder / ARGUMENTS
    if not record.is_file():
        return None
    data = read_json_object(record, REMEDY, required={"overrides": list})
    return tuple(map(str, data["overrides"]))
