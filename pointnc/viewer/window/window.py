"""The window itself: a scene drawn by Open3D, as its control has it."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from pointnc.errors import UserError
from pointnc.viewer.window.control import LAST, SIZE, Control
from pointnc.viewer.window.events import Events
from pointnc.viewer.window.orbit import ANGLE, TANGENT
from pointnc.viewer.window.panel import Panel
from pointnc.viewer.window.shelf import Shelf
from pointnc.viewer.window.stage import Stage

LIGHT, DARK = (243, 243, 240), (23, 25, 28)
"""RGB of the ground."""

LEAST, MOST = 1.0, 14.0
"""Pixels of a point's edge."""


class Window:
    """One window: the stage with the scene, the panel beside it, and the events of both."""

    def __init__(self, shelf: Shelf) -> None:
        """Create the window and show the first scene in it."""
        import open3d
        from open3d.visualization import gui, rendering

        self.open3d, self.gui, self.rendering = open3d, gui, rendering
        # Whether walls seen from behind are to be seen to; whether someone has asked the window to close.
        self.walls = self.asked = False
        self.dark: bool | None = None
        self.cost = self.sent = 0.0
        self.native = gui.Application.instance.create_window("pointnc", *SIZE)
        self.control = control = Control(shelf, gui, self.native)
        self.stage = Stage(control, rendering.Open3DScene(self.native.renderer))
        self.panel = Panel(control, self.stage)
        self.events = Events(control, self.stage, self.panel)
        self.scene = self.stage.view.scene
        self.native.set_on_layout(control.guarded(self._lay_out))
        self.native.set_on_close(control.guarded(self._on_close, True))
        self._set_ground()
        control.show_scene()

    def step(self) -> None:
        """Do what events asked for; raise what went wrong in them."""
        control = self.control
        if control.failure is not None:
            raise control.failure
        if self.asked and not self.events.escaped:
            control.close()
        self.asked = self.events.escaped = False
        try:
            if control.shelf.arrived():
                control.show_scene()
        except UserError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            self.stage.say(str(error))
        if control.dark != self.dark:
            self._set_ground()
        if control.moved:
            self._place_camera()
        # While the camera moves, walls come and go as often as the machine manages beside the drawing.
        if control.stale or (self.walls and time.monotonic() > self.sent + 4 * self.cost):
            self._send()
        self.events.step()
        if control.delay < LAST and time.monotonic() >= control.changed + control.delay:
            control.delay = max(2 * control.delay, 0.05)
            if control.scene_changed:
                self.stage.view.force_redraw()
            self.native.post_redraw()

    def close(self) -> None:
        """Close the window, if it is not."""
        self.control.close()

    # ---- drawing

    def _set_ground(self) -> None:
        self.dark = self.control.dark
        # Open3D takes the ground for light and points for colors, as long as nothing is done to the picture.
        signal = np.array(DARK if self.dark else LIGHT) / 255
        light = np.where(signal > 0.0031308, 1.055 * signal ** (1 / 2.4) - 0.055, 12.92 * signal)
        self.scene.set_background([*light, 1.0])
        self.control.stale = True

    def _place_camera(self) -> None:
        control, camera = self.control, self.scene.camera
        width, height = control.size
        camera.look_at(control.orbit.target, control.orbit.eye, control.orbit.up)
        vertical = self.rendering.Camera.FovType.Vertical
        camera.set_projection(ANGLE, width / height, *control.orbit.near_far, vertical)
        control.moved, self.walls, self.events.picker = False, control.look.looks_through, None
        if len(control.shown) and control.drawn_size and abs(self._point_size() / control.drawn_size - 1) > 0.08:
            self.scene.modify_geometry_material("points", self._material())
        control.redraw()

    def _send(self) -> None:
        """Send the points that are shown to the graphics card."""
        control, start = self.control, time.monotonic()
        look, shown = control.look, control.look.visible(control.orbit.eye)
        if control.stale or not np.array_equal(shown, control.shown):
            core = self.open3d.core
            self.scene.remove_geometry("points")
            if len(shown):
                cloud = self.open3d.t.geometry.PointCloud(core.Tensor(look.coord[shown]))
                cloud.point.colors = core.Tensor(look.colors()[shown].astype(np.float32) / 255)
                self.scene.add_geometry("points", cloud, self._material(), False)
            control.shown, self.events.picker = shown, None
            control.redraw()
        control.stale = self.walls = False
        self.sent = time.monotonic()
        self.cost = self.sent - start

    def _point_size(self) -> float:
        """Return the edge of a point in pixels: as far as neighbors are from one another, so that surfaces close."""
        control = self.control
        pixels = control.size[1] / 2 / TANGENT / control.orbit.distance
        return min(max(1.6 * control.look.spacing * pixels * control.point_factor, LEAST), MOST)

    def _material(self) -> Any:
        material = self.rendering.MaterialRecord()
        material.shader = "defaultUnlit"
        material.point_size = self.control.drawn_size = self._point_size()
        return material

    # ---- the frame

    def _lay_out(self, context: Any) -> None:
        control, area = self.control, self.native.content_rect
        before = control.size
        width = self.panel.lay_out(context, area)
        self.stage.lay_out(context, self.gui.Rect(area.x, area.y, area.width - width, area.height))
        if control.size != before:
            control.moved = True
            if not control.touched:
                control.fit(control.view)

    def _on_close(self) -> bool:
        # Open3D asks before it tells of a key, and asks for Escape too: the next step knows.
        self.asked = True
        return self.control.closed
