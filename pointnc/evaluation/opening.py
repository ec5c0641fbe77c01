"""What a command needs before it can label: the network, its scenes, and how it is to see them."""

from __future__ import annotations

import sys
from typing import Any

import torch
from hydra.utils import instantiate

from pointnc.errors import UserError
from pointnc.inference.predictor import Predictor
from pointnc.losses.adjusted import LogitAdjustedCrossEntropy
from pointnc.models.heads import LinearHead
from pointnc.runtime import distributed
from pointnc.runtime.devices import device_of
from pointnc.scenes.store import SceneStore
from pointnc.training.run_folder import newest_run
from pointnc.weights.checkpoint import Checkpoint
from pointnc.weights.trained import Trained, load_trained
from pointnc.weights.trust import trusted


def open_network(config: Any) -> Trained:
    """Load the network of a command and say what computes it.

    Args:
        config: of :class:`~pointnc.commands.shared_settings.NetworkSettings`; without a checkpoint the newest run is
            taken.

    Raises:
        UserError: there is no run; or see :func:`pointnc.weights.trained.load_trained`.
    """
    if distributed.world_size() > 1 and device_of(config.accelerator).type == "cuda":
        distributed.take_device()
    checkpoint = config.checkpoint
    if checkpoint is None:
        checkpoint = newest_run()
        if distributed.rank() == 0:
            print(f"checkpoint={checkpoint}, the newest run", flush=True)
    trained = load_trained(checkpoint, config.accelerator, config.half, config.engine, trusted(config.trust))
    if distributed.rank() == 0:
        trained.announce()
    return trained


def make_predictor(trained: Trained, options: Any) -> Predictor:
    """Build the predictor of a checkpoint.

    Args:
        trained: the network, on its device.
        options: of :class:`pointnc.commands.shared_settings.PredictionSettings`.
    """
    return Predictor(
        trained.model,
        features=trained.features,
        voxel_size=trained.voxel_size,
        views=instantiate(options.tta),
        interpolation=options.interpolation,
        max_points=options.max_points,
        halo=options.halo,
        device=trained.device,
        half=trained.half,
    )


def adjust_logits(trained: Trained, store: SceneStore, tau: float, split: str = "train") -> None:
    """Take τ · log π off a network's logits, π the classes' shares of the training points: post-hoc logit adjustment.

    For networks that were trained with plain cross-entropy: of one whose classifier knows the shares already it says
    so on stderr. The head's bias is changed in place. A class without a training point counts as having one. Menon et
    al., Long-tail learning via logit adjustment, ICLR 2021.

    Raises:
        UserError: τ is negative, the store lacks the split, or the head has no bias.
    """
    if not isinstance(tau, int | float) or isinstance(tau, bool) or not tau >= 0:
        raise UserError(f"logit_adjustment={tau}: it must be a number, at least 0", code="option")
    if tau == 0:
        return
    head = trained.model.head
    if not isinstance(head, LinearHead):
        raise UserError(
            f"logit_adjustment needs a linear head; {trained.path} has a {type(head).__name__}", code="unsupported"
        )
    if (why := _adjusted(trained.source.checkpoint)) is not None and distributed.rank() == 0:
        print(f"WARNING: {why}: logit_adjustment={tau} comes on top of that", file=sys.stderr, flush=True)
    counts = torch.from_numpy(store.histogram(split, trained.taxonomy)).double().clamp_min(1)
    with torch.no_grad():
        head.bias.sub_((tau * (counts / counts.sum()).log()).to(head.bias))


def _adjusted(run: Checkpoint | None) -> str | None:
    """Return what has moved a run's logits away from its classes' shares already, None where nothing has."""
    if run is None:
        return None
    if run.before_refit is not None:
        return f"{run.path} has a classifier that was fitted again (refit) for shares of its own"
    loss = str(run.config["loss"])  # sums of losses have it further inside
    return f"{run.path} was trained with logit adjustment" if LogitAdjustedCrossEntropy.__name__ in loss else None


def open_store(trained: Trained, data_root: str | None) -> SceneStore:
    """Open the store at ``data_root``, or the one that a checkpoint was trained on.

    Raises:
        UserError: it is missing or unknown, or has other classes.
    """
    if data_root is None and trained.source.store is None:
        raise UserError(f"{trained.path} does not say where scenes are: give data_root=STORE", code="missing-setting")
    store = SceneStore(str(data_root or trained.source.store), hint=f"give data_root=STORE ({trained.source.hint})")
    store.check_taxonomy(trained.taxonomy)
    return store


def scene_sizes(store: SceneStore, split: str) -> dict[str, float]:
    """Return the points of each scene of a split: what the work is shared out by."""
    return {name: len(store.load(split, name).coord) for name in store.scenes(split)}
