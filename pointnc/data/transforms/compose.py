"""Transforms one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pointnc.data.transforms.transform import SceneFunction, Transform
from pointnc.errors import UserError
from pointnc.scenes import Scene


class Compose:
    """Applies transforms in their order.

    Args:
        steps: the transforms, or a mapping of names to them, whose names a configuration can override one by
            one; None entries are left out.
    """

    def __init__(self, steps: Sequence[SceneFunction | None] | Mapping[str, SceneFunction | None]) -> None:
        listed = steps.values() if isinstance(steps, Mapping) else steps
        self.transforms = tuple(step for step in listed if step is not None)

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Return the scene after all transforms."""
        for transform in self.transforms:
            scene = transform(scene, rng)
        return scene


def device_steps(transform: SceneFunction) -> tuple[Transform, ...]:
    """Return the steps of one transform or of a (nested) :class:`Compose`, each of which has a device version.

    Raises:
        UserError: a step has none. One that a class inherits while it applies in a way of its own does not count.
    """
    if type(transform) is Compose:
        return tuple(one for step in transform.transforms for one in device_steps(step))
    ways = {"apply", "apply_batch", "__call__"}
    last = next(kind for kind in type(transform).__mro__ if kind in (Transform, object) or ways & vars(kind).keys())
    if isinstance(transform, Transform) and last is not Transform and "apply_batch" in vars(last):
        return (transform,)
    raise UserError(
        f"device_transforms: {type(transform).__name__} cannot run on the device; leave it out, give it a method "
        "apply_batch(), or set device_transforms=false",
        code="unsupported",
    )
