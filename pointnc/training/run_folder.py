"""Where a run lives, and how an interrupted one is found again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from pointnc.errors import UserError
from pointnc.runtime import distributed
from pointnc.scenes.atomic import write_text
from pointnc.scenes.leftovers import sweep
from pointnc.scenes.locks import hold

LAST = Path("checkpoints") / "last.ckpt"


@contextmanager
def claimed_run(config: DictConfig) -> Iterator[tuple[Path | None, Path]]:
    """Make the run folder and hold it: no other process trains in it meanwhile. What was begun and left empty goes.

    Gives the checkpoint to resume from (or None) and the folder, the same on every rank.

    Raises:
        UserError: the checkpoint to resume from does not exist, or the folder holds another run, or another process
            trains in it.
    """
    with ExitStack() as stack:
        answer: tuple[Path | None, Path] | UserError | None
        try:
            answer = _claim(config, stack) if distributed.rank() == 0 else None
        except UserError as error:
            answer = error
        except OSError as error:
            line = f"cannot write into the run folder {error.filename} ({error.strerror}); give run_dir=FOLDER"
            answer = UserError(line, code="file-access")
        answer = distributed.agree(answer)
        if isinstance(answer, UserError):
            raise answer
        yield answer


def _claim(config: DictConfig, stack: ExitStack) -> tuple[Path | None, Path]:
    """Make and lock the folder until the stack unwinds."""
    resume = find_resume(config)
    if config.run_dir is not None or resume is not None:
        folder = Path(config.run_dir) if config.run_dir is not None else resume.parent.parent  # type: ignore[union-attr]
        made = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    else:
        folder = _home(config) / time.strftime("%Y-%m-%d_%H-%M-%S")
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


def open_folder(folder: Path, config: DictConfig) -> None:
    """Make the run folder, with the resolved configuration in it.

    Raises:
        UserError: it cannot be written.
    """
    try:
        write_text(folder / "config.yaml", OmegaConf.to_yaml(config, resolve=True))
    except OSError as error:
        raise UserError(
            f"cannot write into the run folder {folder} ({error.strerror}); give run_dir=FOLDER", code="file-access"
        ) from None


def find_resume(config: DictConfig) -> Path | None:
    """Return the checkpoint that ``resume=`` means, None where there is none to go on with.

    Raises:
        UserError: a named checkpoint does not exist.
    """
    if config.resume is None:
        return None
    if config.resume == "auto":
        places = [Path(config.run_dir)] if config.run_dir is not None else list(_home(config).glob("*"))
        found = [place / LAST for place in places if (place / LAST).is_file()]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)
    path = Path(config.resume)
    path = path / LAST if path.is_dir() else path
    if not path.is_file():
        raise UserError(
            f"resume: no checkpoint at {path.absolute()}; give a last.ckpt, a run folder, or resume=auto",
            code="missing-file",
        )
    return path


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


def resumed_config(config: DictConfig, overrides: list[str]) -> DictConfig:
    """Return the configuration to run: a resumed run's own one with the command line's single values over it.

    Args:
        config: what the command line composed.
        overrides: the command line.

    Raises:
        UserError: see :func:`pointnc.training.resumed.go_on`.
    """
    path = find_resume(config)
    if path is None:
        return config
    from pointnc.training.resumed import go_on

    return go_on(path, config, overrides)


def _home(config: DictConfig) -> Path:
    return Path("runs") / "-".join([config.choice.dataset, config.choice.model, config.choice.regularizer])
