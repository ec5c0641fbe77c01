"""Ctrl-C and SIGTERM at any moment of a command: one line, exit code 130, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pointnc.commands.entry import entry
from pointnc.doctor import Doctor
from pointnc.errors import UserError
from pointnc.runtime import signals

REPOSITORY = Path(__file__).parents[2]

# As "python -m MODULE" does it; the process sends itself a signal when it begins to import what is named.
STARTER = """
import os, runpy, signal, sys
_, module, name, number = sys.argv
signal.signal(signal.SIGINT, signal.default_int_handler)  # where a shell has begun all this in the background, it is off
class Sender:
    def find_spec(self, wanted, path=None, target=None):
        if wanted == name:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(number))
sys.meta_path.insert(0, Sender())
sys.argv = ["-m"]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("pointnc.train", "pointnc.commands.entry"),
        ("pointnc.train", "hydra"),
        ("data_prep.rooms", "pointnc.errors"),
        ("data_prep.scannet", "numpy"),
        ("data_prep.rooms", "data_prep.rooms.layout"),  # in the task: there KeyboardInterrupt is raised
    ],
)
def test_a_signal_during_the_imports(tmp_path: Path, module: str, name: str, number: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTER, module, name, str(int(number))],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    word = "interrupted" if number == signal.SIGINT else "terminated"
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", word)
    assert not list(tmp_path.iterdir())


def test_importing_the_package_changes_no_handler() -> None:
    code = (
        "import signal; before = [signal.getsignal(n) for n in (2, 15)]; import pointnc, data_prep, pointnc.commands.entry; "
        "assert before == [signal.getsignal(n) for n in (2, 15)]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


def ends(task: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["doctor"])
        with pytest.raises(SystemExit) as end:
            entry(Doctor, "pointnc.doctor")(task)()  # type: ignore[arg-type]
    return end.value.code, capsys.readouterr().err.strip()  # type: ignore[return-value]


def test_what_a_library_makes_of_a_signal_is_an_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    def turned(kind: type[BaseException]) -> object:
        def task(config: object) -> None:
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                threading.Event().wait(5)
            except KeyboardInterrupt:
                raise kind("numpy could not be imported") from None

        return task

    for kind in (ImportError, UserError, OSError, SystemExit, RuntimeError, KeyboardInterrupt):
        code, said = ends(turned(kind), capsys)
        assert code == 130 and len(said.splitlines()) == 1, kind
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_a_destructor_neither_swallows_a_signal_nor_talks_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """numba's compiler has such: they are interrupted, or find an object whose constructor was."""

    class Swallows:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(1)

    class Talks:
        def __init__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(1)

        def __del__(self) -> None:
            raise AttributeError("_ptr")

    def swallows(config: object) -> None:
        del [Swallows()][0]
        threading.Event().wait(10)

    hook = sys.unraisablehook
    assert ends(swallows, capsys) == (130, "terminated")
    assert ends(lambda config: Talks() and None, capsys) == (130, "terminated")
    assert sys.unraisablehook is hook


@pytest.mark.parametrize("code", [None, 0, 1])
def test_an_exit_of_a_library_is_no_success(code: int | None, capsys: pytest.CaptureFixture[str]) -> None:
    """Lightning's handler of SIGTERM raises SystemExit without a code."""

    def task(config: object) -> None:
        raise SystemExit(code)

    assert ends(task, capsys) == (130, "interrupted")


def test_what_nohup_ignores_stays_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert ends(lambda config: os.kill(os.getpid(), signal.SIGTERM), capsys) == (0, "")
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("ignored", [True, False])
def test_a_training_leaves_ignored_signals_alone(ignored: bool) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    try:
        taken = signals.listen(lambda number, frame: None)
        assert (signal.getsignal(signal.SIGINT) == signal.SIG_IGN) == ignored
        signals.give_back(taken)
        assert signal.getsignal(signal.SIGINT) == (signal.SIG_IGN if ignored else signal.default_int_handler)
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_of_the_main_thread_nothing_is_listened_to() -> None:
    taken: list[signals.Handlers] = []
    thread = threading.Thread(target=lambda: taken.append(signals.listen(lambda number, frame: None)))
    thread.start()
    thread.join()
    assert taken == [{}]
