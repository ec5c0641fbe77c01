"""What a configuration builds, built once before the data are: a wrong setting is named before anybody waits."""

from __future__ import annotations

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig

from pointnc.checks import check_option, of_node
from pointnc.errors import UserError
from pointnc.losses import losses_with_prior
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.weights.network import build_model


def dry_run(config: DictConfig) -> None:
    """Build network, head, regularizer, loss, optimizer and transforms, and throw them away.

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
    check_option("sampling", config.get("sampling", "uniform"), "uniform", "class_balanced")
    try:
        taxonomy: Taxonomy = instantiate(config.dataset.taxonomy)
    except Exception:
        if config.dataset.get("prepare") is None:
            raise
        return
    num_classes = len(taxonomy)
    model = build_model(config, taxonomy)
    instantiate(config.regularizer, num_classes=num_classes, in_channels=model.backbone.out_channels)
    loss = instantiate(config.loss)
    for part in losses_with_prior(loss):
        part.set_prior(torch.ones(num_classes))
    with of_node("loss"):
        loss(torch.zeros(num_classes, num_classes), torch.arange(num_classes))
    instantiate(config.augmentation.transforms)
    if config.get("refit"):
        instantiate(config.refit)
    try:
        instantiate(config.optimizer)(list(model.parameters()))
    except (TypeError, ValueError) as error:  # torch's own checks, which name the option
        raise UserError(f"optimizer: {error}", code="option") from None
