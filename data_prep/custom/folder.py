"""The folder convention of one's own data: ``<root>/<split>/``, and in it one file (or store folder) a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from data_prep.custom.labels import beside
from pointnc.clouds.formats import SUFFIXES as CLOUDS
from pointnc.clouds.label_file import SUFFIXES as LABELS
from pointnc.errors import UserError

LEFT = ("thumbs.db", "desktop.ini", "__macosx")
"""What systems leave in folders."""


@dataclass(frozen=True)
class Room:
    """One scene to read.

    Attributes:
        split: the folder that it is in.
        name: of the scene: the file's name without its suffix.
        path: the file, or the folder of a store's scene.
        labels: the file beside it with its labels; None where they are not in a file of their own.
    """

    split: str
    name: str
    path: Path
    labels: Path | None = None

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.split}/{self.path.name}"

    def state(self) -> list[list[str | int]]:
        """Return name, size and time of change of its files: another state, another content."""
        return [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in self.files()]

    def files(self) -> list[Path]:
        """Return what it is read from."""
        files = sorted(self.path.glob("[!.]*.npy")) if self.path.is_dir() else [self.path]
        return files if self.labels is None else [*files, self.labels]


def find_rooms(
    root: Path, splits: Sequence[str] | None = None, files: str = "*", labels: str | None = None
) -> tuple[list[Room], dict[str, str]]:
    """Return what is in the folders of the splits, sorted, and what is wrong with what cannot be read.

    Args:
        root: the folder.
        splits: which of its folders; None for all.
        files: pattern that names must match.
        labels: what the names of files with labels have behind those of their clouds; see
            :func:`data_prep.custom.labels.open_labeled`.

    Returns:
        The rooms, and file ("train/a.obj") to a line.

    Raises:
        UserError: the folder or a split is missing, or there is nothing to read.
    """
    if not root.is_dir():
        raise UserError(
            f"root={root} is no folder: it must hold train/, val/, ... with one file a scene", code="missing-file"
        )
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    folders = [path for path in folders if path.name.lower() not in LEFT]
    folders = [path for path in folders if not (path / "coord.npy").is_file()]
    if splits is not None:
        missing = [split for split in splits if split not in {path.name for path in folders}]
        if missing:
            there = ", ".join(path.name for path in folders) or "none"
            raise UserError(f"root={root} has no folder {missing[0]!r}; its folders are: {there}", code="missing-file")
        folders = [path for path in folders if path.name in splits]
    rooms: list[Room] = []
    failures: dict[str, str] = {}
    for folder in folders:
        names: dict[str, str] = {}
        inside = sorted(folder.iterdir())
        stems = {path.stem for path in inside if path.suffix.lower() in CLOUDS}
        for path in inside:
            if path.name.startswith(".") or path.name.lower() in LEFT or not fnmatch(path.name, files):
                continue
            place = f"{folder.name}/{path.name}"
            if labels and path.name.endswith(labels) and path.name[: -len(labels)] in stems:
                continue
            if path.is_dir():
                if not (path / "coord.npy").is_file():
                    failures[place] = "a folder without coord.npy is no scene; files must be in the split's folder"
                    continue
            elif path.suffix.lower() in LABELS and path.stem in stems:
                failures[place] = f"if it holds the labels of the cloud beside it, give labels={path.suffix}"
                continue
            elif path.suffix.lower() not in CLOUDS:
                failures[place] = (
                    f"unknown format {path.suffix or 'without a suffix'}; known are {', '.join(CLOUDS)} "
                    "(files='*.ply' would leave it out)"
                )
                continue
            name = path.name if path.is_dir() else path.stem
            if name in names:
                failures[place] = f"{names[name]} beside it has the same name; rename one"
                continue
            names[name] = path.name
            own = None if labels is None else beside(path, labels)
            rooms.append(Room(folder.name, name, path, own if own is not None and own.is_file() else None))
    if not rooms:
        loose = [path for path in root.iterdir() if path.suffix.lower() in CLOUDS or (path / "coord.npy").is_file()]
        where = f"{len(loose)} are in it directly: move them into train/ and val/" if loose else "nothing can be read"
        first = next((f" ({place}: {line})" for place, line in failures.items()), "")
        raise UserError(f"root={root} holds no point cloud in <split>/: {where}{first}", code="nothing-there")
    return rooms, failures
