"""Whether a window of Open3D can be opened here, and what is to be installed if not."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping

from pointnc.environment.finding import Finding
from pointnc.environment.open3d import check_open3d
from pointnc.environment.watch import Outcome, Watched

PATIENCE = 60.0
"""Seconds without progress after which a window is given up; a slow disk takes ten to import Open3D."""

SILENT = "does not answer"
"""What is said of a display that is named and is not there."""

VULKAN = "apt-get install libvulkan1 mesa-vulkan-drivers"
OPENGL = "apt-get install libgl1-mesa-dri"
"""Drivers for any graphics card, and for none; a card's own is faster."""


def start_trial() -> Watched:
    """Begin to try a window, in a process of its own."""
    return Watched("-m", "pointnc.environment.window_trial")


def try_window() -> Finding:
    """Try a window and judge what came of it: level "ok" where it opened; else there is a remedy.

    Without a display, or where it takes long, the level is "remark": that is no fault of the machine's.
    """
    return check_window(start_trial().finish(lambda facts: PATIENCE), os.environ)


def check_window(outcome: Outcome, environment: Mapping[str, str]) -> Finding:
    """Judge how :mod:`pointnc.environment.window_trial` ended.

    Args:
        outcome: of the process.
        environment: in which it ran.
    """
    facts, name = outcome.facts, environment.get("DISPLAY", "")
    stage = facts.get("doing", "starting Python")
    if "lack" in facts:
        return _without_display(facts["lack"], name)
    if stage == "importing open3d" and outcome.waited is None:
        if "No module named 'open3d'" in outcome.error:
            return Finding("window", "Open3D is not installed", "problem", "pip install 'pointnc[view]'")
        return check_open3d(outcome.error)
    if outcome.waited is not None:
        if stage == "asking for the display":
            return _without_display("dead", name)
        text = f"no answer within {outcome.waited:g} seconds while {stage}"
        return Finding("window", text, "remark", f"python -m pointnc.doctor patience={2 * outcome.waited:g}")
    if stage == "" and "GLFW error" not in outcome.error:
        return Finding("window", f"opens, with Open3D {facts.get('version', '')}".rstrip())
    return _broken(stage, outcome)


def _without_display(lack: str, name: str) -> Finding:
    """Return what is to be said where X11 does not answer."""
    if lack == "none":
        return Finding("window", "there is no display", "remark", "work at a desktop, or by ssh -X")
    if lack == "wayland":
        text = "this session is Wayland's without X11, which Open3D needs"
        return Finding("window", text, "problem", "apt-get install xwayland, and log in again")
    if lack == "libX11":
        return Finding("window", "the system library libX11 is missing", "problem", "apt-get install libx11-6")
    text = f"the display DISPLAY={name} {SILENT}"
    return Finding("window", text, "problem", "set DISPLAY to the desktop's (:0, mostly), or log in again by ssh -X")


def _broken(stage: str, outcome: Outcome) -> Finding:
    """Return what is to be said of a window that did not open on a display that answers."""
    said = outcome.error
    if "Failed to load vulkan library" in said:
        return Finding("window", "the system library libvulkan is missing", "problem", VULKAN)
    if re.search("Vulkan instance|ErrorIncompatibleDriver|[Nn]o (suitable )?physical device|Vulkan device", said):
        return Finding("window", "there is no Vulkan driver", "problem", VULKAN)
    if re.search("GLX|glX|OpenGL|libGL|swrast|FBConfig", said):
        return Finding("window", "there is no OpenGL driver", "problem", OPENGL)
    lines = [line for line in said.strip().splitlines() if line.strip()]
    ended = signal.Signals(-outcome.code).name if outcome.code < 0 else f"exit code {outcome.code}"
    last = f": {lines[-1].strip()[:200]}" if lines else ""
    doing = f" while {stage}" if stage else ""
    return Finding("window", f"Open3D ended by {ended}{doing}{last}", "problem", f"{VULKAN} libgl1-mesa-dri")
