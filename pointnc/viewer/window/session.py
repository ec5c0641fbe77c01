"""From scenes to a window, and on until it is closed."""

from __future__ import annotations

from collections.abc import Iterable

from pointnc.viewer.labeled_scene import LabeledScene
from pointnc.viewer.window.shelf import Shelf
from pointnc.viewer.window.start import quiet_driver


def open_window(scenes: Iterable[LabeledScene], most_points: int = 2_000_000) -> None:
    """Show scenes; returns when the window is closed. What is clicked is printed, a line a point.

    Args:
        scenes: at least one; each is taken when one goes there.
        most_points: a larger scene is thinned to at most so many points.

    Raises:
        UserError: there is no scene.
    """
    shelf = Shelf(scenes, most_points)
    from open3d.visualization import gui

    from pointnc.viewer.window.window import Window

    application = gui.Application.instance
    with quiet_driver():
        application.initialize()
        window = Window(shelf)
        alive = application.run_one_tick()
    # Not application.run(): between two ticks Python is told of Ctrl-C, and errors come out here.
    try:
        while alive:  # a tick after the last one would crash
            window.step()
            alive = application.run_one_tick()
    finally:
        if alive:
            window.close()
            application.run_one_tick()
