"""What a transform is: random numbers, a change of one scene, and the same change of many scenes on a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from pointnc.data.transforms.draws import Draw, Draws, Outline
from pointnc.data.transforms.points import PointBatch
from pointnc.scenes import Scene

SceneFunction = Callable[[Scene, np.random.Generator], Scene]
"""From scene to scene: pure, all randomness from the generator. A :class:`Transform` is one."""


class Transform(ABC):
    """A random change of a scene: ``draw`` takes the random numbers, ``apply`` does the rest.

    The numbers come from the generator that :class:`~pointnc.data.dataset.SceneDataset` keys by (seed, epoch, index).
    With ``device_transforms=true`` they are still drawn scene by scene in the loader's workers; ``apply_batch``, the
    device version, then does what ``apply`` does. So both ways make the same sample, and what holds for the one (any
    number of workers, resuming in mid-epoch) holds for the other.

    Attributes:
        by_instance: whether it asks for the instances of the scene.
    """

    by_instance: ClassVar[bool] = False

    @abstractmethod
    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Return all random numbers of the change of one scene, and how many points the scene will have."""

    @abstractmethod
    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the changed scene; ``scene`` stays as it is. It is called only for scenes that are chosen."""

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the changed scenes of a batch, in torch on any device; ``points`` stays as it is. Optional.

        It is called where at least one scene is chosen; of the others only the points that are kept matter.
        """
        raise NotImplementedError

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Return the changed scene; ``scene`` stays as it is."""
        draw = self.draw(Outline(len(scene), scene.color is not None, scene.instance), rng)
        return self.apply(scene, draw) if draw.chosen else scene
