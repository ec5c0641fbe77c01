"""Whole or not at all, and what stood there is never lost to a failure."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pointnc.files import atomic, leftovers
from pointnc.files.atomic import atomic_path, write_text
from pointnc.files.leftovers import sweep
from tests.helpers.mistakes import raises


def contents(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def write_folder(path: Path, name: str) -> None:
    with atomic_path(path) as temporary:
        temporary.mkdir()
        (temporary / name).touch()


def test_a_folder_replaces_a_folder_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for number in range(2):
        with atomic_path(tmp_path / "a") as temporary:
            temporary.mkdir()
            (temporary / str(number)).touch()
    assert contents(tmp_path) == ["a", "a/1"]


@pytest.mark.parametrize("able", [True, False])
def test_at_no_moment_is_a_folder_missing_that_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, able: bool
) -> None:
    """Where the system exchanges paths; where it cannot, a sweep closes the gap that a kill between the renames left."""
    if not able:
        monkeypatch.setattr(atomic, "swap", lambda first, second: False)
    rename = Path.rename
    seen = []

    def looks(self: Path, target: Path) -> Path:
        seen.append((tmp_path / "a").is_dir())
        return rename(self, target)

    write_folder(tmp_path / "a", "old")
    monkeypatch.setattr(Path, "rename", looks)
    write_folder(tmp_path / "a", "new")
    monkeypatch.undo()
    assert seen == ([] if able else [True, False])
    assert contents(tmp_path) == ["a", "a/new"]


@pytest.mark.parametrize("able", [True, False])
def test_a_kill_at_any_call_leaves_the_old_folder_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, able: bool
) -> None:
    """A child is killed before its first, second, ... rename or removal; then comes what the next start does."""
    moments = 0
    for moment in range(20):
        root = tmp_path / str(moment)
        write_folder(root / "a", "old")
        child = os.fork()
        if child == 0:
            try:
                kill_at(moment)
                if not able:
                    atomic.swap = lambda first, second: False  # type: ignore[assignment]
                write_folder(root / "a", "new")
            finally:
                os._exit(0)
        killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        moments += killed
        sweep(root)
        assert contents(root) in (["a", "a/old"], ["a", "a/new"]) if killed else contents(root) == ["a", "a/new"]
    assert moments >= (2 if able else 4)


def kill_at(moment: int) -> None:
    """Have this process killed at the moment-th call that changes names."""
    left = [moment]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return function(*arguments, **options)

        return call

    for name in ("rename", "replace", "unlink", "mkdir"):
        setattr(Path, name, counted(getattr(Path, name)))
    atomic.swap, leftovers.shutil.rmtree = counted(atomic.swap), counted(leftovers.shutil.rmtree)  # type: ignore


def test_a_folder_whose_successor_fails_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "a", "old")
    rename = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if self.suffix == ".tmp":
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(atomic, "swap", lambda first, second: False)
    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OSError, match="no"):
        write_folder(tmp_path / "a", "new")
    assert contents(tmp_path) == ["a", "a/old"]


def test_two_that_make_the_same_folder_make_one(tmp_path: Path) -> None:
    """The second one ends while the first one writes: both are content, and what a reader may have open stays."""
    with atomic_path(tmp_path / "a") as temporary:
        temporary.mkdir()
        (temporary / "slow").touch()
        write_folder(tmp_path / "a", "fast")
    assert contents(tmp_path) == ["a", "a/fast"]


def test_a_folder_that_comes_between_the_look_and_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def late(self: Path, target: Path) -> Path:
        monkeypatch.undo()
        write_folder(tmp_path / "a", "fast")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    write_folder(tmp_path / "a", "slow")
    assert contents(tmp_path) == ["a", "a/fast"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_a_full_disk_is_called_so_whatever_a_library_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """numpy counts items, torch tells of an unexpected position."""
    opened = Path.open

    def full(self: Path, *arguments: Any, **options: Any) -> Any:
        return opened(Path("/dev/full") if self.suffix == ".tmp" else self, *arguments, **options)

    for error in (OSError("51612 requested and 40832 written"), RuntimeError("[enforce fail at inline_container.cc]")):
        monkeypatch.setattr(Path, "open", full)
        with pytest.raises(OSError, match="No space left on device"), atomic_path(tmp_path / "a"):
            raise error
        monkeypatch.undo()
        with pytest.raises(type(error)) as plain, atomic_path(tmp_path / "a"):  # and only then
            raise error
        assert plain.value is error


def test_an_interruption_leaves_what_was_there(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "old")
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert contents(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "old"


@pytest.mark.parametrize("name", [".", "..", "/", "", "inner/.."])
def test_a_path_without_a_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "here" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    with raises("bad-name", "result"), atomic_path(name) as temporary:
        temporary.mkdir()
    assert contents(tmp_path) == ["here", "here/inner"]


def test_neither_kind_replaces_the_other(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with raises("path-kind", tmp_path / "folder"):
        write_text(tmp_path / "folder", "text")
    with raises("path-kind", tmp_path / "file"), atomic_path(tmp_path / "file") as temporary:
        temporary.mkdir()
    assert contents(tmp_path) == ["file", "folder"]


def test_a_link_is_replaced_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "precious").touch()
    (tmp_path / "link").symlink_to(tmp_path / "far", target_is_directory=True)
    with atomic_path(tmp_path / "link") as temporary:
        temporary.mkdir()
    assert contents(tmp_path) == ["far", "far/precious", "link"] and not (tmp_path / "link").is_symlink()
