"""Lightning's trainer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig

from pointnc.checks import check_switch
from pointnc.errors import UserError
from pointnc.runtime import distributed
from pointnc.training.checkpoint_io import AtomicCheckpointIO
from pointnc.training.machine import Machine


def check_trainer(node: DictConfig, recomputes: bool) -> None:
    """Refuse settings that Lightning would take for something else.

    Args:
        node: those of ``conf/trainer``.
        recomputes: whether the network computes batch norms again in the backward pass.

    Raises:
        UserError: the message names the setting.
    """
    synchronized = node.get("sync_batchnorm")
    if synchronized is not None:
        check_switch("trainer.sync_batchnorm", synchronized)
    if synchronized and recomputes:
        raise UserError(
            "trainer.sync_batchnorm=true with model.checkpointing=true would count every batch twice in the running "
            "statistics: choose one of the two",
            code="conflicting-settings",
        )
    if distributed.world_size() == 1 and node.devices not in ("auto", 1):
        raise UserError(
            f"trainer.devices={node.devices}: one process drives one device; start several by "
            "torchrun --nproc-per-node N -m pointnc.train …",
            code="option",
        )


def build_trainer(
    node: DictConfig, logger: DictConfig | None, machine: Machine, folder: Path, callbacks: list[pl.Callback]
) -> pl.Trainer:
    """Build the Lightning trainer: device and precision as settled, ranks by torchrun, a bar on a terminal.

    Args:
        node: its settings, those of ``conf/trainer``.
        logger: those of ``conf/logger``.
        machine: what it computes with.
        folder: of the run.
        callbacks: of ours.
    """
    bar = sys.stdout.isatty() and distributed.rank() == 0
    if bar:
        from pytorch_lightning.callbacks import RichProgressBar

        callbacks = [*callbacks, RichProgressBar()]
    return instantiate(
        node,
        accelerator=machine.device.type,
        precision=machine.precision,
        **distributed.trainer_arguments(),
        callbacks=callbacks,
        logger=instantiate(logger)(save_dir=str(folder)) if logger else False,
        plugins=[AtomicCheckpointIO()],
        default_root_dir=str(folder),
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=bar,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
