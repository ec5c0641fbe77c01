"""Damaged inputs read in processes of their own: an abort or a hang is that input's finding, and the next goes on."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

WALL_SECONDS = 180
"""For one input, on a machine that does other things besides; the time that it computes is bounded in the process."""

Task = tuple[str, int]


@dataclass(frozen=True)
class Result:
    """What became of an input.

    Attributes:
        name: of the format.
        seed: of the damage.
        outcome: "read", "refused" or "finding".
        message: the line, or what went wrong.
        target: the file that was damaged.
    """

    name: str
    seed: int
    outcome: str
    message: str
    target: str = ""


class _Reader:
    """A process that reads, started again when it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, task: Task) -> Result:
        if self._process is None:
            one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "RAYON")}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.robustness.attack"], env={**os.environ, **one}, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
            )  # fmt: skip
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            print(json.dumps(task), file=process.stdin, flush=True)
            ready, _, _ = select.select([process.stdout], [], [], WALL_SECONDS)
            line = process.stdout.readline() if ready else None
        except BrokenPipeError:
            line = ""
        if line:
            outcome, message, target = json.loads(line)
            return Result(*task, outcome, message, target)
        process.kill()
        code = process.wait()
        self._process = None
        if line is None:
            return Result(*task, "finding", f"no end after {WALL_SECONDS} s")
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Result(*task, "finding", f"the process was ended: {how}{' (time)' if how == 'SIGPROF' else ''}")

    def close(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()


def run(tasks: Iterable[Task], processes: int) -> Iterator[Result]:
    """Yield what becomes of each task, as they are done."""
    readers: SimpleQueue[_Reader] = SimpleQueue()
    everyone = [_Reader() for _ in range(processes)]
    for one in everyone:
        readers.put(one)

    def work(task: Task) -> Result:
        reader = readers.get()
        try:
            return reader.ask(task)
        finally:
            readers.put(reader)

    try:
        with ThreadPoolExecutor(processes) as threads:
            pending = set()
            for task in tasks:
                pending.add(threads.submit(work, task))
                if len(pending) >= 2 * processes:
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            yield from (future.result() for future in pending)
    finally:
        for one in everyone:
            one.close()
