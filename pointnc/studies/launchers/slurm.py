"""Trainings as jobs of Slurm, by submitit."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, UncompletedJobError

from pointnc.errors import UserError
from pointnc.files.atomic import write_json
from pointnc.studies.launchers.training import LOST, Training
from pointnc.studies.plan import Run

JOB = "job.json"
"""In a run's folder: the job that trains it."""

GRACE = 60.0
"""Seconds that a job stays after its training was interrupted; see :class:`Training`."""

_ASK = 10.0
"""Seconds between two questions to Slurm about the same job."""


class SubmititJob:
    """A job.

    Args:
        job: submitit's.
        queued: whether it stands in a queue of Slurm's.
    """

    def __init__(self, job: submitit.Job[int], queued: bool) -> None:
        self._job, self._queued = job, queued
        self._asked = time.monotonic()
        self._absent = 0

    def poll(self) -> int | None:
        """Return the exit code of the training; None while it has none."""
        if not self._job.paths.result_pickle.exists():
            if not self._queued:
                return LOST if self._job.done() and not self._job.paths.result_pickle.exists() else None
            if time.monotonic() - self._asked < _ASK:
                return None
            # Of the queue rather than of the accounts, which a small cluster does not keep. Twice, since a network disk
            # may show the result late.
            self._asked = time.monotonic()
            self._absent = self._absent + 1 if in_queue(self._job.job_id) is False else 0
            return LOST if self._absent > 1 else None
        try:
            return self._job.result()
        except (FailedJobError, UncompletedJobError):
            return 1

    def stop(self) -> None:
        """Cancel the job: Slurm asks the training to end, which saves a checkpoint."""
        self._job.cancel(check=False)

    def wait(self) -> None:
        """Wait until the job has ended, a minute at most: then Slurm has ended it."""
        end = time.monotonic() + 60
        while time.monotonic() < end and (in_queue(self._job.job_id) if self._queued else self.poll() is None):
            time.sleep(0.5)


class SubmititLauncher:
    """Submits jobs.

    Args:
        folder: of submitit's files; all machines must see it.
        threads: of each training, on a CPU.
        options: ``cluster`` ("slurm" or "local"; by default Slurm), and submitit's parameters of a job.

    Raises:
        UserError: there is no Slurm here, or a parameter is none of submitit's.
    """

    restarts = 3

    def __init__(self, folder: Path, threads: int, options: Mapping[str, Any]) -> None:
        parameters = dict(options)
        self._cluster = parameters.pop("cluster", "slurm")
        self.threads, self.folder = threads, folder
        try:
            self._executor = submitit.AutoExecutor(folder, cluster=self._cluster)
            self._executor.update_parameters(**{"cpus_per_task": threads, "name": "pointnc", **parameters})
        except RuntimeError as error:
            hint = "; submitit.cluster=local tries the same on this machine" if "srun" in str(error) else ""
            raise UserError(f"launcher=submitit: no Slurm here ({error}){hint}", code="no-server") from None
        except (ValueError, AssertionError, NameError) as error:
            raise UserError(f"submitit: {' '.join(str(error).split())[:300]}", code="no-server") from None

    def start(self, run: Run) -> SubmititJob:
        """Submit a training, or take up its job of an earlier study that has not ended.

        Raises:
            UserError: Slurm refuses the job.
        """
        queued = self._cluster == "slurm"
        before = _job_id(run)
        if queued and before is not None and in_queue(before):
            return SubmititJob(submitit.SlurmJob(self.folder, before), queued)
        try:
            job = self._executor.submit(Training(run, self.threads, Path.cwd(), GRACE if queued else 0.0))
        except (FailedJobError, subprocess.CalledProcessError) as error:
            raise UserError(f"Slurm refuses the job: {' '.join(str(error).split())[:300]}", code="no-server") from None
        write_json(run.folder / JOB, {"job": job.job_id})
        return SubmititJob(job, queued)


def in_queue(job: str) -> bool | None:
    """Whether Slurm has a job that waits or runs; None where Slurm does not answer."""
    try:
        done = subprocess.run(
            ["squeue", "--noheader", "--jobs", job, "--format", "%T"], capture_output=True, text=True, timeout=30,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return False if "Invalid job id" in done.stderr else None
    return bool(done.stdout.strip())


def _job_id(run: Run) -> str | None:
    try:
        job = json.loads((run.folder / JOB).read_text(encoding="utf-8"))["job"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return job if isinstance(job, str) and job.isdecimal() else None
