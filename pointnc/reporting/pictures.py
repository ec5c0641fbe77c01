"""A validation scene as four pictures: input color, truth, prediction, error; and the files they are kept in."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.files.atomic import atomic_path
from pointnc.reporting.colors import error_colors, label_colors
from pointnc.reporting.render import Raster, flatten, rasterize
from pointnc.scenes.scene import IGNORE, Scene
from pointnc.scenes.taxonomy import Taxonomy

SHADING = {"Input": 0.55, "Truth": 1.0, "Prediction": 1.0, "Error": 1.0}
"""How much relief a picture gets: a scan's own colors already hold light and shadow."""

COMPRESSION = 6
"""Level of zlib: 9 takes six times as long for 4 % less."""


@dataclass(frozen=True)
class SceneView:
    """A scene and what a network said of it.

    Attributes:
        scene: N points; ``color``, ``normal`` and ``semantic`` may be missing.
        prediction: (N,) train index of each point.
    """

    scene: Scene
    prediction: NDArray[Any]

    @property
    def has_truth(self) -> bool:
        """Whether any point has a class."""
        return self.scene.semantic is not None and bool((self.scene.semantic >= 0).any())

    @property
    def accuracy(self) -> float | None:
        """Percent of the labeled points that are predicted right; None without truth."""
        if self.scene.semantic is None or not self.has_truth:
            return None
        labeled = self.scene.semantic >= 0
        return 100 * float((self.prediction == self.scene.semantic)[labeled].mean())

    def areas(self, shown: NDArray[Any]) -> dict[int, float]:
        """Return the classes that are seen, the largest first, to their share of a picture: in truth or prediction.

        Args:
            shown: the point at each pixel that shows one.
        """
        labels = [self.prediction] if self.scene.semantic is None else [self.prediction, self.scene.semantic]
        most: dict[int, float] = {}
        for part in labels:
            index, count = np.unique(np.asarray(part)[shown], return_counts=True)
            for k, pixels in zip(index.tolist(), count.tolist()):
                if k != IGNORE:
                    most[k] = max(most.get(k, 0.0), pixels / len(shown))
        return dict(sorted(most.items(), key=lambda item: (-item[1], item[0])))


def scene_raster(view: SceneView, width: int = 640, height: int = 480) -> Raster:
    """Return what the camera of a scene's pictures sees."""
    normal = None if view.scene.normal is None else np.asarray(view.scene.normal)
    return rasterize(np.asarray(view.scene.coord), normal, width, height)


def scene_pictures(
    view: SceneView, taxonomy: Taxonomy, width: int = 640, height: int = 480, raster: Raster | None = None
) -> dict[str, NDArray[np.uint8]]:
    """Return title to (height, width, 4) picture with transparent ground; one without its data is left out.

    All are taken by one camera, so that a thing lies at the same place in each; ``raster`` is what it sees, where that
    is known already.
    """
    scene = view.scene
    colors: dict[str, NDArray[Any]] = {}
    if scene.color is not None:
        colors["Input"] = np.asarray(scene.color)
    if scene.semantic is not None and view.has_truth:
        colors["Truth"] = label_colors(np.asarray(scene.semantic), taxonomy)
    colors["Prediction"] = label_colors(view.prediction, taxonomy)
    if scene.semantic is not None and view.has_truth:
        colors["Error"] = error_colors(view.prediction, np.asarray(scene.semantic))
    raster = raster or scene_raster(view, width, height)
    return {title: raster.paint(color, SHADING[title]) for title, color in colors.items()}


def montage(
    views: list[SceneView], taxonomy: Taxonomy, width: int = 480, height: int = 360, gap: int = 12
) -> NDArray[np.uint8]:
    """Return one (H, W, 3) picture on white: a row for each scene, its pictures side by side under their titles.

    Args:
        views: at least one scene.
        taxonomy: names and colors.
        width: pixels of one picture.
        height: pixels of one picture.
        gap: pixels between two pictures.
    """
    rows = [scene_pictures(view, taxonomy, width, height) for view in views]
    titles = [title for title in SHADING if any(title in row for row in rows)]
    blank = np.full((height, width, 3), 255, np.uint8)
    strips = [_heading(titles, width, gap)]
    for row in rows:
        parts = [flatten(row[title]) if title in row else blank for title in titles]
        strips.append(np.concatenate([np.pad(part, ((gap, 0), (gap, 0), (0, 0)), constant_values=255)
                                      for part in parts], axis=1))  # fmt: skip
    return np.concatenate(strips)


def _heading(titles: list[str], width: int, gap: int) -> NDArray[np.uint8]:
    """Return the strip of centered titles."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    total, height, dpi = len(titles) * (width + gap), 30, 100
    figure = Figure(figsize=(total / dpi, height / dpi), dpi=dpi, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    for column, title in enumerate(titles):
        x = (column * (width + gap) + gap + width / 2) / total
        figure.text(x, 0.3, title, ha="center", va="center", fontsize=12, color="#333333")
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """Return an (H, W, 3) or (H, W, 4) uint8 picture as a png file."""
    from matplotlib.image import imsave

    stream = io.BytesIO()
    metadata: dict[str, Any] = {"Software": None}  # equal pictures, equal files, under any matplotlib
    imsave(stream, picture, format="png", metadata=metadata, pil_kwargs={"compress_level": COMPRESSION})
    return stream.getvalue()


def write_png(path: str | Path, picture: NDArray[np.uint8]) -> None:
    """Write an (H, W, 3) or (H, W, 4) uint8 picture; the file appears whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(png_bytes(picture))
