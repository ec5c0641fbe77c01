"""What a network sees of a point: the channels that feature names stand for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pointnc.data.voxels import Voxels
from pointnc.errors import UserError
from pointnc.scenes import Scene

CHANNELS = {"color": 3, "color_unit": 3, "color_half": 3, "normal": 3, "coord": 3, "strength": 1}
"""Feature name to its number of channels. Colors come in the three ranges that networks are trained with."""

COLOR_RANGES = {"color": (-1.0, 1.0), "color_unit": (0.0, 1.0), "color_half": (-0.5, 0.5)}
"""Name of a color feature to what 0 and 255 become."""


def scene_array(name: str) -> str:
    """Return the name of the array of a :class:`~pointnc.scenes.Scene` that a feature is made of."""
    return "color" if name in COLOR_RANGES else name


def feature_channels(features: Sequence[str]) -> int:
    """Return the number of channels F of the named features.

    Raises:
        UserError: no list of names, no features, an unknown name, or a name twice.
    """
    if isinstance(features, str) or not isinstance(features, Sequence):
        raise UserError(
            f"dataset.features is {features}: it must be a list, such as [color] or [color,normal]", code="option"
        )
    for name in features:
        if not isinstance(name, str) or name not in CHANNELS:
            raise UserError(
                f"unknown feature {name!r} in dataset.features; choose among {', '.join(CHANNELS)}", code="unknown-name"
            )
    arrays = [scene_array(name) for name in features]
    if not features or len(set(arrays)) != len(arrays):
        raise UserError(
            f"dataset.features is {list(features)}; name at least one, and color in one range only", code="option"
        )
    return sum(CHANNELS[name] for name in features)


def check_features(scene: Scene, features: Sequence[str]) -> None:
    """Compare what a scene has with the features that are asked for.

    Raises:
        UserError: the scene lacks one; the message names the override that leaves it out.
    """
    feature_channels(features)
    for name in features:
        array = scene_array(name)
        if getattr(scene, array) is None:
            rest = ",".join(other for other in features if getattr(scene, scene_array(other)) is not None) or "coord"
            raise UserError(
                f"scene {scene.name} has no {array}; prepare it with {array}s or leave them out by "
                f"dataset.features=[{rest}]",
                code="missing-array",
            )


def voxel_features(scene: Scene, voxels: Voxels, features: Sequence[str]) -> NDArray[np.float32]:
    """Return the (V, F) features of a scene's voxels, those of their points, in the order of their names.

    Colors are scaled from [0, 255] to the range of their name in ``COLOR_RANGES``; "normal" and "strength" stand as
    they are; "coord" is in meters, as the transforms left it, centered by
    :class:`~pointnc.data.transforms.CenterShift`.

    Args:
        scene: N points.
        voxels: their voxels.
        features: names out of ``CHANNELS``.

    Raises:
        UserError: the scene lacks a feature.
    """
    check_features(scene, features)
    table = np.empty((len(voxels), feature_channels(features)), np.float32)
    channel = 0
    for name in features:
        values = getattr(scene, scene_array(name)).take(voxels.index, axis=0)
        if name in COLOR_RANGES:
            low, high = COLOR_RANGES[name]
            values = np.divide(values, np.float32(255 / (high - low)), dtype=np.float32)
            values += np.float32(low)
        for column in values.T:  # numpy copies long columns much faster than short rows
            table[:, channel] = column
            channel += 1
    return table
