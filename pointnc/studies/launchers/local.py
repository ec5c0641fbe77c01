"""Trainings as processes of this machine."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from pointnc.studies.launchers.training import start_training
from pointnc.studies.plan import Run


class LocalJob:
    """A process.

    Args:
        process: of the training.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def poll(self) -> int | None:
        """Return the exit code of the training; None while it has none."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask the training to save a checkpoint and end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Wait until the training has ended."""
        self._process.wait()


class LocalLauncher:
    """Starts processes.

    Args:
        threads: of each training.
    """

    restarts = 0

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def start(self, run: Run) -> LocalJob:
        """Start a training."""
        return LocalJob(start_training(run, self.threads, Path.cwd()))
