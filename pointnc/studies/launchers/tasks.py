"""Trainings as tasks of Ray."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray

from pointnc.errors import UserError
from pointnc.runtime.servers import join_ray
from pointnc.studies.launchers.training import LOST, Training
from pointnc.studies.plan import Run


class RayJob:
    """A task.

    Args:
        task: Ray's reference to its result.
    """

    def __init__(self, task: Any) -> None:
        self._task = task

    def poll(self) -> int | None:
        """Return the exit code of the training; None while it has none."""
        done, _ = ray.wait([self._task], timeout=0)
        if not done:
            return None
        try:
            return ray.get(self._task)
        except ray.exceptions.RayError:
            return LOST

    def stop(self) -> None:
        """Ask the training to save a checkpoint and end."""
        ray.cancel(self._task, force=False)

    def wait(self) -> None:
        """Wait until the training has ended, a minute at most."""
        with contextlib.suppress(ray.exceptions.RayError):
            ray.get(self._task, timeout=60)


class RayLauncher:
    """Starts tasks.

    Args:
        threads: of each training, on a CPU.
        options: ``address`` of the cluster (by default the one on this machine, or a new one) and what a task needs, in
            Ray's words: ``num_cpus``, ``num_gpus``, ``resources``.

    Raises:
        UserError: there is no cluster at the address, or Ray does not know an option.
    """

    restarts = 3

    def __init__(self, threads: int, options: Mapping[str, Any]) -> None:
        needs = dict(options)
        address = needs.pop("address", None)
        self.threads = threads
        join_ray("ray.address", address)
        try:
            self._train = ray.remote(**{"num_cpus": threads, "max_retries": self.restarts, **needs})(_train)
        except (ValueError, TypeError) as error:
            raise UserError(f"launcher=ray: {str(error).splitlines()[0]}", code="no-server") from None

    def start(self, run: Run) -> RayJob:
        """Start a training."""
        return RayJob(self._train.remote(Training(run, self.threads, Path.cwd())))


def _train(training: Training) -> int:
    return training()
