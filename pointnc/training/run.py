"""A run from configuration to report: data, training, evaluation, run folder.

The run folder holds ``config.yaml``, ``checkpoints/{best,last}.ckpt``, ``metrics.json``, ``tensorboard/`` and
``report.html``.
"""

from __future__ import annotations

from pathlib import Path

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from pointnc.checks import check_number, check_probability, check_switch, of_node
from pointnc.data.features import feature_channels
from pointnc.errors import UserError
from pointnc.losses import losses_with_prior
from pointnc.models.segmentor import Segmentor
from pointnc.runtime import distributed
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.training import results
from pointnc.training.announcement import announce
from pointnc.training.callbacks import EpochLine, History, SaveCheckpoints
from pointnc.training.data import Loading, RunData, open_data, prepare_data
from pointnc.training.distillation import Distillation, build_distillation
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
from pointnc.training.module import SegmentationModule
from pointnc.training.parameter_groups import parameter_groups
from pointnc.training.profile import Profile
from pointnc.training.quiet import quieten
from pointnc.training.refit_phase import Outcome, refit_classifier
from pointnc.training.restoring import Restoring
from pointnc.training.resumed import place_of
from pointnc.training.run_folder import claimed_run, find_resume, telling_how_to_go_on, write_config
from pointnc.training.stopwatch import Stopwatch
from pointnc.training.trainer import build_trainer, check_trainer
from pointnc.weights.architecture import TARGETS, Architecture, engine_of, is_transformer
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
    module = build_module(config, data, model)
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


def dry_run(config: DictConfig) -> None:
    """Build all parts of a run but its data, and throw them away.

    The loss is also taken of one point of each class. A data set whose classes stand in a store that its ``prepare``
    has yet to make is passed over: then the same mistakes are found after that.

    Args:
        config: of a run.

    Raises:
        UserError: a setting is out of range, or does not fit the classes; or a store that nothing makes is missing.
        HydraException: a part cannot be built.
    """
    if config.dataset.get("prepare") is None:
        SceneStore(config.dataset.store, hint=config.dataset.hint)  # the likelier mistake, and the quicker one to find
    if config.get("logger"):
        instantiate(config.logger)  # one whose package is missing
    check_number("dataset.voxel_size", config.dataset.get("voxel_size"), above=0)
    check_number("optimizer.lr", config.optimizer.get("lr"), above=0)
    check_probability("augmentation.mix_probability", config.augmentation.get("mix_probability", 0))
    for key in ("measure_collapse", "profile", "optimizer.nesterov"):
        if (switch := OmegaConf.select(config, key)) is not None:  # a run of an earlier version lacks some
            check_switch(key, switch)
    try:
        taxonomy: Taxonomy = instantiate(config.dataset.taxonomy)
    except Exception:
        if config.dataset.get("prepare") is None:
            raise
        return
    num_classes = len(taxonomy)
    model = build_model(config.model, config.get("head"), config.dataset.features, num_classes)
    if str(config.model.get("_target_")) in TARGETS:  # what its checkpoint could not say is not trained
        Architecture.of(config.model, feature_channels(config.dataset.features))
    regularizer = instantiate(config.regularizer, num_classes=num_classes, in_channels=model.backbone.out_channels)
    loss = instantiate(config.loss)
    for part in losses_with_prior(loss):
        part.set_prior(torch.ones(num_classes))
    with of_node("loss"):
        loss(torch.zeros(num_classes, num_classes), torch.arange(num_classes))
    instantiate(config.augmentation.transforms)
    for node in [config.get("refit"), *(config.get("callbacks") or {}).values()]:
        if node:
            instantiate(node)
    learning = nn.ModuleDict({"model": model, "regularizer": regularizer})
    if (distillation := _build_distillation(config, taxonomy, model)) is not None:
        learning["distillation"] = distillation
    parameters = [(name, parameter) for name, parameter in learning.named_parameters() if parameter.requires_grad]
    try:
        optimizer = instantiate(config.optimizer)(
            parameter_groups(parameters, config.get("learning_rates") or {}, config.optimizer.lr)
        )
    except (TypeError, ValueError) as error:  # torch's own checks, which name the option
        raise UserError(f"optimizer: {error}", code="option") from None
    try:
        with of_node("schedule"):
            instantiate(config.schedule)(optimizer, total_steps=1)
    except TypeError as error:
        raise UserError(f"schedule: {error}", code="option") from None


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
        distillation=_build_distillation(config, data.taxonomy, model),
    )


def _build_distillation(config: DictConfig, taxonomy: Taxonomy, model: Segmentor) -> Distillation | None:
    if not config.get("distillation"):
        return None
    return build_distillation(
        config.distillation,
        taxonomy,
        tuple(config.dataset.features),
        config.dataset.voxel_size,
        model.backbone.out_channels,
        trusted(config.get("trust")),
    )
