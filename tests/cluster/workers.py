"""Work for a cluster's processes, which import it by name."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.preparing.writing import write_prepared
from pointnc.benchmarks import scannet


@dataclass(frozen=True)
class Job:
    """A scene out of thin air; the first process that begins ``fatal`` dies of it, half done."""

    target: Path
    seed: int
    fatal: Path | None = None


def make(job: Job) -> None:
    rng = np.random.default_rng(job.seed)
    time.sleep(0.05)
    if job.fatal is not None:
        try:
            job.fatal.touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            (job.target.parent / f".{job.target.name}.half.tmp").mkdir(parents=True)
            os.kill(os.getpid(), signal.SIGKILL)
    arrays = {"coord": rng.normal(0, 1, (100, 3)), "segment20": rng.integers(0, 20, 100)}
    write_prepared(job.target, arrays, {"process": 0}, [scannet.taxonomy("scannet20")])


def rest(number: int) -> int:
    time.sleep(0.05)
    return number
