"""What a network sees of a point: the channels that feature names stand for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pointnc.data.voxels import Voxels
from pointnc.errors import UserError
from pointnc.scenes import Scene

CHANNELS = {"color": 3, "normal": 3, "coord": 3}
"""Feature name to its number of channels."""


def feature_channels(features: Sequence[str]) -> int:
    """Return the number of channels F of the named features.

    Raises:
        UserError: no features, an unknown name, or a name twice.
    """
    for name in features:
        if name not in CHANNELS:
            raise UserError(f"unknown feature {name!r} in dataset.features; choose among {', '.join(CHANNELS)}")
    if not features or len(set(features)) != len(features):
        raise UserError(f"dataset.features is {list(features)}; name each of {', '.join(CHANNELS)} at most once")
    return sum(CHANNELS[name] for name in features)


def check_features(scene: Scene, features: Sequence[str]) -> None:
    """Compare what a scene has with the features that are asked for.

    Raises:
        UserError: the scene lacks one; the message names the override that leaves it out.
    """
    feature_channels(features)
    for name in features:
        if getattr(scene, name) is None:
            rest = ",".join(other for other in features if getattr(scene, other) is not None) or "coord"
            raise UserError(
                f"scene {scene.name} has no {name}; prepare it with {name}s or leave them out by "
                f"dataset.features=[{rest}]"
            )


def voxel_features(scene: Scene, voxels: Voxels, features: Sequence[str], mean: bool) -> NDArray[np.float32]:
    """Return the (V, F) features of a scene's voxels, in the order of their names.

    "color" is scaled from [0, 255] to [-1, 1]; "normal" stands as it is; "coord" is in metres, as the transforms
    left it (centred by :class:`~pointnc.data.transforms.CenterShift`).

    Args:
        scene: N points.
        voxels: their voxels.
        features: names out of ``CHANNELS``.
        mean: whether to average over the points of a voxel; otherwise its representative point is taken.

    Raises:
        UserError: the scene lacks a feature.
    """
    check_features(scene, features)
    table = np.empty((len(voxels), feature_channels(features)), np.float32)
    channel = 0
    for name in features:
        values = getattr(scene, name)
        values = voxels.mean(values) if mean else values.take(voxels.index, axis=0)
        if name == "color":
            values = np.divide(values, np.float32(127.5), dtype=np.float32)
            values -= 1
        for column in values.T:  # numpy copies long columns much faster than short rows
            table[:, channel] = column
            channel += 1
    return table
