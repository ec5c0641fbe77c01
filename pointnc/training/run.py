"""A run from configuration to report: data, training, evaluation, run folder.

The run folder holds ``config.yaml``, ``checkpoints/{best,last}.ckpt``, ``metrics.json``, ``tensorboard/`` and
``report.html``.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from pointnc.errors import Interrupted
from pointnc.losses import losses_with_prior
from pointnc.models.segmentor import Segmentor
from pointnc.runtime import distributed
from pointnc.training import results
from pointnc.training.callbacks import EpochLine, History, SaveCheckpoints
from pointnc.training.checkpoint_io import AtomicCheckpointIO
from pointnc.training.data import RunData, open_data, prepare_data
from pointnc.training.distillation import build_distillation
from pointnc.training.dry_run import dry_run
from pointnc.training.epoch_losses import EpochLosses
from pointnc.training.length import settle_length
from pointnc.training.machine import Machine, machine_of
from pointnc.training.module import SegmentationModule
from pointnc.training.profile import Profile
from pointnc.training.refitting import Outcome, refit_classifier
from pointnc.training.restoring import Restoring
from pointnc.training.run_folder import LAST, claimed_run, find_resume, open_folder
from pointnc.training.settings import check_settings
from pointnc.training.splits import unscored
from pointnc.training.start import load_into, read_start
from pointnc.training.stopwatch import Stopwatch
from pointnc.weights.checkpoint import load_model_state, read_checkpoint
from pointnc.weights.network import build_model
from pointnc.weights.source import Source


def train(config: DictConfig) -> Path:
    """Train, evaluate and report; return the run folder.

    Args:
        config: the composed configuration of ``conf/train.yaml``, or a resumed run's.

    Raises:
        UserError: bad data, configuration or checkpoint.
        Interrupted: Ctrl-C; ``last.ckpt`` resumes the run.
    """
    watch = Stopwatch()
    _quieten()
    check_settings(config)
    machine = machine_of(config)
    distributed.start(machine.device.type)
    try:
        machine.announce()
        start = read_start(config) if config.get("weights") and find_resume(config) is None else None
        with claimed_run(config) as (resume, folder), _explained(folder):
            _train(config, machine, watch, start, resume, folder)
    finally:
        distributed.stop()
    return folder


def _train(
    config: DictConfig, machine: Machine, watch: Stopwatch, start: Source | None, resume: Path | None, folder: Path
) -> None:
    """Train in a folder that is ours."""
    dry_run(config)
    prepare_data(config, watch)
    pl.seed_everything(config.seed, verbose=False)
    data = open_data(config, pin=machine.device.type == "cuda")
    settle_length(config, len(data.train))
    model = build_model(config, data.taxonomy)
    module = build_module(config, data, model)
    _announce(config, folder, data, module, resume)
    if start is not None:
        load_into(model, start, data.taxonomy)
    history = History()
    checkpoints = SaveCheckpoints(folder / "checkpoints", data)
    own = [instantiate(node) for node in (config.get("callbacks") or {}).values()]
    if config.get("profile"):
        own.append(Profile(folder / "profile"))
    # The means of the losses come first, for the others to read; the checkpoints last, to hold what these remember.
    restoring = Restoring(resume)
    own = [EpochLosses(), *own, history, EpochLine(), checkpoints, restoring]
    trainer = build_trainer(config, machine, folder, own)
    if resume is not None:
        load_model_state(module.model, read_checkpoint(resume), data.taxonomy)
    if distributed.rank() == 0:
        open_folder(folder, config)
    with watch.phase("train"), restoring.explained(), distributed.outliving_machines():
        trainer.fit(module, datamodule=data, ckpt_path=str(resume) if resume else None)
    with watch.phase("evaluate"):
        best = read_checkpoint(checkpoints.best if checkpoints.best.is_file() else checkpoints.last)
        load_model_state(module.model, best, data.taxonomy)
        module.load_state_dict(best.data["state_dict"])  # the centers too are those of the best epoch
        trainer.validate(module, datamodule=data, verbose=False)
    outcome = Outcome(best)
    if config.get("refit") and best.before_refit is None:
        with watch.phase("refit"):
            outcome = refit_classifier(instantiate(config.refit), module, data, best, config.workers)
    if distributed.rank() == 0:
        results.write(folder, config, data, module, history.curves, watch, outcome)
    distributed.wait()


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Say how to go on where a signal comes before the first step or after the last one.

    Lightning ends the process by itself then, and its exit code tells nobody that there is no result.

    Raises:
        Interrupted: instead of KeyboardInterrupt and SystemExit.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        last = folder / LAST
        how = f"go on with: python -m pointnc.train resume={last}" if last.is_file() else "no step was saved yet"
        raise Interrupted(f"interrupted; {how}") from None


def build_module(config: DictConfig, data: RunData, model: Segmentor) -> SegmentationModule:
    """Build loss, regularizer and schedules around a network."""
    regularizer = instantiate(
        config.regularizer, num_classes=len(data.taxonomy), in_channels=model.backbone.out_channels
    )
    if regularizer.log_prior != "off":
        regularizer.set_prior(torch.from_numpy(data.class_counts(regularizer.log_prior)))
    loss = instantiate(config.loss)
    for part in losses_with_prior(loss):
        part.set_prior(torch.from_numpy(data.class_counts(part.needs_prior)))
    return SegmentationModule(
        model=model,
        loss=loss,
        regularizer=regularizer,
        taxonomy=data.taxonomy,
        optimizer=instantiate(config.optimizer),
        schedule=instantiate(config.schedule),
        config=OmegaConf.to_container(config, resolve=True),  # type: ignore[arg-type]
        measure_collapse=config.get("measure_collapse", True),
        distillation=build_distillation(config, data.taxonomy, model.backbone.out_channels),
    )


def build_trainer(config: DictConfig, machine: Machine, folder: Path, callbacks: list[pl.Callback]) -> pl.Trainer:
    """Build the Lightning trainer: device and precision as settled, ranks by torchrun, a bar on a terminal."""
    logger = instantiate(config.logger)(save_dir=str(folder)) if config.get("logger") else False
    bar = sys.stdout.isatty() and distributed.rank() == 0
    if bar:
        from pytorch_lightning.callbacks import RichProgressBar

        callbacks = [*callbacks, RichProgressBar()]
    return instantiate(
        config.trainer,
        accelerator=machine.device.type,
        precision=machine.precision,
        **distributed.trainer_arguments(),
        callbacks=callbacks,
        logger=logger,
        plugins=[AtomicCheckpointIO()],
        default_root_dir=str(folder),
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=bar,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )


def _quieten() -> None:
    """Drop the remarks of libraries that a user can do nothing about."""
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


def _announce(config: DictConfig, folder: Path, data: RunData, module: SegmentationModule, resume: Path | None) -> None:
    if distributed.rank() != 0:
        return
    parameters = sum(p.numel() for p in module.model.parameters())
    print(
        f"{config.choice.dataset}: {len(data.train.dataset)} training and {len(data.val_dataset)} validation scenes, "  # type: ignore[arg-type]
        f"{len(data.taxonomy)} classes; {config.choice.model}: {parameters / 1e6:.2f} M parameters; "
        f"regularizer {config.choice.regularizer}\nrun folder {folder}"
        + (f", resumed from {resume}" if resume else ""),
        flush=True,
    )
    of_backbone: list[str] = getattr(module.model.backbone, "remarks", list)()
    for remark in [*unscored(data.store, config.dataset, data.taxonomy), *module.regularizer.remarks(), *of_backbone]:
        print(remark, flush=True)
