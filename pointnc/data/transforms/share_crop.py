"""A crop that follows the size of the scene."""

from __future__ import annotations

import numpy as np

from pointnc.checks import check_number
from pointnc.data.transforms.crop import SphereCrop
from pointnc.data.transforms.draws import Draw, Draws, Outline
from pointnc.data.transforms.points import PointBatch
from pointnc.scenes import Scene


class ShareCrop(SphereCrop):
    """Keeps the share of a scene's points that is closest to a random one.

    Args:
        share: of the points.
        max_points: how many are kept at most.
        class_balanced: as in :class:`~pointnc.data.transforms.crop.SphereCrop`.
    """

    def __init__(self, share: float = 0.6, max_points: int = 200_000, class_balanced: float = 0.0) -> None:
        super().__init__(max_points, class_balanced)
        check_number("share", share, above=0, most=1)
        self.share = share

    def _crop(self, length: int) -> SphereCrop:
        count = min(self.max_points, max(1, round(self.share * length)))
        return SphereCrop(count, self.class_balanced)

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw the point in the middle."""
        return self._crop(scene.length).draw(scene, rng)

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the cropped scene."""
        return self._crop(len(scene)).apply(scene, draw)

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the cropped scenes."""
        return super().apply_batch(points, draws)
