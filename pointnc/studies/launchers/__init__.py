"""Where the runs of a study train: processes of this machine, jobs of Slurm, tasks of Ray.

Whatever starts a run, it is ``python -m pointnc.train`` with a folder of its own that all machines see; what it
reached is read from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pointnc.checks import check_option
from pointnc.errors import UserError
from pointnc.studies.launchers.local import LocalLauncher
from pointnc.studies.plan import Run

__all__ = ["Job", "Launcher", "LocalLauncher", "open_launcher"]


class Job(Protocol):
    """A training that was started, or waits for its turn."""

    def poll(self) -> int | None:
        """Return the exit code of the training; None while it has none."""

    def stop(self) -> None:
        """Ask the training to save a checkpoint and end."""

    def wait(self) -> None:
        """Wait until a training that was asked to end has ended."""


class Launcher(Protocol):
    """Starts trainings.

    Attributes:
        restarts: how often a training that was interrupted is started again, to go on from its checkpoint.
    """

    restarts: int

    def start(self, run: Run) -> Job:
        """Start a training, or take up the one that was started for this run before and has not ended."""


def open_launcher(name: str, folder: Path, threads: int, options: Mapping[str, Mapping[str, Any]]) -> Launcher:
    """Return a launcher by its name.

    Args:
        name: "local", "submitit" or "ray".
        folder: of the study; launchers keep their logs in it.
        threads: of each training, on a CPU.
        options: of the launchers, by name; those without a value are left out.

    Raises:
        UserError: the name is unknown, its package is missing, or the cluster cannot be reached.
    """
    check_option("launcher", name, "local", "submitit", "ray")
    given = {key: value for key, value in options.get(name, {}).items() if value is not None}
    try:
        if name == "submitit":
            from pointnc.studies.launchers.slurm import SubmititLauncher

            return SubmititLauncher(folder / ".submitit", threads, given)
        if name == "ray":
            from pointnc.studies.launchers.tasks import RayLauncher

            return RayLauncher(threads, given)
    except ImportError as error:
        extra = {"submitit": "slurm"}.get(name, name)
        raise UserError(f"launcher={name}: {error}; pip install 'pointnc[{extra}]'", code="no-package") from None
    return LocalLauncher(threads)
