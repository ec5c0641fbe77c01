"""What the dead leave is removed, or put back; what the living own is not touched."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pointnc.files import leftovers, owners
from pointnc.files.leftovers import AGE, sweep, temporary_beside
from pointnc.files.owners import Owner


def in_a_child(folder: Path, kind: str = "tmp") -> Path:
    """Return a leftover for ``folder / "a"`` of a process that has ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, os.fsencode(temporary_beside(folder / "a", kind)))
        os._exit(0)
    os.waitpid(child, 0)
    path = Path(os.fsdecode(os.read(reader, 4096)))
    os.close(reader), os.close(writer)
    path.mkdir()
    (path / "coord.npy").touch()
    return path


def test_the_dead_are_swept_and_the_living_are_not(tmp_path: Path) -> None:
    dead, alive = in_a_child(tmp_path), temporary_beside(tmp_path / "a")
    alive.mkdir()
    others = [tmp_path / ".scene.tmp", tmp_path / ".a.b.c.tmp", tmp_path / "a.1.tmp", tmp_path / ".hidden"]
    for path in others:
        path.touch()
    sweep(tmp_path, tmp_path / "missing")
    assert sorted(tmp_path.iterdir()) == sorted([alive, *others]) and not dead.exists()


def test_what_stepped_aside_comes_back_unless_there_is_a_new_one(tmp_path: Path) -> None:
    aside = in_a_child(tmp_path, "old")
    sweep(tmp_path)
    assert (tmp_path / "a" / "coord.npy").is_file() and not aside.exists()
    aside = in_a_child(tmp_path, "old")
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_of_another_machine_only_what_has_been_still_for_long_goes(tmp_path: Path) -> None:
    """Its process id says nothing here, even where it is that of a living or a dead process of ours."""
    paths = [tmp_path / f".a.{'0' * 8}-{pid}-5-0123abcd.tmp" for pid in (os.getpid(), 2**22 - 1)]
    former = tmp_path / ".a.4711.old"  # of an earlier version
    for path in (*paths, former):
        path.mkdir()
    sweep(tmp_path)
    assert all(path.is_dir() for path in (*paths, former))
    (paths[0] / "fresh").touch()
    long_ago = time.time() - AGE - 10
    for path in (*paths, former):
        os.utime(path, (long_ago, long_ago))
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a", paths[0]])


def test_a_later_process_with_the_same_number_is_another_one(tmp_path: Path) -> None:
    own = Owner.current()
    assert own.start > 0 and not own.is_dead()
    assert Owner(own.machine, own.pid, own.start - 1).is_dead()
    assert not Owner(own.machine, 1, 0).is_dead() and not Owner("0" * 8, 2**22 - 1, 1).is_dead()


def test_containers_with_equal_process_ids_never_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {temporary_beside(tmp_path / "a").name for _ in range(100)}
    here = owners.machine()
    monkeypatch.setattr(owners, "machine", lambda: "12345678")
    owners._owner.cache_clear()
    names |= {temporary_beside(tmp_path / "a").name for _ in range(100)}
    owners._owner.cache_clear()
    assert len(names) == 200 and {name.split(".")[2][:8] for name in names} == {here, "12345678"}


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "a"])
def test_long_names_can_be_written(tmp_path: Path, name: str) -> None:
    temporary = temporary_beside(tmp_path / name)
    temporary.touch()
    assert leftovers._OURS.fullmatch(temporary.name)
