"""Whole or not at all, and what stood there is never lost to a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointnc.errors import UserError
from pointnc.scenes.atomic import atomic_path, write_text


def contents(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_folder_replaces_a_folder_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for number in range(2):
        with atomic_path(tmp_path / "a") as temporary:
            temporary.mkdir()
            (temporary / str(number)).touch()
    assert contents(tmp_path) == ["a", "a/1"]


def test_a_folder_whose_successor_fails_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").touch()
    replace = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if self.suffix == ".tmp":
            raise OSError("no")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="no"), atomic_path(tmp_path / "a") as temporary:
        temporary.mkdir()
    assert contents(tmp_path) == ["a", "a/old"]


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
    with pytest.raises(UserError, match="names no file or folder"), atomic_path(name) as temporary:
        temporary.mkdir()
    assert contents(tmp_path) == ["here", "here/inner"]


def test_neither_kind_replaces_the_other(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a folder, and a file"):
        write_text(tmp_path / "folder", "text")
    with pytest.raises(UserError, match="is a file, and a folder"), atomic_path(tmp_path / "file") as temporary:
        temporary.mkdir()
    assert contents(tmp_path) == ["file", "folder"]


def test_a_link_is_replaced_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "precious").touch()
    (tmp_path / "link").symlink_to(tmp_path / "far", target_is_directory=True)
    with atomic_path(tmp_path / "link") as temporary:
        temporary.mkdir()
    assert contents(tmp_path) == ["far", "far/precious", "link"] and not (tmp_path / "link").is_symlink()
