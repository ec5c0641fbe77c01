"""Loggers that need more than a line of configuration."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import WandbLogger

from pointnc.errors import UserError


def wandb_runs(**settings: Any) -> Callable[..., WandbLogger]:
    """Return what starts a run of Weights & Biases in a run folder, given as ``save_dir``.

    Args:
        **settings: of Lightning's ``WandbLogger``.

    Raises:
        UserError: the package is missing; or, when the run starts, nobody is logged in or the server does not answer.
    """
    if find_spec("wandb") is None:
        raise UserError(
            "logger=wandb: not installed; pip install 'pointnc[wandb]', or take logger=tensorboard", code="no-package"
        )

    def start(save_dir: str) -> WandbLogger:
        import wandb

        if wandb.run is not None:
            wandb.finish()  # the run before this one, in a sweep
        logger = WandbLogger(**{"name": "/".join(Path(save_dir).parts[-2:]), **settings, "save_dir": save_dir})
        try:
            _ = logger.experiment  # opens the run: what is wrong shall be seen before the first step
        except wandb.errors.Error as error:
            reason = f"logger=wandb: {error}".rstrip(".")
            raise UserError(
                f"{reason}; or add logger.mode=offline, and send the run later by wandb sync", code="no-server"
            ) from None
        return logger

    return start
