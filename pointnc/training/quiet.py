"""Remarks of libraries that a user can do nothing about are not shown."""

from __future__ import annotations

import logging
import threading
import warnings


def quieten() -> None:
    """Drop them in this process."""
    for message in (
        ".*smaller than the logging interval.*",  # a small data set is no mistake
        ".*does not have many workers.*",  # workers are set for the machine
        ".*dataloader is not resumable.*",  # the sampler is
        ".*isinstance.treespec, LeafSpec.*",
        ".*broadcast_buffers.*",  # its successor is not in every torch that is allowed
        ".*`srun` command is available.*",  # torchrun is the launcher, also on a machine that has Slurm
        ".*sync_dist=True.*",  # the scores come from synchronized counts
    ):
        warnings.filterwarnings("ignore", message)
    threading.excepthook = _quiet_thread
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("torch.fx").setLevel(logging.ERROR)


def _quiet_thread(failed: threading.ExceptHookArgs) -> None:
    """Say nothing of tensorboard's writer where its folder is gone or the disk is full: the run itself says so."""
    if not (isinstance(failed.exc_value, OSError) and type(failed.thread).__name__ == "_AsyncWriterThread"):
        threading.__excepthook__(failed)
