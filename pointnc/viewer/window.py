"""A window on one scene with Open3D, where there is a display; optional: ``pip install 'pointnc[view]'``.

Keys: 1 to 5 choose the layer, A shows all classes, F the whole scene. A click on a name hides or shows a class; a
click with Ctrl on a point prints its classes.

Open3D needs a graphics driver, so that no test opens the window; what it shows is computed in
:mod:`pointnc.viewer.layers`, which is tested.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.environment.open3d import check_open3d
from pointnc.errors import UserError
from pointnc.scenes.scene import IGNORE
from pointnc.viewer.labeled_scene import LabeledScene
from pointnc.viewer.layers import LAYERS, describe_point, labels_of, layer_colors, layers_of, shown_points

INSTEAD = "or write a page by html=FILE.html"
PANEL_WIDTH = 16
"""Of the legend, in heights of the letters."""

REACH = 4
"""Pixels around a click in which a point is looked for."""


def check_window() -> None:
    """Raise a UserError that says how to fix it where no window can be opened."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UserError(
            "there is no display for a window; write a page by html=FILE.html or a picture by png=FILE.png",
            code="no-display",
        )
    # A missing system library can end the process that imports Open3D: it is tried in another one.
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import open3d"], capture_output=True, text=True, timeout=120, check=False
        )
        error = None if done.returncode == 0 else done.stderr
    except subprocess.TimeoutExpired:
        error = "no answer within 120 seconds"
    finding = check_open3d(error)
    if finding.level == "problem":
        if error and "No module named 'open3d'" in error:
            raise UserError(f"a window needs Open3D: pip install 'pointnc[view]', {INSTEAD}", code="no-package")
        raise UserError(f"Open3D: {finding.text}; {finding.remedy}, {INSTEAD}", code="no-package")


def open_window(labeled: LabeledScene) -> None:
    """Show a scene; returns when the window is closed."""
    from open3d.visualization import gui

    gui.Application.instance.initialize()
    _Window(labeled)
    gui.Application.instance.run()


class _Window:
    """The window: a scene on the left, layers and classes on the right."""

    def __init__(self, labeled: LabeledScene) -> None:
        import open3d
        from open3d.visualization import gui, rendering

        self.open3d, self.gui, self.rendering = open3d, gui, rendering
        self.labeled, self.layer, self.hidden = labeled, layers_of(labeled)[-1], set[int]()
        if "prediction" in layers_of(labeled):
            self.layer = "prediction"
        self.coord = np.asarray(labeled.scene.coord, np.float64)
        self.shown: NDArray[Any] = np.arange(len(self.coord))
        self.window = gui.Application.instance.create_window(f"pointnc: {labeled.scene.name}", 1280, 800)
        self.view = gui.SceneWidget()
        self.view.scene = rendering.Open3DScene(self.window.renderer)
        self.view.scene.set_background([0.955, 0.955, 0.945, 1.0])
        self.view.set_on_mouse(self._on_mouse)
        self.view.set_on_key(self._on_key)
        self.said = gui.Label("")
        self.panel = self._panel()
        self.window.add_child(self.view)
        self.window.add_child(self.panel)
        self.window.set_on_layout(self._lay_out)
        self._draw()
        self._fit()

    def _panel(self) -> Any:
        gui, em = self.gui, self.window.theme.font_size
        panel = gui.ScrollableVert(0.3 * em, gui.Margins(0.6 * em, 0.6 * em, 0.6 * em, 0.6 * em))
        self.choice = gui.Combobox()
        for number, layer in enumerate(LAYERS, start=1):
            if layer in layers_of(self.labeled):
                self.choice.add_item(f"{number}  {LAYERS[layer]}")
        self.choice.set_on_selection_changed(lambda _, index: self._set_layer(layers_of(self.labeled)[index]))
        panel.add_child(self.choice)
        panel.add_child(self.said)
        self.boxes: dict[int, Any] = {}
        for k in self._classes():
            line = gui.Horiz(0.4 * em)
            swatch = gui.Label("■")
            color = (158, 160, 166) if k == IGNORE else self.labeled.taxonomy.colors[k]
            swatch.text_color = gui.Color(*(channel / 255 for channel in color))
            box = gui.Checkbox("no class" if k == IGNORE else self.labeled.taxonomy.names[k])
            box.checked = True
            box.set_on_checked(lambda checked, k=k: self._set_shown(k, checked))
            self.boxes[k] = box
            line.add_child(swatch)
            line.add_child(box)
            panel.add_child(line)
        return panel

    def _classes(self) -> list[int]:
        """Return the classes of the scene, those with the most points first."""
        labels = [part for part in (self.labeled.truth, self.labeled.prediction) if part is not None]
        if not labels:
            return []
        index, count = np.unique(np.concatenate([np.asarray(part) for part in labels]), return_counts=True)
        return [int(k) for k in index[np.argsort(-count, kind="stable")]]

    def _lay_out(self, _context: Any) -> None:
        area, width = self.window.content_rect, PANEL_WIDTH * self.window.theme.font_size
        self.view.frame = self.gui.Rect(area.x, area.y, area.width - width, area.height)
        self.panel.frame = self.gui.Rect(area.get_right() - width, area.y, width, area.height)

    def _draw(self) -> None:
        """Send the points that the layer shows."""
        self.choice.selected_index = layers_of(self.labeled).index(self.layer)
        self.shown = np.flatnonzero(shown_points(self.labeled, self.layer, self.hidden))
        self.view.scene.remove_geometry("points")
        if len(self.shown):
            vector = self.open3d.utility.Vector3dVector
            cloud = self.open3d.geometry.PointCloud(vector(self.coord[self.shown]))
            colors = layer_colors(self.labeled, self.layer)[self.shown]
            cloud.colors = vector(colors.astype(np.float64) / 255)
            material = self.rendering.MaterialRecord()
            material.shader = "defaultUnlit"
            material.point_size = 3 * self.window.scaling
            self.view.scene.add_geometry("points", cloud, material)
        self.view.force_redraw()

    def _fit(self) -> None:
        box = self.open3d.geometry.AxisAlignedBoundingBox(self.coord.min(axis=0), self.coord.max(axis=0))
        self.view.setup_camera(50, box, box.get_center())

    def _set_layer(self, layer: str) -> None:
        self.layer = layer
        self._draw()

    def _set_shown(self, k: int, shown: bool) -> None:
        (self.hidden.discard if shown else self.hidden.add)(k)
        if labels_of(self.labeled, self.layer) is not None:
            self._draw()

    def _on_key(self, event: Any) -> Any:
        result = self.gui.Widget.EventCallbackResult
        if event.type != self.gui.KeyEvent.Type.DOWN:
            return result.IGNORED
        if ord("1") <= event.key < ord("1") + len(LAYERS):
            layer = list(LAYERS)[event.key - ord("1")]
            if layer in layers_of(self.labeled):
                self._set_layer(layer)
            return result.HANDLED
        if event.key == ord("a"):
            self.hidden.clear()
            for box in self.boxes.values():
                box.checked = True
            self._draw()
            return result.HANDLED
        if event.key == ord("f"):
            self._fit()
            return result.HANDLED
        return result.IGNORED

    def _on_mouse(self, event: Any) -> Any:
        result = self.gui.Widget.EventCallbackResult
        down = event.type == self.gui.MouseEvent.Type.BUTTON_DOWN
        if not (down and event.is_modifier_down(self.gui.KeyModifier.CTRL)):
            return result.IGNORED
        x, y = event.x - self.view.frame.x, event.y - self.view.frame.y

        def picked(image: Any) -> None:
            depth = np.asarray(image)
            place = nearest_pixel(depth, x, y)
            if place is None:
                return
            u, v = place
            camera, frame = self.view.scene.camera, self.view.frame
            world = np.asarray(camera.unproject(u, v, float(depth[v, u]), frame.width, frame.height))
            point = int(self.shown[np.square(self.coord[self.shown] - world).sum(axis=1).argmin()])
            text = describe_point(self.labeled, point)
            print(text, flush=True)

            # Widgets may be changed by the thread of the window alone.
            def show() -> None:
                self.said.text = text.replace("; ", "\n")
                self.window.set_needs_layout()

            self.gui.Application.instance.post_to_main_thread(self.window, show)

        self.view.scene.scene.render_to_depth_image(picked)
        return result.HANDLED


def nearest_pixel(depth: NDArray[Any], x: int, y: int) -> tuple[int, int] | None:
    """Return (u, v) of the pixel nearest to (x, y), up to ``REACH`` away, that shows a point, or None.

    Args:
        depth: (H, W), 1 where there is nothing.
        x: column of the click.
        y: line of the click.
    """
    left, top = max(x - REACH, 0), max(y - REACH, 0)
    v, u = np.nonzero(depth[top : max(y + REACH + 1, 0), left : max(x + REACH + 1, 0)] < 1)
    if not len(u):
        return None
    best = np.square(u + left - x) + np.square(v + top - y)
    return int(u[best.argmin()]) + left, int(v[best.argmin()]) + top
