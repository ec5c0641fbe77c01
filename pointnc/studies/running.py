"""Runs the trainings of a study, several at a time; what is done stays done."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pointnc.errors import Interrupted, UserError
from pointnc.files.locks import is_held
from pointnc.runtime.signals import INTERRUPTED
from pointnc.studies.launchers import Job, Launcher, LocalLauncher
from pointnc.studies.launchers.training import LOG, LOST, read_arguments
from pointnc.studies.plan import Run
from pointnc.studies.record import has_metrics


def is_done(run: Run) -> bool:
    """Whether a run has its metrics, all of them, and its report.

    Raises:
        UserError: the folder holds a run with other overrides.
    """
    before = read_arguments(run)
    if before is not None and before != run.overrides:
        changed = sorted(set(before) ^ set(run.overrides))
        raise UserError(
            f"{run.folder} was made with other overrides ({', '.join(changed)}): remove it, or give folder=NEW",
            code="other-settings",
        )
    return has_metrics(run)


def run_all(
    runs: Sequence[Run],
    processes: int,
    threads: int,
    report: Callable[[Run, float, str], None],
    launcher: Launcher | None = None,
) -> list[Run]:
    """Train what is not done yet; a run that was interrupted goes on from its last checkpoint.

    Each run is a process of its own with its output in ``log.txt``. A failed run does not stop the others. A run that
    another process trains already (of a study that was killed, or of one beside this) is waited for, and so is one
    whose folder another run names; where that one fails, the other is left to say what it lacks.

    Args:
        runs: all runs of the study.
        processes: how many train at a time.
        threads: of each, without a launcher.
        report: called with a run, its seconds, and "done" or the reason why it failed.
        launcher: where they train; None for processes of this machine.

    Returns:
        The runs that failed.

    Raises:
        UserError: a folder holds a run with other overrides, or a cluster refuses a job.
        Interrupted: Ctrl-C; the running trainings save a checkpoint first.
    """
    launcher = launcher or LocalLauncher(threads)
    waiting = [run for run in runs if not is_done(run)]
    needs = {run: _needs(run, waiting) for run in waiting}
    active: dict[Run, tuple[Job, float]] = {}
    restarts = dict.fromkeys(waiting, launcher.restarts)
    failed = []
    try:
        while waiting or active:
            free = [run for run in waiting if not is_held(run.folder)]
            ready = [run for run in free if not any(other in waiting or other in active for other in needs[run])]
            if not ready and not active and free == waiting:  # they need one another
                ready = free
            for run in ready[: processes - len(active)]:
                waiting.remove(run)
                if is_done(run):
                    report(run, 0.0, "done by another process")
                else:
                    active[run] = (launcher.start(run), time.perf_counter())
            time.sleep(0.2)
            for run, (job, start) in list(active.items()):
                code = job.poll()
                if code is None:
                    continue
                del active[run]
                good = code == 0 and is_done(run)
                interrupted = code in (INTERRUPTED, LOST) and restarts[run] > 0
                if not good and (interrupted or is_held(run.folder)):  # held: another process was faster
                    restarts[run] -= interrupted
                    waiting.append(run)
                    continue
                if not good:
                    failed.append(run)
                report(run, time.perf_counter() - start, "done" if good else _last_line(run.folder / LOG))
    except BaseException as error:
        for job, _ in active.values():
            job.stop()
        for job, _ in active.values():
            job.wait()
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted("interrupted; the same command goes on") from None
        raise
    return failed


def _needs(run: Run, others: Sequence[Run]) -> list[Run]:
    """Return those whose folder a run's settings name: it takes what they train, as a student its teacher."""
    named = " ".join(run.settings) + " "
    return [other for other in others if other != run and re.search(rf"{re.escape(str(other.folder))}\W", named)]


def _last_line(log: Path) -> str:
    if not log.is_file():
        return f"its job never started the training (no {log})"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"{lines[-1] if lines else 'no output'} (see {log})"
