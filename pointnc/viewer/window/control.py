"""What is chosen in a window: the scene, the look of it, the camera. The parts change it here, and hear of changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.viewer.window.look import Look
from pointnc.viewer.window.orbit import Orbit, fitted
from pointnc.viewer.window.shelf import Shelf

SIZE = (1360, 860)
"""Pixels of a window, if the screen has as many."""

LAST = 5.0
"""Seconds after a change when it is drawn for the last time."""


class Control:
    """What is chosen, and what of it is still to be drawn.

    Attributes:
        gui: Open3D's widgets.
        native: its window.
        shelf: the scenes.
        look: what is shown of the scene.
        orbit: where the camera stands.
        size: pixels of the scene, (width, height).
        free: share of its height that nothing covers.
        shown: (M,) numbers of the points that are drawn.
        drawn_size: edge of a point, pixels.
        point_factor: 1 where points are as large as they are far from one another.
        dark: whether the ground is.
        stale: whether points are to be sent to the graphics card.
        moved: whether the camera is to be placed.
        on_change: called when something was chosen.
        on_move: called when the camera moves, and when something was chosen.
        on_message: called with a line for the user; "" takes it away.
        failure: what went wrong in a callback.
    """

    def __init__(self, shelf: Shelf, gui: Any, native: Any) -> None:
        self.gui, self.native = gui, native
        self.shelf, self.look = shelf, Look(shelf.scene)
        self.size, self.free, self.view = (1, 1), 0.86, "oblique"
        self.orbit = fitted(self.look.box(), self.look.sample, *SIZE)
        self.shown: NDArray[np.int64] = np.arange(0)
        self.point_factor, self.drawn_size = 1.0, 0.0
        # Whether someone has chosen a view.
        self.dark = self.stale = self.moved = self.touched = self.closed = False
        self.changed = self.delay = 0.0
        self.scene_changed = True
        self.on_change: list[Callable[[], None]] = []
        self.on_move: Callable[[], None] = lambda: None
        self.on_message: Callable[[str], None] = lambda text: None
        self.failure: BaseException | None = None

    def guarded(self, act: Callable[..., Any], otherwise: Any = None) -> Callable[..., Any]:
        """Return a callback whose errors are kept as ``failure``: Open3D's own code cannot pass them on."""

        def call(*arguments: Any) -> Any:
            try:
                return act(*arguments)
            except BaseException as error:
                self.failure = self.failure or error
                return otherwise

        return call

    # ---- what is chosen

    def show_scene(self) -> None:
        """Show the scene that the shelf is at."""
        self.look = Look(self.shelf.scene, like=self.look)
        self.native.title = f"pointnc: {self.look.labeled.scene.name}"
        self.on_message("")
        self.refresh()
        self.fit("oblique")

    def go(self, step: int) -> None:
        """Turn to the next scene or the one before."""
        if self.shelf.go(step):
            self.show_scene()
        else:
            self.on_message("reading the next scene ...")

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
        self.dark, self.stale = not self.dark, True

    def refresh(self) -> None:
        """Draw again, and show in all widgets what is chosen."""
        self.stale = True
        self.on_move()
        for show in self.on_change:
            show()

    def fit(self, view: str) -> None:
        """Look at the whole scene."""
        self.view, self.touched, self.moved = view, False, True
        self.orbit = fitted(self.look.box(), self.look.sample, *self.size, view, self.free)
        self.on_move()

    def set_orbit(self, orbit: Orbit) -> None:
        """Move the camera."""
        self.orbit, self.touched, self.moved = orbit, True, True
        self.on_move()

    # ---- the frame

    def redraw(self, scene: bool = True) -> None:
        """Draw again, soon and then some more times: where the card is behind, Open3D passes a picture over for good.

        Args:
            scene: whether the scene has changed too, and not widgets alone.
        """
        self.scene_changed = scene or (self.scene_changed and self.delay < LAST)
        self.changed, self.delay = time.monotonic(), 0.0

    def lay_out_again(self) -> None:
        """Give widgets that have changed their places, and draw them."""
        self.native.set_needs_layout()
        self.redraw(scene=False)

    def close(self) -> None:
        """Close the window, if it is not."""
        if not self.closed:
            self.closed = True
            self.native.close()
