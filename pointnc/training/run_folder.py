"""Where a run lives, and how an interrupted one is found again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from pointnc.errors import Interrupted, UserError
from pointnc.files.atomic import write_text
from pointnc.files.leftovers import sweep
from pointnc.files.locks import hold
from pointnc.runtime import distributed

LAST = Path("checkpoints") / "last.ckpt"


def how_to_go_on(last: Path) -> str:
    """Return the command that goes on from a checkpoint, with as many processes."""
    return f"go on with: {distributed.launcher()} -m pointnc.train resume={last}"


class Place(NamedTuple):
    """Where a run is to live, as the command line has it.

    Attributes:
        name: of the folder below ``runs/`` where none is given.
        run_dir: a folder.
        resume: a checkpoint to go on with, its run folder, or "auto".
    """

    name: str
    run_dir: str | None
    resume: str | None

    @property
    def home(self) -> Path:
        """The folder of the runs of this name."""
        return Path("runs") / self.name


@contextmanager
def claimed_run(place: Place) -> Iterator[tuple[Path | None, Path]]:
    """Make the run folder and hold it: no other process trains in it meanwhile. What was begun and left empty goes.

    Gives the checkpoint to resume from (or None) and the folder, the same on every rank.

    Raises:
        UserError: the checkpoint to resume from does not exist, or the folder holds another run, or another process
            trains in it.
    """
    with ExitStack() as stack:
        answer: tuple[Path | None, Path] | UserError | None
        try:
            answer = _claim(place, stack) if distributed.rank() == 0 else None
        except UserError as error:
            answer = error
        except OSError as error:
            line = f"cannot write into the run folder {error.filename} ({error.strerror}); give run_dir=FOLDER"
            answer = UserError(line, code="file-access")
        answer = distributed.agree(answer)
        if isinstance(answer, UserError):
            raise answer
        yield answer


def _claim(place: Place, stack: ExitStack) -> tuple[Path | None, Path]:
    """Make and lock the folder until the stack unwinds."""
    resume = find_resume(place)
    if place.run_dir is not None or resume is not None:
        folder = Path(place.run_dir) if place.run_dir is not None else resume.parent.parent  # type: ignore[union-attr]
        made = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    else:
        folder = place.home / time.strftime("%Y-%m-%d_%H-%M-%S")
        made = [one for one in folder.parents if not one.exists()]
        folder.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                folder.mkdir()  # whoever makes it has it, be there ever so many runs in one second
                break
            except FileExistsError:
                folder = folder.with_name(folder.name + "+")
        made.insert(0, folder)
    stack.callback(_remove_empty, made)
    stack.enter_context(hold(folder, doing="trains"))
    if resume is None and (folder / LAST).is_file():
        raise UserError(
            f"{folder} holds a run already: add resume=auto to go on with it, or give another run_dir=", code="exists"
        )
    sweep(folder, folder / LAST.parent)
    return resume, folder


def _remove_empty(folders: list[Path]) -> None:
    """Remove what was made for a run that then had nothing to write, the innermost folder first."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def write_config(folder: Path, config_yaml: str) -> None:
    """Write the configuration into a run's folder.

    Raises:
        UserError: it cannot be written.
    """
    try:
        write_text(folder / "config.yaml", config_yaml)
    except OSError as error:
        raise UserError(
            f"cannot write into the run folder {folder} ({error.strerror}); give run_dir=FOLDER", code="file-access"
        ) from None


def find_resume(place: Place) -> Path | None:
    """Return the checkpoint that ``resume=`` means, None where there is none to go on with.

    Raises:
        UserError: a named checkpoint does not exist.
    """
    if place.resume is None:
        return None
    if place.resume == "auto":
        folders = [Path(place.run_dir)] if place.run_dir is not None else list(place.home.glob("*"))
        found = [folder / LAST for folder in folders if (folder / LAST).is_file()]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)
    path = Path(place.resume)
    path = path / LAST if path.is_dir() else path
    if not path.is_file():
        raise UserError(
            f"resume: no checkpoint at {path.absolute()}; give a last.ckpt, a run folder, or resume=auto",
            code="missing-file",
        )
    return path


@contextmanager
def telling_how_to_go_on(folder: Path) -> Iterator[None]:
    """Say how to go on where a signal comes before the first step or after the last one.

    Lightning ends the process by itself then, and its exit code tells nobody that there is no result.

    Raises:
        Interrupted: instead of KeyboardInterrupt and SystemExit.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        last = folder / LAST
        how = how_to_go_on(last) if last.is_file() else "no step was saved yet"
        raise Interrupted(f"interrupted; {how}") from None


KEPT = ("best", "last")
"""Names of the checkpoints of a run that can be used."""


def newest_run(home: Path = Path("runs")) -> Path:
    """Return the folder of the run below ``home`` that has saved a checkpoint last.

    Raises:
        UserError: there is none.
    """
    # runs/<name>/<time>, and what was named by run_dir=runs/NAME
    saved = [path for depth in ("*", "*/*") for path in home.glob(f"{depth}/checkpoints/*.ckpt") if path.stem in KEPT]
    if not saved:
        raise UserError(f"give checkpoint=RUN: there is no run below {home.absolute()}", code="nothing-there")
    return max(saved, key=lambda path: path.stat().st_mtime).parents[1]
