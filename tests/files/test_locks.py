"""One process at a time in a folder; a dead one holds nothing, and a living one is named."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pointnc.files import locks
from pointnc.files.locks import LOCK, Holder, InUseError, hold, is_held
from pointnc.files.owners import Owner
from tests.helpers.mistakes import raises


@contextmanager
def child(work: Callable[[], None]) -> Iterator[int]:
    """Fork a process that works and then waits to be killed; go on when its work is done."""
    reader, writer = os.pipe()
    number = os.fork()
    if number == 0:
        try:
            work()
            os.write(writer, b".")
            signal.pause()
        finally:
            os._exit(0)
    try:
        assert os.read(reader, 1) == b"."
        yield number
    finally:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        os.close(reader), os.close(writer)


def keep(folder: Path) -> None:
    """Take the lock of a folder for as long as the process lives."""
    stack = ExitStack()
    stack.enter_context(hold(folder))
    _kept.append(stack)


_kept: list[ExitStack] = []


def test_a_living_holder_is_named_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    with child(lambda: keep(tmp_path)) as number:
        assert is_held(tmp_path)
        with (
            raises("in-use", f"process {number}", tmp_path, "trains", kind=InUseError),
            hold(tmp_path, doing="trains"),
        ):
            pass
    assert (tmp_path / LOCK).exists() and not is_held(tmp_path)
    with hold(tmp_path):
        assert not is_held(tmp_path)  # by another process
    assert not list(tmp_path.iterdir())


def test_the_same_process_does_not_take_it_twice(tmp_path: Path) -> None:
    with hold(tmp_path), raises("in-use", f"process {os.getpid()}", kind=InUseError), hold(tmp_path):
        pass


def test_loader_processes_do_not_keep_the_lock_of_a_killed_training(tmp_path: Path) -> None:
    orphans = tmp_path / "orphans"

    def trains() -> None:
        keep(tmp_path)
        orphan = os.fork()
        if orphan == 0:
            orphans.write_text(str(os.getpid()))
            time.sleep(60)
            os._exit(0)
        while not orphans.exists() or not orphans.read_text():
            time.sleep(0.01)

    with child(trains):
        pass
    try:
        with hold(tmp_path):
            pass
    finally:
        os.kill(int(orphans.read_text()), signal.SIGKILL)


def test_who_waits_gets_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with child(lambda: keep(tmp_path)) as number:
        threading.Timer(0.3, os.kill, (number, signal.SIGKILL)).start()
        with hold(tmp_path, wait=True, doing="makes rooms"):
            said = capsys.readouterr().out.strip().splitlines()
    assert len(said) == 1 and f"process {number}" in said[0] and "makes rooms" in said[0]


def foreign(folder: Path, boot: str = "elsewhere") -> None:
    record = {"host": "node7", "boot": boot, "machine": "0" * 8, "pid": os.getpid(), "start": 1}
    (folder / LOCK).write_text(json.dumps(record))


def test_a_container_of_this_kernel_that_holds_no_lock_is_dead(tmp_path: Path) -> None:
    foreign(tmp_path, locks.boot())
    with hold(tmp_path):
        pass


def test_of_another_host_one_looks_whether_it_still_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system carries no locks from host to host."""
    monkeypatch.setattr(locks, "PATIENCE", 0.5)
    monkeypatch.setattr(locks, "POLL", 0.05)
    foreign(tmp_path)
    stop = threading.Event()
    monkeypatch.setattr(locks, "BEAT", 0.1)
    beat = threading.Thread(target=locks._beat, args=(tmp_path / LOCK, stop))
    beat.start()
    with raises("in-use", f"process {os.getpid()}", "node7", kind=InUseError), hold(tmp_path):
        pass
    stop.set()
    beat.join()
    with hold(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


def test_without_locks_of_the_kernel_the_file_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setattr(locks, "POLL", 0.01)
    with (
        child(lambda: keep(tmp_path)) as number,
        raises("in-use", f"process {number}", kind=InUseError),
        hold(tmp_path),
    ):
        pass
    with hold(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


class ByteLocks:
    """The locks of Windows, on those of Linux: of a byte that lies behind the file's end; nobody waits for one."""

    LK_NBLCK = 2

    @staticmethod
    def locking(stream: int, mode: int, count: int) -> None:
        assert (mode, count, os.lseek(stream, 0, os.SEEK_CUR)) == (ByteLocks.LK_NBLCK, 1, locks.LOCKED_BYTE)
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PermissionError(13, "Permission denied") from None


def test_on_windows_bytes_are_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There one cannot ask whether a process lives: the lock alone says it, and a file that a kill has left does not."""
    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setattr(locks, "msvcrt", ByteLocks)
    monkeypatch.setattr(Owner, "is_dead", lambda self: False)
    with (
        child(lambda: keep(tmp_path)) as number,
        raises("in-use", f"process {number}", kind=InUseError),
        hold(tmp_path),
    ):
        assert is_held(tmp_path)
    left = {"host": "here", "boot": locks.boot(), "machine": Owner.current().machine, "pid": 1, "start": 0}
    (tmp_path / LOCK).write_text(json.dumps(left))
    assert not is_held(tmp_path)
    with hold(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": 1e999}', "[" * 5000, "\udcff", '{"host": 1, "boot": 2}'])
def test_a_damaged_lock_holds_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK).write_bytes(text.encode("utf-8", "surrogateescape"))
    with hold(tmp_path):
        pass
    assert not is_held(tmp_path)


def test_one_of_many_gets_it(tmp_path: Path) -> None:
    """Eight processes count in a file that only a lock protects."""
    count = tmp_path / "count"
    count.write_text("0")
    children = []
    for _ in range(8):
        number = os.fork()
        if number == 0:
            try:
                locks.POLL = 0.002
                with open(os.devnull, "w") as quiet:  # noqa: PTH123
                    os.dup2(quiet.fileno(), 1)
                    for _ in range(5):
                        with hold(tmp_path, wait=True):
                            before = int(count.read_text())
                            time.sleep(0.001)
                            count.write_text(str(before + 1))
            finally:
                os._exit(0)
        children.append(number)
    for number in children:
        os.waitpid(number, 0)
    assert count.read_text() == "40"


def test_a_holder_survives_json() -> None:
    holder = Holder.current()
    assert not holder.owner.is_dead() and str(os.getpid()) in str(holder)


def test_an_interrupt_between_any_two_lines_leaves_no_lock(tmp_path: Path) -> None:
    """Ctrl-C may come anywhere: here once before each line of taking, holding and giving back."""
    names = {"hold", "_take", "_release", "_lock", "_same_file", "_read"}

    def interrupted_at(number: int) -> bool:
        """Whether there are so many lines."""
        left = number

        def trace(frame: FrameType, event: str, value: object) -> Any:
            nonlocal left
            if frame.f_code.co_filename != locks.__file__ or frame.f_code.co_name not in names:
                return None
            if event == "line":
                left -= 1
                if left == 0:
                    raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            with hold(tmp_path):
                pass
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        return left <= 0

    opened, number = len(locks._held), 1
    while interrupted_at(number):
        assert not list(tmp_path.iterdir()), number
        assert len(locks._held) == opened, number
        number += 1
    assert number > 40
    with hold(tmp_path):
        assert (tmp_path / LOCK).is_file()
