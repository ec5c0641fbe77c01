"""Scenes shown at once: in a window of Open3D where one opens, else as a page in the browser."""

from __future__ import annotations

import os
import sys
import tempfile
import webbrowser
from collections.abc import Iterable
from pathlib import Path

from pointnc.environment.finding import Finding
from pointnc.environment.window import SILENT, try_window
from pointnc.errors import UserError
from pointnc.viewer.labeled_scene import LabeledScene

INSTEAD = "or write a page by html=FILE.html, a picture by png=FILE.png"


def show(scenes: Iterable[LabeledScene], most_points: int = 2_000_000) -> None:
    """Show scenes; returns when the window is closed, or when the browser has the page.

    Args:
        scenes: at least one.
        most_points: a larger scene is thinned to at most so many points.

    Raises:
        UserError: neither a window nor a browser can be opened here, or there is no scene.
    """
    finding = try_window()
    if finding.level == "ok":
        from pointnc.viewer.window.session import open_window

        open_window(scenes, most_points)
        return
    line = f"no window: {finding.text}; {finding.remedy}, {INSTEAD}"
    browser = find_browser(finding)
    if browser is None:
        raise UserError(line, code="no-display")
    print(line, file=sys.stderr, flush=True)
    from pointnc.viewer.page import write_page

    path = Path(tempfile.mkdtemp(prefix="pointnc-")) / "scenes.html"  # the browser reads it when we are gone
    write_page(path, scenes, most_points)
    print(f"written: {path}, opened in the browser", flush=True)
    browser.open(path.as_uri())


def find_browser(finding: Finding) -> webbrowser.BaseBrowser | None:
    """Return the browser of the desktop, None where there is neither; one of a terminal could not draw the page.

    Args:
        finding: why no window opens.
    """
    if sys.platform.startswith("linux"):
        dead = SILENT in finding.text  # else a display that lacks a window's library may still show a browser
        if not os.environ.get("WAYLAND_DISPLAY") and (dead or not os.environ.get("DISPLAY")):
            return None
    try:
        return webbrowser.get()
    except webbrowser.Error:
        return None
