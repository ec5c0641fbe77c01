"""Points, labels and predictions to look at: in a notebook, a browser tab, or a file."""

from __future__ import annotations

import tempfile
import webbrowser
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from pointnc.api.arrays import Array, Cloud, placed
from pointnc.api.result import Result
from pointnc.benchmarks.named import named_taxonomy
from pointnc.clouds.conditions import Unit, Up
from pointnc.clouds.placing import PlacedCloud
from pointnc.errors import UserError
from pointnc.scenes.scene import IGNORE
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.viewer.labeled_scene import LabeledScene

COLORS_ALONE = Taxonomy("none", ("point",), (0,), ((128, 128, 128),), ("",))
"""Classes of a cloud that nothing was said of."""


@dataclass(frozen=True)
class View:
    """A scene to look at. A notebook shows it where it is the last value of a cell.

    Attributes:
        labeled: the scene with what was said of it.
        shown_points: of more, every n-th is shown.
        height: of the frame in a notebook, in pixels.
    """

    labeled: LabeledScene
    shown_points: int = 300_000
    height: int = 600

    def save(self, path: str | Path) -> Path:
        """Write a page (``.html``) or a picture of its layers (``.png``), and return the path.

        Raises:
            UserError: another ending.
        """
        path = Path(path).expanduser()
        if path.suffix.lower() == ".html":
            from pointnc.viewer.page import write_page

            write_page(path, [self.labeled], self.shown_points)
        elif path.suffix.lower() == ".png":
            from pointnc.viewer.panels import write_panels

            write_panels(path, [self.labeled])
        else:
            raise UserError(f"{path}: the name must end with .html (a page) or .png (a picture)", code="wrong-format")
        return path

    def open(self) -> Path:
        """Show the page in a tab of the browser, and return where it is."""
        path = self.save(Path(tempfile.mkdtemp(prefix="pointnc-")) / f"{Path(self.labeled.scene.name).name}.html")
        webbrowser.open(path.absolute().as_uri())
        return path

    @cached_property
    def html(self) -> str:
        """The page as a text; it asks the network for nothing."""
        with tempfile.TemporaryDirectory() as folder:
            return self.save(Path(folder) / "page.html").read_text(encoding="utf-8")

    def _repr_html_(self) -> str:
        """Return the page in a frame, for notebooks."""
        style = f"width:100%;height:{self.height}px;border:0"
        return f'<iframe srcdoc="{escape(self.html)}" style="{style}" sandbox="allow-scripts"></iframe>'

    def __repr__(self) -> str:
        return f"View({self.labeled.scene.name}, {len(self.labeled.scene):,} points; .open() or .save(FILE.html))"


def visualize(
    cloud: Cloud,
    color: Array | None = None,
    result: Result | Array | None = None,
    *,
    truth: Array | None = None,
    taxonomy: Taxonomy | str | None = None,
    units: Unit = "m",
    up: Up = "z",
    show: bool = True,
    shown_points: int = 300_000,
) -> View:
    """Look at a cloud: its colors, its truth, what a network says of it, where it errs.

    In a notebook the view stands below the cell; elsewhere a tab of the browser opens. For Open3D's window, run
    ``pointnc visualize``.

    Args:
        cloud: (N, 3) coordinates, a scene, or the path of a file or of a scene's folder.
        color: (N, 3) RGB beside coordinates.
        result: of :meth:`Model.predict`, or (N,) train indices.
        truth: (N,) train indices; a scene's own by default.
        taxonomy: the classes of labels without a result: "scannet200", "scannet20", ..., a yaml file, or a taxonomy.
        units: of the coordinates.
        up: the axis that points up.
        show: False: open nothing, only return the view.
        shown_points: of more points, every n-th is shown.

    Raises:
        UserError: the cloud cannot be used, or labels do not fit it.
    """
    points = placed(cloud, color, units=units, up=up, fate="are left out")
    classes = _classes(result, taxonomy)
    if classes is None and (result is not None or truth is not None or points.scene.semantic is not None):
        raise UserError(
            "which classes are the labels of? give taxonomy=, for example taxonomy='scannet200'", code="missing-setting"
        )
    said = result.labels if isinstance(result, Result) else result
    confidence = result.confidence if isinstance(result, Result) else None
    scene = points.scene
    if truth is not None:
        scene = scene.replace(semantic=_fit(truth, points, "truth"))
    labeled = LabeledScene(
        scene,
        classes or COLORS_ALONE,
        None if said is None else _fit(said, points, "result"),
        None if confidence is None else _fit(confidence, points, "result"),
        points.rows,
    ).validate()
    view = View(labeled, shown_points)
    if show and not _in_notebook():
        view.open()
    return view


def _classes(result: Any, taxonomy: Taxonomy | str | None) -> Taxonomy | None:
    if isinstance(taxonomy, str):
        return named_taxonomy(taxonomy)
    return taxonomy or (result.taxonomy if isinstance(result, Result) else None)


def _fit(values: Array, points: PlacedCloud, what: str) -> Any:
    """Return the values of the points that have a place, of those of all points.

    Raises:
        UserError: they are of another number of points.
    """
    values = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    if values.shape != (len(points.points),):
        raise UserError(
            f"{what} of the shape {values.shape} for {len(points.points)} points: one for each is needed",
            code="other-length",
        )
    if values.dtype.kind not in "iuf":
        raise UserError(
            f"{what} holds values of the type {values.dtype}: train indices are needed, {IGNORE} for none", code="dtype"
        )
    return values if points.rows is None else values[points.rows]


def _in_notebook() -> bool:
    """Whether a notebook's kernel runs this: it shows what a cell returns."""
    import sys

    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
