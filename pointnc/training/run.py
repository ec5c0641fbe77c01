"""A run from configuration to report: data, training, evaluation, run folder.

The run folder holds ``config.yaml``, ``checkpoints/{best,last}.ckpt``, ``metrics.json``, ``tensorboard/`` and
``report.html``.
"""

from __future__ import annotations

from pathlib import Path

import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from pointnc.checks import check_number
from pointnc.runtime import distributed
from pointnc.training import results
from pointnc.training.announcement import announce
from pointnc.training.building import build_module, dry_run
from pointnc.training.callbacks import EpochLine, History, SaveCheckpoints
from pointnc.training.data import Loading, open_data, prepare_data
from pointnc.training.epoch_losses import EpochLosses
from pointnc.training.fine_tuning import (
    inherited_license,
    input_features,
    load_into,
    network_node,
    short_name,
    tell_input,
)
from pointnc.training.length import check_length, length_in_words, settle_length
from pointnc.training.machine import Machine, machine_of
from pointnc.training.profile import Profile
from pointnc.training.quiet import quieten
from pointnc.training.refit_phase import Outcome, refit_classifier
from pointnc.training.restoring import Restoring
from pointnc.training.resumed import place_of
from pointnc.training.run_folder import claimed_run, find_resume, telling_how_to_go_on, write_config
from pointnc.training.stopwatch import Stopwatch
from pointnc.training.trainer import build_trainer, check_trainer
from pointnc.weights.architecture import engine_of, is_transformer
from pointnc.weights.checkpoint import load_model_state, read_checkpoint
from pointnc.weights.network import build_model
from pointnc.weights.source import Source, open_source
from pointnc.weights.trust import trusted


def train(config: DictConfig) -> Path:
    """Train, evaluate and report; return the run folder.

    Args:
        config: the composed configuration of ``conf/train.yaml``, or a resumed run's.

    Raises:
        UserError: bad data, configuration or checkpoint.
        Interrupted: Ctrl-C; ``last.ckpt`` resumes the run.
    """
    watch = Stopwatch()
    quieten()
    loading = Loading(
        config.get("seed"),
        config.get("batch_size"),
        config.get("workers"),
        config.get("sampling", "uniform"),
        config.get("device_transforms", False),
    )
    check_length(config.trainer, config.get("steps"))
    recomputes = config.model.get("checkpointing", False) and not is_transformer(config.model)
    check_trainer(config.trainer, recomputes)
    machine = machine_of(config.trainer.accelerator, str(config.trainer.precision), engine_of(config.model))
    distributed.start(machine.device.type)
    try:
        machine.announce()
        place = place_of(config)
        start = _start(config) if config.get("weights") and find_resume(place) is None else None
        with claimed_run(place) as (resume, folder), telling_how_to_go_on(folder):
            _train(config, loading, machine, watch, start, resume, folder)
    finally:
        distributed.stop()
    return folder


def _train(
    config: DictConfig,
    loading: Loading,
    machine: Machine,
    watch: Stopwatch,
    start: Source | None,
    resume: Path | None,
    folder: Path,
) -> None:
    """Train in a folder that is ours."""
    dry_run(config)
    prepare_data(config.dataset.get("prepare"), watch)
    pl.seed_everything(config.seed, verbose=False)
    data = open_data(
        config.dataset, config.augmentation, config.get("insertion"), loading, pin=machine.device.type == "cuda"
    )
    settle_length(config.trainer, config.get("steps"), len(data.train))
    model = build_model(config.model, config.get("head"), config.dataset.features, len(data.taxonomy))
    module = build_module(config, data.taxonomy, model, data.class_counts)
    length = length_in_words(config.trainer, len(data.train), config.batch_size, distributed.world_size())
    announce(config.choice, config.dataset, folder, data, module, resume, length, _remarks(config))
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
    trainer = build_trainer(config.trainer, config.get("logger"), machine, folder, own)
    if resume is not None:
        load_model_state(module.model, read_checkpoint(resume), data.taxonomy)
    written = OmegaConf.to_yaml(config, resolve=True)
    if distributed.rank() == 0:
        write_config(folder, written)
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
        results.write(folder, config.choice, written, data, module, history.curves, watch, outcome)
    distributed.wait()


def _remarks(config: DictConfig) -> list[str]:
    """Return what a user should know of settings that hardly go together."""
    if is_transformer(config.model) and config.optimizer.get("_target_") == "torch.optim.SGD":
        return ["transformers learn badly by SGD: optimizer=adamw optimizer.lr=0.001 (experiment=scannet200_volt)"]
    return []


def _start(config: DictConfig) -> Source:
    """Read what ``weights=`` names; its network, input channels and name replace the configuration's.

    Raises:
        UserError: the weights are missing, damaged or not pointnc's, or of a network that is not trusted.
    """
    check_number("dataset.voxel_size", config.dataset.get("voxel_size"), above=0)
    start = open_source(config.weights, trusted(config.get("trust")))
    config.dataset.features = list(input_features(config.model, start))
    config.model = network_node(config.model, start)
    config.choice.model = short_name(start.path)
    OmegaConf.update(config, "weights_license", inherited_license(start), force_add=True)
    tell_input(start, config.model, config.dataset.features, config.dataset.voxel_size)
    return start
