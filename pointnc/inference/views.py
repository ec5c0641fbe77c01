"""Test-time views: the same scene turned, mirrored or scaled, whose scores are averaged."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pointnc.data.transforms.geometry import rotation, transform_linearly
from pointnc.errors import UserError
from pointnc.scenes import Scene


@dataclass(frozen=True)
class View:
    """A scene mirrored, then turned about the vertical axis, then scaled. The default leaves it as it is.

    Points keep their order, so the scores of a view are those of the scene's own points.

    Attributes:
        degrees: angle of the rotation about z, counter-clockwise. Multiples of 90 are exact.
        flip: whether x is mirrored first. With a half turn this mirrors y.
        scale: factor of all coordinates.

    Raises:
        UserError: the scale is not a positive number, or the angle not finite.
    """

    degrees: float = 0.0
    flip: bool = False
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.scale < np.inf and np.isfinite(self.degrees)):
            raise UserError(
                f"a view of {self.degrees}° and scale {self.scale} cannot be made: in tta give finite degrees and a "
                "scale above 0",
                code="option",
            )

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The (3, 3) orthogonal matrix that multiplies coordinates and normals."""
        # The rounding takes the 6e-17 out of a right angle's cosine.
        turned = rotation(2, np.deg2rad(self.degrees % 360)).round(15)
        return turned @ np.diag([-1.0, 1.0, 1.0]) if self.flip else turned

    def __call__(self, scene: Scene) -> Scene:
        """Return the view of a scene whose center is at x = y = 0; ``scene`` stays as it is."""
        scene = transform_linearly(scene, self.matrix)
        return scene if self.scale == 1 else scene.replace(coord=scene.coord * np.float32(self.scale))

    def reach(self, distance: float) -> NDArray[np.float64]:
        """Return the (3,) half extent, in the scene, of the box of half extent ``distance`` meters in the view."""
        return np.abs(self.matrix.T).sum(axis=1) * distance / self.scale


def make_views(
    degrees: Sequence[float] = (0.0,), flips: Sequence[bool] = (False,), extra_scales: Sequence[float] = ()
) -> tuple[View, ...]:
    """Return every rotation with every flip at true size, then one upright view for each further scale.

    Args:
        degrees: rotations about z.
        flips: False for the scene as it is, True for its mirror image.
        extra_scales: factors besides 1.

    Raises:
        UserError: no view, or one view twice, which would count double.
    """
    views = [View(float(angle), bool(flip)) for flip, angle in itertools.product(flips, degrees)]
    views += [View(scale=float(scale)) for scale in extra_scales]
    if not views:
        raise UserError("tta has no views: give it at least one of degrees and one of flips", code="option")
    if len(set(views)) < len(views):
        twice = next(view for view in views if views.count(view) > 1)
        raise UserError(
            f"tta has a view twice: {twice}; name each of degrees, flips and extra_scales once", code="ambiguous"
        )
    return tuple(views)
