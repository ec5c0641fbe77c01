"""The window itself: a scene drawn by Open3D, and what was chosen for it."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.viewer.window.events import Events
from pointnc.viewer.window.look import Look
from pointnc.viewer.window.orbit import ANGLE, TANGENT, Orbit, fitted
from pointnc.viewer.window.panel import Panel
from pointnc.viewer.window.shelf import Shelf
from pointnc.viewer.window.stage import Stage

SIZE = (1360, 860)
"""Pixels, if the screen has as many."""

LIGHT, DARK = (243, 243, 240), (23, 25, 28)
"""RGB of the ground."""

LEAST, MOST = 1.0, 14.0
"""Pixels of a point's edge."""

LAST = 5.0
"""Seconds after a change when it is drawn for the last time."""


class Window:
    """One window: the stage with the scene, the panel beside it, and the events of both.

    Attributes:
        look: what is shown of the scene.
        orbit: where the camera stands.
        shown: (M,) numbers of the points that are drawn.
        drawn_size: edge of a point, pixels.
        point_factor: 1 where points are as large as they are far from one another.
    """

    def __init__(self, shelf: Shelf) -> None:
        """Create the window and show the first scene in it."""
        import open3d
        from open3d.visualization import gui, rendering

        self.open3d, self.gui, self.rendering = open3d, gui, rendering
        self.failure: BaseException | None = None
        self.shelf, self.look = shelf, Look(shelf.scene)
        self.orbit = fitted(self.look.box(), self.look.sample, *SIZE)
        self.shown: NDArray[np.int64] = np.arange(0)
        self.point_factor, self.drawn_size, self.ground, self.view = 1.0, 0.0, LIGHT, "oblique"
        # Whether points, camera, walls seen from behind are to be seen to; whether someone has chosen a view, or
        # asked the window to close.
        self.stale = self.moved = self.walls = self.touched = self.asked = self.closed = False
        self.cost = self.sent = self.changed = self.delay = 0.0
        self.scene_changed = True
        self.window = gui.Application.instance.create_window("pointnc", *SIZE)
        self.stage = Stage(self)
        self.events = Events(self)
        self.panel = Panel(self)
        self.window.set_on_layout(self.guarded(self._lay_out))
        self.window.set_on_close(self.guarded(self._on_close, True))
        self._set_ground(LIGHT)
        self.show_scene()

    def guarded(self, act: Callable[..., Any], otherwise: Any = None) -> Callable[..., Any]:
        """Return a callback whose errors come out of :meth:`step`: Open3D's own code cannot pass them on."""

        def call(*arguments: Any) -> Any:
            try:
                return act(*arguments)
            except BaseException as error:
                self.failure = self.failure or error
                return otherwise

        return call

    def step(self) -> None:
        """Do what events asked for; raise what went wrong in them."""
        if self.failure is not None:
            raise self.failure
        if self.asked and not self.events.escaped:
            self.close()
        self.asked = self.events.escaped = False
        try:
            if self.shelf.arrived():
                self.show_scene()
        except UserError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            self.stage.say(str(error))
        if self.moved:
            self._place_camera()
        # While the camera moves, walls come and go as often as the machine manages beside the drawing.
        if self.stale or (self.walls and time.monotonic() > self.sent + 4 * self.cost):
            self._send()
        self.events.step()
        if self.delay < LAST and time.monotonic() >= self.changed + self.delay:
            self.delay = max(2 * self.delay, 0.05)
            if self.scene_changed:
                self.stage.view.force_redraw()
            self.window.post_redraw()

    # ---- what is chosen

    def show_scene(self) -> None:
        """Show the scene that the shelf is at."""
        self.look = Look(self.shelf.scene, like=self.look)
        self.window.title = f"pointnc: {self.look.labeled.scene.name}"
        self.stage.say("")
        self.refresh()
        self.fit("oblique")

    def go(self, step: int) -> None:
        """Turn to the next scene or the one before."""
        if self.shelf.go(step):
            self.show_scene()
        else:
            self.stage.say("reading the next scene ...")

    def choose(self, change: Callable[..., None], *values: Any) -> None:
        """Change the look, and show it."""
        change(*values)
        self.refresh()

    def set_point_factor(self, factor: float) -> None:
        """Draw points larger or smaller than they are far from one another."""
        self.point_factor = min(max(factor, 0.3), 4.0)
        self.refresh()

    def turn_dark(self) -> None:
        """Turn the ground dark, or light again."""
        self._set_ground(DARK if self.ground == LIGHT else LIGHT)

    def refresh(self) -> None:
        """Draw again, and show in all widgets what is chosen."""
        self.stale = True
        self.stage.hide_tip()
        self.panel.update()
        self.stage.update()

    def fit(self, view: str) -> None:
        """Look at the whole scene."""
        self.view, self.touched, self.moved = view, False, True
        self.orbit = fitted(self.look.box(), self.look.sample, *self.stage.size, view, self.stage.free)
        self.stage.hide_tip()

    def set_orbit(self, orbit: Orbit) -> None:
        """Move the camera."""
        self.orbit, self.touched, self.moved = orbit, True, True
        self.stage.hide_tip()

    # ---- drawing

    def _set_ground(self, color: tuple[int, int, int]) -> None:
        self.ground = color
        # Open3D takes the ground for light and points for colors, as long as nothing is done to the picture.
        signal = np.array(color) / 255
        light = np.where(signal > 0.0031308, 1.055 * signal ** (1 / 2.4) - 0.055, 12.92 * signal)
        self.stage.view.scene.set_background([*light, 1.0])
        self.stale = True

    def redraw(self, scene: bool = True) -> None:
        """Draw again, soon and then some more times: where the card is behind, Open3D passes a picture over for good.

        Args:
            scene: whether the scene has changed too, and not widgets alone.
        """
        self.scene_changed = scene or (self.scene_changed and self.delay < LAST)
        self.changed, self.delay = time.monotonic(), 0.0

    def _place_camera(self) -> None:
        camera, (width, height) = self.stage.view.scene.camera, self.stage.size
        camera.look_at(self.orbit.target, self.orbit.eye, self.orbit.up)
        vertical = self.rendering.Camera.FovType.Vertical
        camera.set_projection(ANGLE, width / height, *self.orbit.near_far, vertical)
        self.moved, self.walls, self.events.picker = False, self.look.looks_through, None
        if len(self.shown) and self.drawn_size and abs(self._point_size() / self.drawn_size - 1) > 0.08:
            self.stage.view.scene.modify_geometry_material("points", self._material())
        self.redraw()

    def _send(self) -> None:
        """Send the points that are shown to the graphics card."""
        start = time.monotonic()
        shown = self.look.visible(self.orbit.eye)
        if self.stale or not np.array_equal(shown, self.shown):
            scene, core = self.stage.view.scene, self.open3d.core
            scene.remove_geometry("points")
            if len(shown):
                cloud = self.open3d.t.geometry.PointCloud(core.Tensor(self.look.coord[shown]))
                cloud.point.colors = core.Tensor(self.look.colors()[shown].astype(np.float32) / 255)
                scene.add_geometry("points", cloud, self._material(), False)
            self.shown, self.events.picker = shown, None
            self.redraw()
        self.stale = self.walls = False
        self.sent = time.monotonic()
        self.cost = self.sent - start

    def _point_size(self) -> float:
        """Return the edge of a point in pixels: as far as neighbors are from one another, so that surfaces close."""
        pixels = self.stage.size[1] / 2 / TANGENT / self.orbit.distance
        return min(max(1.6 * self.look.spacing * pixels * self.point_factor, LEAST), MOST)

    def _material(self) -> Any:
        material = self.rendering.MaterialRecord()
        material.shader = "defaultUnlit"
        material.point_size = self.drawn_size = self._point_size()
        return material

    def save_picture(self) -> None:
        """Save what is seen of the scene as a png in the working folder, under a name that is free."""
        stem = re.sub(r"[^\w.-]+", "_", f"{self.look.labeled.scene.name}_{self.look.layer}")

        def save(image: Any) -> None:
            from pointnc.reporting.pictures import write_png

            path, number = Path(f"{stem}.png"), 1
            while path.exists():
                number += 1
                path = Path(f"{stem}_{number}.png")
            write_png(path, np.asarray(image)[..., :3])
            print(f"written: {path.absolute()}", flush=True)
            self.stage.say(f"written: {path.name}")

        self.stage.view.scene.scene.render_to_image(self.guarded(save))
        self.redraw()

    # ---- the frame

    def lay_out_again(self) -> None:
        """Give widgets that have changed their places, and draw them."""
        self.window.set_needs_layout()
        self.redraw(scene=False)

    def _lay_out(self, context: Any) -> None:
        before, area = self.stage.size, self.window.content_rect
        width = self.panel.lay_out(context, area)
        self.stage.lay_out(context, self.gui.Rect(area.x, area.y, area.width - width, area.height))
        if self.stage.size != before:
            self.moved = True
            if not self.touched:
                self.fit(self.view)

    def _on_close(self) -> bool:
        # Open3D asks before it tells of a key, and asks for Escape too: the next step knows.
        self.asked = True
        return self.closed

    def close(self) -> None:
        """Close the window, if it is not."""
        if not self.closed:
            self.closed = True
            self.window.close()
