"""Instances that are left out, or lose their color."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointnc.checks import check_probability
from pointnc.data.transforms.crop import take_kept
from pointnc.data.transforms.draws import Draw, Draws, Outline
from pointnc.data.transforms.instances.groups import (
    ROWS,
    BatchGroups,
    Groups,
    InstanceTransform,
    own_numbers,
    own_numbers_batch,
    with_rows,
    with_rows_batch,
)
from pointnc.data.transforms.points import PointBatch
from pointnc.errors import UserError
from pointnc.scenes import Scene


class InstanceDropout(InstanceTransform):
    """Leaves out a share of the instances; at least one point stays.

    With ``device_transforms=true`` it comes before any crop: how many points stay is counted on the host.

    Args:
        share: of the instances, rounded down.
        p: how likely the scene is thinned.
    """

    def __init__(self, share: float = 0.5, p: float = 0.1) -> None:
        super().__init__(p)
        check_probability("share", share)
        self.share = share

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``,) numbers; instances with the least are left out."""
        return rng.random(ROWS, np.float32)

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw which points stay.

        Raises:
            UserError: which points the scene still has is known to the device alone.
        """
        if scene.cropped:
            raise UserError(
                "device_transforms: InstanceDropout behind a crop cannot run on the device; put it before, or set "
                "device_transforms=false",
                code="unsupported",
            )
        drawn = super().draw(scene, rng)
        groups = Groups.of(scene.instance)
        if not drawn.chosen or not len(groups.points):
            return Draw(scene.length, chosen=False)
        values = own_numbers(drawn.values, groups)
        gone = np.zeros(len(values), np.bool_)
        gone[values.argsort(kind="stable")[: int(self.share * len(values))]] = True
        stays = np.ones(scene.length, np.bool_)
        stays[groups.points] = ~gone.take(groups.which)
        stays[0] |= not stays.any()
        kept = np.flatnonzero(stays)
        return Draw(len(kept), kept=kept)

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the thinned scene."""
        return scene.select(draw.kept)

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the thinned scenes."""
        return take_kept(points, draws)


class InstanceColorDrop(InstanceTransform):
    """Makes each instance black with probability ``share``.

    Args:
        share: how likely each instance loses its color, once any may.
        p: how likely any may.
    """

    def __init__(self, share: float = 0.5, p: float = 0.2) -> None:
        super().__init__(p)
        check_probability("share", share)
        self.share = share

    def numbers(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return (``ROWS``,) 0 for the instances that become black, else 1."""
        return (rng.random(ROWS) >= self.share).astype(np.float32)

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the scene with colors in float32."""
        groups = Groups.of(scene.instance)
        if scene.color is None or not len(groups.points):
            return scene
        values = own_numbers(draw.values, groups).take(groups.which)
        return with_rows(scene, "color", groups.points, scene.color.take(groups.points, axis=0) * values[:, None])

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the scenes with colors in float32."""
        groups = BatchGroups.of(points, draws.mask)
        if points.color is None or not len(groups.points):
            return points
        values = own_numbers_batch(draws, groups).index_select(0, groups.which)
        color = points.color.index_select(0, groups.points).float() * values[:, None]
        return with_rows_batch(points, "color", groups.points, color)
