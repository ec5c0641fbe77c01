"""Try to open a window of Open3D, in a process of its own: drivers that lack something end the process, or hang.

``python -m pointnc.environment.window_trial`` prints a line of json at each stage, as :mod:`pointnc.environment.watch`
wants it.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys


def trial() -> None:
    """Ask the display, import Open3D, open a small window, draw in it, and end."""
    _say("asking for the display")
    lack = display_lack()
    if lack:
        _say("asking for the display", lack=lack)
        return
    _say("importing open3d")
    import open3d
    from open3d.visualization import gui, rendering

    _say("opening a window", version=str(open3d.__version__))
    application = gui.Application.instance
    application.initialize()
    window = application.create_window("pointnc", 240, 160)
    view = gui.SceneWidget()
    view.scene = rendering.Open3DScene(window.renderer)
    window.add_child(view)
    for _ in range(5):
        application.run_one_tick()
    _say("", version=str(open3d.__version__))
    sys.stdout.flush()
    os._exit(0)  # what drivers do at the end is nobody's concern


def display_lack() -> str:
    """Return what keeps Linux from showing a window of X11, which is all that Open3D knows there, or "".

    "none": no display; "wayland": one without X11; "dead": nobody answers; "libX11": its library is missing.
    """
    if not sys.platform.startswith("linux"):
        return ""
    if not os.environ.get("DISPLAY"):
        return "wayland" if os.environ.get("WAYLAND_DISPLAY") else "none"
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return "libX11"
    x11.XOpenDisplay.restype = ctypes.c_void_p
    return "" if x11.XOpenDisplay(None) else "dead"


def _say(doing: str, **facts: str) -> None:
    print(json.dumps({"doing": doing, **facts}), flush=True)


if __name__ == "__main__":
    trial()
