"""Runs the trainings of a study, several at a time; what is done stays done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pointnc.errors import Interrupted, UserError
from pointnc.scenes.atomic import write_json
from pointnc.scenes.locks import is_held
from pointnc.studies.plan import Run
from pointnc.studies.record import has_metrics

ARGUMENTS = "study.json"
LOG = "log.txt"


def is_done(run: Run) -> bool:
    """Whether a run has its metrics, all of them, and its report.

    Raises:
        UserError: the folder holds a run with other overrides.
    """
    record = run.folder / ARGUMENTS
    if record.is_file():
        before = tuple(json.loads(record.read_text(encoding="utf-8"))["overrides"])
        if before != run.overrides:
            changed = sorted(set(before) ^ set(run.overrides))
            raise UserError(
                f"{run.folder} was made with other overrides ({', '.join(changed)}): remove it, or give folder=NEW"
            )
    return has_metrics(run)


def run_all(runs: Sequence[Run], processes: int, threads: int, report: Callable[[Run, float, str], None]) -> list[Run]:
    """Train what is not done yet; a run that was interrupted goes on from its last checkpoint.

    Each run is a process of its own with its output in ``log.txt``. A failed run does not stop the others. A run that
    another process trains already (of a study that was killed, or of one beside this) is waited for.

    Args:
        runs: all runs of the study.
        processes: how many train at a time.
        threads: of each.
        report: called with a run, its seconds, and "done" or the reason why it failed.

    Returns:
        The runs that failed.

    Raises:
        UserError: a folder holds a run with other overrides.
        Interrupted: Ctrl-C; the running trainings save a checkpoint first.
    """
    waiting = [run for run in runs if not is_done(run)]
    active: dict[Run, tuple[subprocess.Popen[bytes], float]] = {}
    failed = []
    try:
        while waiting or active:
            for run in [run for run in waiting if not is_held(run.folder)][: processes - len(active)]:
                waiting.remove(run)
                if is_done(run):
                    report(run, 0.0, "done by another process")
                else:
                    active[run] = (_start(run, threads), time.perf_counter())
            time.sleep(0.2)
            for run, (process, start) in list(active.items()):
                if process.poll() is None:
                    continue
                del active[run]
                good = process.returncode == 0 and is_done(run)
                if not good and is_held(run.folder):  # another process was faster
                    waiting.append(run)
                    continue
                if not good:
                    failed.append(run)
                report(run, time.perf_counter() - start, "done" if good else _last_line(run.folder / LOG))
    except KeyboardInterrupt:
        for process, _ in active.values():
            process.send_signal(signal.SIGTERM)
        for process, _ in active.values():
            process.wait()
        raise Interrupted("interrupted; the same command goes on") from None
    return failed


def _start(run: Run, threads: int) -> subprocess.Popen[bytes]:
    write_json(run.folder / ARGUMENTS, {"overrides": list(run.overrides), "seed": run.seed})
    command = [sys.executable, "-m", "pointnc.train", *run.arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    with (run.folder / LOG).open("ab") as log:
        # A session of its own: Ctrl-C reaches the study, which then lets each run end its step.
        return subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment,
            start_new_session=True,
        )  # fmt: skip


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"{lines[-1] if lines else 'no output'} (see {log})"
