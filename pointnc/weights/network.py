"""From a configuration to a network: one's own configuration, or what a checkpoint says of itself."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from hydra.utils import instantiate
from torch import nn

from pointnc.data.features import feature_channels, scene_array
from pointnc.errors import UserError
from pointnc.models.segmentor import Segmentor
from pointnc.weights.architecture import TARGETS, Architecture
from pointnc.weights.checkpoint import Checkpoint
from pointnc.weights.head_architecture import HEAD_TARGETS, HeadArchitecture
from pointnc.weights.plain import check_type, shown
from pointnc.weights.skeleton import without_memory
from pointnc.weights.trust import TARGET, check_parts


def build_model(
    model: Mapping[str, Any], head: Mapping[str, Any] | None, features: Sequence[str], num_classes: int
) -> Segmentor:
    """Build a network with fresh weights.

    Args:
        model: what Hydra builds the backbone of.
        head: the same of the head; None, as in runs from before there was a choice: a linear one.
        features: input channels, names out of :data:`pointnc.data.features.CHANNELS`.
        num_classes: K.

    Raises:
        UserError: the features are none that the network was made for, or in another order.
    """
    backbone = instantiate(model, in_channels=feature_channels(tuple(features)))
    check_inputs(backbone, features)
    built = head and instantiate(head, in_channels=backbone.out_channels, num_classes=num_classes)
    return Segmentor(backbone, num_classes, built or None)


def check_inputs(backbone: nn.Module, features: Sequence[str]) -> None:
    """Refuse features that a network with an input of its own does not take.

    Raises:
        UserError: they are others, or in another order.
    """
    inputs = getattr(backbone, "inputs", None)
    if inputs is not None and [scene_array(name) for name in features] != list(inputs):
        raise UserError(
            f"dataset.features=[{','.join(features)}]: this encoder takes {', '.join(inputs)}, in this order; what the "
            "data lack is left out of dataset.features and named in model.absent",
            code="channels",
        )


class Input(NamedTuple):
    """What a checkpoint says of the data that its network takes.

    Attributes:
        features: input channels, names out of :data:`pointnc.data.features.CHANNELS`.
        voxel_size: edge of a voxel in meters.
        store: the scene store it was trained on, where the file says so.
        hint: how to come by that store.
    """

    features: tuple[str, ...]
    voxel_size: float
    store: str | None
    hint: str


def input_of(checkpoint: Checkpoint) -> Input:
    """Return what a checkpoint says of its data.

    Raises:
        UserError: something is missing or of the wrong kind; the message names file and key.
    """
    try:
        dataset: Any = checkpoint.config.get("dataset")
        check_type(dataset, dict, "config.dataset")
        features, voxel_size = dataset.get("features"), dataset.get("voxel_size")
        check_type(features, list, "config.dataset.features")
        for name in features:
            check_type(name, str, "a name in config.dataset.features")
        feature_channels(features)
        check_type(voxel_size, int | float, "config.dataset.voxel_size")
        if not 0 < voxel_size < math.inf:
            raise UserError(f"config.dataset.voxel_size is {voxel_size}; it must be above 0", code="malformed")
        for key in ("store", "hint"):
            check_type(dataset.get(key), str | None, f"config.dataset.{key}")
        return Input(tuple(features), voxel_size, dataset.get("store"), dataset.get("hint") or "give data_root=STORE")
    except UserError as error:
        raise UserError(f"{checkpoint.path}: {error}", code=error.code) from None


def network_of(checkpoint: Checkpoint, trust: Collection[str] = ()) -> Segmentor:
    """Build the network that a checkpoint describes, without its weights.

    pointnc's own networks get no memory for them (meta): whatever sizes a file names, its own tensors are taken.

    Args:
        checkpoint: maybe untrusted.
        trust: networks of other makers that may be imported and built.

    Raises:
        UserError: the file names something that is neither pointnc's nor trusted, or is of the wrong kind.
    """
    config, path = checkpoint.config, checkpoint.path
    model, head = model_node(checkpoint, trust), config.get("head")
    features = input_of(checkpoint).features
    if head is not None:
        _check_named(head, "head", checkpoint)
        check_parts(config, path, trust, ("head",))
    own = model[TARGET] in TARGETS and (head is None or head[TARGET] in HEAD_TARGETS)
    if not own:
        return build_model(model, head, features, len(checkpoint.taxonomy))
    try:
        with without_memory():
            backbone = Architecture.of(model, feature_channels(features)).build()
            classes = len(checkpoint.taxonomy)
            return Segmentor(backbone, classes, HeadArchitecture.of(head).build(backbone.out_channels, classes))
    except UserError as error:
        raise UserError(f"{path}: {error}", code=error.code) from None


def model_node(checkpoint: Checkpoint, trust: Collection[str] = ()) -> dict[str, Any]:
    """Return the ``model`` node of a checkpoint's configuration, which may be built.

    Raises:
        UserError: there is none, or it names something that is neither pointnc's nor trusted.
    """
    node = checkpoint.config.get("model")
    _check_named(node, "model", checkpoint)
    check_parts(checkpoint.config, checkpoint.path, trust, ("model",))
    return node  # type: ignore[return-value]


def _check_named(node: Any, key: str, checkpoint: Checkpoint) -> None:
    if not isinstance(node, dict) or TARGET not in node:
        raise UserError(
            f"{checkpoint.path} does not say which {key} it holds: config.{key} is {shown(node)}", code="malformed"
        )
