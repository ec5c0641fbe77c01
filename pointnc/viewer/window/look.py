"""What a window shows of a scene, and in which colors: layer, classes, cut by height, walls seen from behind."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting.camera import bounding_box
from pointnc.reporting.visibility import GRAZING, point_spacing
from pointnc.viewer.facing import mean_normals
from pointnc.viewer.labeled_scene import LabeledScene
from pointnc.viewer.layers import layer_colors, layers_of, shown_points
from pointnc.viewer.legend import legend_rows

ROOM = (1.8, 6.0)
"""Meters between which a scene's height is a room's; its ceiling and lamps are in the uppermost tenth."""


class Look:
    """What is shown of a scene of N points.

    Attributes:
        labeled: the scene.
        coord: (N, 3) float32, meters.
        spacing: typical distance of neighboring points, meters.
        layers: what ``layer`` may be.
        layer: a name of ``LAYERS``.
        hidden: train indices of hidden classes, -1 for no class.
        through: whether surfaces that turn their back are left out; of no effect without normals.
        errors_alone: whether what is predicted right, or not scored, is left out.
        cut: height above the floor above which nothing is drawn, meters.
        floor: height of the lowest points, meters.
        top: height of the highest points above the floor, meters.
    """

    def __init__(self, labeled: LabeledScene, like: Look | None = None) -> None:
        """Begin with what one wants to see first, or with what was chosen for the scene before."""
        self.labeled = labeled
        self.coord = np.ascontiguousarray(labeled.scene.coord, np.float32)
        self.spacing = point_spacing(self.coord)
        self.layers = layers_of(labeled)
        self.layer = "prediction" if "prediction" in self.layers else self.layers[-1]
        self.hidden: set[int] = set()
        self.through, self.errors_alone = True, False
        self._low, self._high = bounding_box(self.coord)
        self.floor, self.top = float(self._low[2]), float(self._high[2] - self._low[2])
        self.cut = 0.9 * self.top if ROOM[0] < self.top < ROOM[1] else self.top
        self._colors: dict[str, NDArray[np.uint8]] = {}
        self._kept: NDArray[np.bool_] | None = None
        if like is not None:
            self.through, self.errors_alone = like.through, like.errors_alone
            self.layer = like.layer if like.layer in self.layers else self.layer
            if not labeled.taxonomy.difference(like.labeled.taxonomy):
                self.hidden = set(like.hidden)

    # ---- what is shown

    def visible(self, eye: NDArray[Any]) -> NDArray[np.int64]:
        """Return the numbers of the points that are shown to an eye at (3,) meters, in their order."""
        if self._kept is None:
            self._kept = self._keep()
        if not self.looks_through:
            return np.flatnonzero(self._kept)
        kept = np.flatnonzero(self._kept)
        towards = eye.astype(np.float32) - self.coord[kept]
        cosine = np.einsum("ij,ij->i", towards, self._facing[kept])
        distance = np.sqrt(np.einsum("ij,ij->i", towards, towards))
        return kept[cosine > GRAZING * distance]

    def colors(self) -> NDArray[np.uint8]:
        """Return (N, 3) RGB of the layer."""
        if self.layer not in self._colors:
            self._colors[self.layer] = layer_colors(self.labeled, self.layer)
        return self._colors[self.layer]

    @property
    def looks_through(self) -> bool:
        """Whether what is shown depends on where the eye is."""
        return self.through and self.has_normals

    @property
    def has_normals(self) -> bool:
        """Whether the scene knows which way its surfaces face."""
        return self.labeled.scene.normal is not None

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lowest and the highest corner (3,) of what the cut leaves, meters."""
        return self._low, np.minimum(self._high, (np.inf, np.inf, self.floor + self.cut))

    def sample(self, eye: NDArray[Any], most: int = 6000) -> NDArray[np.float32]:
        """Return (M, 3) some of the points that are shown, evenly chosen, to fit a picture to."""
        shown = self.visible(eye)
        return self.coord[shown[:: max(len(shown) // most, 1)]]

    def _keep(self) -> NDArray[np.bool_]:
        """Return (N,) which points are shown wherever the eye is."""
        kept = shown_points(self.labeled, self.layer, self.hidden)
        if self.cut < self.top:
            kept = kept & (self.coord[:, 2] <= self.floor + self.cut)
        truth, prediction = self.labeled.truth, self.labeled.prediction
        if self.errors_alone and truth is not None and prediction is not None:
            kept = kept & (np.asarray(truth) >= 0) & (np.asarray(truth) != np.asarray(prediction))
        return kept

    @cached_property
    def _facing(self) -> NDArray[np.float32]:
        return mean_normals(self.coord, np.asarray(self.labeled.scene.normal))

    # ---- what is chosen

    def set_layer(self, layer: str) -> None:
        """Choose a layer; one for which the scene has no data changes nothing."""
        if layer in self.layers:
            self.layer = layer
            self._kept = None

    def set_through(self, through: bool) -> None:
        """Leave out, or draw, surfaces that turn their back."""
        self.through = through

    def set_errors_alone(self, alone: bool) -> None:
        """Leave out, or draw, what is predicted right."""
        self.errors_alone = alone
        self._kept = None

    def set_cut(self, meters: float) -> None:
        """Draw nothing higher above the floor; ``top`` draws all."""
        self.cut = min(max(meters, 0.0), self.top)
        self._kept = None

    @property
    def cut_step(self) -> float:
        """Meters by which a key changes the cut: a hand's breadth in a room, more in a street."""
        return 0.1 if self.top < 2 * ROOM[1] else self.top / 60

    @cached_property
    def classes(self) -> list[int]:
        """The classes of the scene, those with the most points first."""
        return [row.k for row in legend_rows(self.labeled)]

    def hide(self, classes: Iterable[int]) -> None:
        """Hide these classes and no others."""
        self.hidden = set(classes)
        self._kept = None

    def toggle(self, k: int) -> None:
        """Hide a class, or show it again."""
        self.hide(self.hidden ^ {k})

    def hide_too(self, classes: Iterable[int]) -> None:
        """Hide these classes beside those that are hidden."""
        self.hide(self.hidden | set(classes))

    def isolate(self, classes: Iterable[int]) -> None:
        """Show these classes alone; if they are alone already, show all."""
        others = set(self.classes) - set(classes)
        self.hide(set() if others == self.hidden & set(self.classes) else others)

    def invert(self) -> None:
        """Hide what is shown and show what is hidden."""
        self.hide(set(self.classes) - self.hidden)
