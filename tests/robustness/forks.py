"""Commands that are killed: run in children of a process that has imported everything, so that a try takes a second.

``python -m tests.robustness.forks`` is that process. It reads a json line for each command and answers with one.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: the exit code, or minus the signal.
        seconds: wall time.
        out: what it printed.
        err: what it said on stderr.
    """

    code: int
    seconds: float
    out: str
    err: str


class Forks:
    """The process that forks."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "COLUMNS": "200"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.robustness.forks"], cwd=REPOSITORY, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, module: str, *arguments: str, folder: Path, number: int = 0, after: float = 0.0) -> Ended:
        """Run ``python -m module arguments`` in a folder; send it a signal after some seconds, if ``number`` is one."""
        assert self._process.stdin and self._process.stdout
        request = {"module": module, "arguments": arguments, "folder": str(folder), "number": number, "after": after}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return Ended(**json.loads(self._process.stdout.readline()))

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()


def main() -> None:
    """Fork for each line of the input."""
    _import_everything()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        print(json.dumps(asdict(_try(json.loads(line)))), file=answers, flush=True)


def _import_everything() -> None:
    for name in (
        "joblib.externals.loky.process_executor",
        "matplotlib.pyplot",
        "rich.progress",
        "scipy.stats",
        "data_prep.rooms.generate",
        "data_prep.scannet.preparation",
        "pointnc.inference.predictor",
        "pointnc.prediction.labeling",
        "pointnc.studies.writing",
        "pointnc.evaluation.counting",
        "pointnc.training.run",
    ):
        importlib.import_module(name)


def _try(request: dict[str, Any]) -> Ended:
    folder = Path(request["folder"])
    places = [folder.with_name(f"{folder.name}.{name}") for name in ("out", "err")]
    start = time.perf_counter()
    child = _fork(request["module"], request["arguments"], folder, places)
    if request["number"]:
        # Waited for in small steps: a command that has ended must not hand its number to another one.
        while time.perf_counter() - start < request["after"] and not _has_ended(child):
            time.sleep(0.002)
        if not _has_ended(child):
            os.kill(child, request["number"])
    status = os.waitpid(child, 0)[1]
    code, seconds = os.waitstatus_to_exitcode(status), time.perf_counter() - start
    return Ended(code, seconds, *(place.read_text(encoding="utf-8", errors="replace") for place in places))


def _has_ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _fork(module: str, arguments: list[str], folder: Path, places: list[Path]) -> int:
    """Start a command whose handlers stand from its first moment; return its process id."""
    from pointnc.runtime import signals

    streams = [os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for place in places]
    signal.pthread_sigmask(signal.SIG_BLOCK, _NUMBERS)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor, stream in zip((1, 2), streams):
            os.dup2(stream, descriptor)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signals.end_at_once()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _NUMBERS)
        _become(module, arguments, folder)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _NUMBERS)
    for stream in streams:
        os.close(stream)
    return child


_NUMBERS = (signal.SIGINT, signal.SIGTERM)


def _become(module: str, arguments: list[str], folder: Path) -> None:
    """Be the command, up to the exit code."""
    code: Any = 1
    try:
        os.chdir(folder)
        subprocess.Popen = ForkedTraining  # type: ignore[misc, assignment]
        sys.argv = [f"{module}.py", *arguments]
        with contextlib.suppress(KeyError):
            del sys.modules[module]  # it is to run as __main__
        runpy.run_module(module, run_name="__main__", alter_sys=False)
    except SystemExit as end:
        code = end.code
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


class ForkedTraining(subprocess.Popen):  # type: ignore[type-arg]
    """A training that a study starts: forked too, instead of a Python that imports everything again."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self._forked = command[1:3] == ["-m", "pointnc.train"]
        if not self._forked:
            super().__init__(command, **options)
            return
        self.returncode = None
        log = Path(options["stdout"].name)
        places = [log.with_suffix(".out"), log.with_suffix(".err")]
        self.pid = _fork("pointnc.train", command[3:], Path.cwd(), places)

    def __del__(self, *arguments: Any) -> None:
        if not self._forked:
            super().__del__()

    def poll(self) -> int | None:
        if self._forked and self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
            return self.returncode
        return self.returncode if self._forked else super().poll()

    def wait(self, timeout: float | None = None) -> int:
        while self._forked and self.poll() is None:
            time.sleep(0.01)
        return self.returncode if self._forked else super().wait(timeout)

    def send_signal(self, number: int) -> None:
        if not self._forked:
            super().send_signal(number)
        elif self.poll() is None:
            os.kill(self.pid, number)


@contextlib.contextmanager
def forks() -> Iterator[Forks]:
    """Give the process, and end it."""
    process = Forks()
    try:
        yield process
    finally:
        process.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
