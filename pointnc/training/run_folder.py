"""Where a run lives, and how an interrupted one is found again."""

from __future__ import annotations

import time
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from pointnc.errors import UserError
from pointnc.scenes.atomic import write_text
from pointnc.training import distributed

LAST = Path("checkpoints") / "last.ckpt"


def place_run(config: DictConfig) -> tuple[Path | None, Path]:
    """Return the checkpoint to resume from (or None) and the run folder, the same on every rank.

    Raises:
        UserError: the checkpoint to resume from does not exist, or the folder holds another run.
    """
    resume = find_resume(config)
    if config.run_dir is not None:
        folder = Path(config.run_dir)
    elif resume is not None:
        folder = resume.parent.parent
    else:
        folder = _home(config) / time.strftime("%Y-%m-%d_%H-%M-%S")
        while folder.exists():  # a sweep starts several runs in one second
            folder = folder.with_name(folder.name + "+")
    resume, folder = distributed.agree((resume, folder))
    if resume is None and (folder / LAST).is_file():
        raise UserError(f"{folder} holds a run already: add resume=auto to go on with it, or give another run_dir=")
    return resume, folder


def open_folder(folder: Path, config: DictConfig) -> None:
    """Make the run folder, with the resolved configuration in it.

    Raises:
        UserError: it cannot be written.
    """
    try:
        write_text(folder / "config.yaml", OmegaConf.to_yaml(config, resolve=True))
    except OSError as error:
        raise UserError(f"cannot write into the run folder {folder} ({error.strerror}); give run_dir=FOLDER") from None


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
        raise UserError(f"resume: no checkpoint at {path.absolute()}; give a last.ckpt, a run folder, or resume=auto")
    return path


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
