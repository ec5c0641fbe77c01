"""The settings that a slip of the keyboard makes nonsense of, checked before anything is done."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf

from pointnc.checks import check_switch, check_whole
from pointnc.errors import UserError
from pointnc.runtime import distributed

WHOLE = {
    "seed": 0,
    "batch_size": 1,
    "workers": 0,
    "trainer.max_epochs": 1,
    "trainer.accumulate_grad_batches": 1,
    "trainer.check_val_every_n_epoch": 1,
}
"""Whole numbers and the least that each may be."""

OPEN = ("trainer.max_epochs", "trainer.check_val_every_n_epoch")
"""What may be left out where ``steps`` says how long the training is."""

MOST = {"batch_size": 65536, "workers": 1024}
"""The most that a number may be: above it stands a slip, or an untrusted checkpoint that wants all memory."""

SWITCHES = ("device_transforms", "measure_collapse", "profile", "trainer.sync_batchnorm", "optimizer.nesterov")
"""What is true or false beside the arguments of our own classes, which check theirs: Hydra reads ``no`` and ``off`` as
words, and in Python a word is as good as true."""

POSITIVE = ("dataset.voxel_size", "optimizer.lr")
"""Numbers above 0."""


def check_settings(config: DictConfig) -> None:
    """Refuse settings of the wrong kind.

    Raises:
        UserError: the message names the setting and what it must be.
    """
    for key, least in WHOLE.items():
        value = OmegaConf.select(config, key)
        if value is None and key in OPEN and config.get("steps") is not None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise UserError(f"{key}={value}: it must be a whole number, at least {least}", code="option")
        if value > MOST.get(key, value):
            raise UserError(f"{key}={value}: it must be at most {MOST[key]}", code="option")
    check_whole("steps", config.get("steps"), least=1, optional=True)
    for key in POSITIVE:
        value = OmegaConf.select(config, key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
            raise UserError(f"{key}={value}: it must be a number above 0", code="option")
    for key in SWITCHES:
        if (switch := OmegaConf.select(config, key)) is not None:  # a run of an earlier version lacks some
            check_switch(key, switch)
    if config.trainer.get("sync_batchnorm") and config.model.get("checkpointing"):
        raise UserError(
            "trainer.sync_batchnorm=true with model.checkpointing=true would count every batch twice in the running "
            "statistics: choose one of the two",
            code="conflicting-settings",
        )
    devices = config.trainer.devices
    if distributed.world_size() == 1 and devices not in ("auto", 1):
        raise UserError(
            f"trainer.devices={devices}: one process drives one device; start several by "
            "torchrun --nproc-per-node N -m pointnc.train …",
            code="option",
        )
