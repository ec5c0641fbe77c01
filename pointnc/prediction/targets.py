"""Where results go: beside nothing that they would harm."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointnc.errors import UserError
from pointnc.files.atomic import write_json
from pointnc.scenes.legend import LEGEND
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.untrusted.json_file import read_json

PICTURE = "_labels.ply"
"""What the name of a colored copy ends with."""


@dataclass(frozen=True)
class Targets:
    """What becomes of one input.

    Attributes:
        labeled: the same file or scene with labels.
        picture: its points in the colors of their classes; None where none is asked for.
    """

    labeled: Path
    picture: Path | None = None

    @classmethod
    def of(cls, source: Path, out: Path, colors: bool = False) -> Targets:
        """Return names in ``out`` after the source's full name, so that two formats of one cloud have two pictures.

        An e57 or a raw scan becomes a ply, since these cannot have further fields. ``.`` and ``..`` have the name of
        the folder that they mean.

        Raises:
            UserError: the source has no name of its own (the root of a disk).
        """
        name = result_name(source)
        if not name:
            raise UserError(f"{source} has no name that the result could bear", code="bad-name")
        return cls(out / name, out / f"{name}{PICTURE}" if colors else None)

    def paths(self) -> list[Path]:
        """Return all of them."""
        return [self.labeled] if self.picture is None else [self.labeled, self.picture]


class OutputFolder:
    """Knows what must not be touched: the inputs, what another input became, and what stands there already.

    Args:
        out: the folder; it need not exist.
        inputs: all files and scenes of the run.
        overwrite: whether earlier results may be replaced. Even then, only a file replaces a file, and only a scene
            a scene.

    Raises:
        UserError: ``out`` is a file, or is in a scene that is to be read.
    """

    def __init__(self, out: Path, inputs: Sequence[Path], overwrite: bool = False) -> None:
        self.out, self.overwrite = out, overwrite
        real = _real(out)
        for place in (real, *real.parents):
            if place.exists() and not place.is_dir():
                raise UserError(f"out={out}: {place} is a file; give a folder", code="path-kind")
        # By device and inode: a file has many paths.
        self._inputs = {_identity(path): path for path in inputs}
        self._around = {_identity(place): path for path in inputs for place in _real(path).parents}
        self._written: dict[tuple[int, int] | None, Path] = {}
        for place in (real, *real.parents):
            identity = _identity(place)
            source = None if identity is None else self._inputs.get(identity)
            if source is not None:
                raise UserError(
                    f"out={out} is in the scene {source} that is to be read; give a folder elsewhere",
                    code="overwrites-input",
                )

    def targets(self, source: Path, colors: bool = False) -> Targets:
        """Return what may be written for an input.

        Raises:
            UserError: one of the paths is taken; nothing was written.
        """
        targets = Targets.of(source, self.out, colors)
        for path in targets.paths():
            self._check(path, source, folder=source.is_dir() and path == targets.labeled)
        return targets

    def note(self, targets: Targets) -> None:
        """Remember what was written: no other input of this run replaces it."""
        for path in targets.paths():
            self._written[_identity(path)] = path

    def _check(self, path: Path, source: Path, folder: bool) -> None:
        if _real(path).parent != _real(self.out):
            raise UserError(
                f"{path} leads out of {self.out}; give {source} another name or another out=", code="bad-name"
            )
        if path.name.casefold() == LEGEND:
            raise UserError(f"{source}: {path} is where the classes are listed; give it another name", code="bad-name")
        if not path.exists():
            if path.is_symlink():
                raise UserError(f"{path} is a link to nothing; remove it, or give another out=", code="not-ours")
            return
        identity = _identity(path)
        if identity in self._written:
            raise UserError(
                f"{source}: another input was written to {path} already; give them other names", code="name-taken"
            )
        if identity in self._inputs:
            raise UserError(
                f"{self._inputs[identity]} would be overwritten: give another out=", code="overwrites-input"
            )
        if identity in self._around:
            raise UserError(
                f"{path} holds {self._around[identity]}, which is to be read: give another out=",
                code="overwrites-input",
            )
        if not self.overwrite:
            raise UserError(f"{path} exists; give another out= or overwrite=true", code="exists")
        if folder and not _is_scene(path):
            raise UserError(
                f"{path} is no scene (a folder of files, with coord.npy) and is not replaced; move it away",
                code="not-ours",
            )
        if not folder and not path.is_file():
            raise UserError(f"{path} is no file and is not replaced; move it away", code="not-ours")

    def check_classes(self, taxonomy: Taxonomy) -> None:
        """Refuse to lose a list of other classes, which labels that are beside it may need.

        Raises:
            UserError: there is one, and ``overwrite`` was not given; or it is no file.
        """
        path = self.out / LEGEND
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise UserError(
                f"{path} is no file and is not replaced; move it away, or give another out=", code="not-ours"
            )
        if path.exists() and not self.overwrite and _read(path) != _classes(taxonomy):
            raise UserError(
                f"{path} lists other classes than {taxonomy.name}; give another out= or overwrite=true",
                code="other-taxonomy",
            )

    def write_classes(self, taxonomy: Taxonomy) -> Path:
        """Write ``classes.json``: id to name and color of every class."""
        path = self.out / LEGEND
        write_json(path, _classes(taxonomy))
        return path


def rivals(inputs: Mapping[str, Path]) -> dict[str, str]:
    """Return for each input the result that it may want to write: where two want the same, the first one has it.

    So whoever shares inputs out must leave these to one process, in their order.
    """
    return {key: result_name(path).casefold().removesuffix(PICTURE) for key, path in inputs.items()}


def result_name(source: Path) -> str:
    """Return what the result of an input is called, "" where it can have no name.

    An e57 and a raw scan become a ply, a COPC file (``.copc.laz``) a plain laz.
    """
    name = source.name if source.name not in ("", "..") else _real(source).name
    if name.lower().endswith(".copc.laz"):
        return f"{name[: -len('.copc.laz')]}.laz"
    return f"{Path(name).stem}.ply" if source.suffix.lower() in (".e57", ".bin") else name


def _classes(taxonomy: Taxonomy) -> dict[str, Any]:
    return {
        str(number): {"name": name, "color": list(color)}
        for number, name, color in zip(taxonomy.ids, taxonomy.names, taxonomy.colors)
    }


def _read(path: Path) -> Any:
    try:
        return read_json(path, "remove it")
    except (OSError, UserError):
        return None


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from every other; None where there is none that can be reached."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # resolve() raises where links go in a circle


def _is_scene(path: Path) -> bool:
    return (path / "coord.npy").is_file() and not any(one.is_dir() for one in path.iterdir())
