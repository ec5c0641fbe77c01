"""Network, loss, regularizer and schedules of a run from its configuration; a dry run builds them before any work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from pointnc.checks import check_number, check_probability, check_switch, of_node
from pointnc.data.features import feature_channels
from pointnc.errors import UserError
from pointnc.losses import losses_with_prior
from pointnc.models.segmentor import Segmentor
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.training.distillation import build_distillation
from pointnc.training.module import SegmentationModule
from pointnc.weights.architecture import TARGETS, Architecture
from pointnc.weights.network import build_model
from pointnc.weights.trust import trusted


def build_module(
    config: DictConfig, taxonomy: Taxonomy, model: Segmentor, class_counts: Callable[[str], NDArray[np.int64]]
) -> SegmentationModule:
    """Build loss, regularizer and schedules around a network.

    Args:
        config: of a run.
        taxonomy: the K classes.
        model: the network.
        class_counts: returns (K,) how many training "points" belong to each class, or how many "scenes" contain it.

    Raises:
        UserError: a setting is out of range, or does not fit the network.
        HydraException: a part cannot be built.
    """
    width = model.backbone.out_channels
    regularizer = instantiate(config.regularizer, num_classes=len(taxonomy), in_channels=width)
    if regularizer.log_prior != "off":
        regularizer.set_prior(torch.from_numpy(class_counts(regularizer.log_prior)))
    loss = instantiate(config.loss)
    for part in losses_with_prior(loss):
        part.set_prior(torch.from_numpy(class_counts(part.needs_prior)))
    distillation = None
    if config.get("distillation"):
        features, size = tuple(config.dataset.features), config.dataset.voxel_size
        trust = trusted(config.get("trust"))
        distillation = build_distillation(config.distillation, taxonomy, features, size, width, trust)
    resolved: Any = OmegaConf.to_container(config, resolve=True)
    return SegmentationModule(
        model=model,
        loss=loss,
        regularizer=regularizer,
        taxonomy=taxonomy,
        optimizer=instantiate(config.optimizer),
        schedule=instantiate(config.schedule),
        config=resolved,
        measure_collapse=config.get("measure_collapse", True),
        distillation=distillation,
    )


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
    module = build_module(config, taxonomy, model, lambda unit: np.ones(num_classes, np.int64))
    with of_node("loss"):
        module.loss(torch.zeros(num_classes, num_classes), torch.arange(num_classes))
    instantiate(config.augmentation.transforms)
    for node in [config.get("refit"), *(config.get("callbacks") or {}).values()]:
        if node:
            instantiate(node)
    try:
        optimizer = module.build_optimizer()
    except (TypeError, ValueError) as error:  # torch's own checks, which name the option
        raise UserError(f"optimizer: {error}", code="option") from None
    try:
        with of_node("schedule"):
            module.make_schedule(optimizer, total_steps=1)
    except TypeError as error:
        raise UserError(f"schedule: {error}", code="option") from None
