"""Transforms one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from pointnc.scenes import Scene


class Transform(Protocol):
    """From scene to scene: pure, all randomness from ``rng``."""

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Return the changed scene; ``scene`` stays as it is."""
        ...


class Compose:
    """Applies transforms in their order.

    Args:
        steps: the transforms, or a mapping of names to them, whose names a configuration can override one by
            one; None entries are left out.
    """

    def __init__(self, steps: Sequence[Transform | None] | Mapping[str, Transform | None]) -> None:
        listed = steps.values() if isinstance(steps, Mapping) else steps
        self.transforms = tuple(step for step in listed if step is not None)

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Return the scene after all transforms."""
        for transform in self.transforms:
            scene = transform(scene, rng)
        return scene
