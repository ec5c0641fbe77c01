"""The page of a large scene in Chromium, on whatever draws here: seconds to open, frames a second while it turns.

    python -m tests.viewer.measure [points=1000000] [width=1200] [height=800]

Asserts nothing; docs/results/page.md holds a run.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pointnc.scenes import Scene, Taxonomy
from pointnc.viewer.labeled_scene import LabeledScene
from pointnc.viewer.page import write_page
from tests.viewer.browser import Browser

SECONDS = 6.0
"""How long the scene is turned; the second half is counted, when the page has found out what the device can."""


def room_of(points: int) -> LabeledScene:
    """A box of that many points with classes, a prediction and a confidence."""
    rng = np.random.default_rng(0)
    coord = rng.uniform((0, 0, 0), (8, 6, 3), (points, 3)).astype(np.float32)
    side = rng.integers(0, 6, points)
    coord[np.arange(points), side // 2] = np.where(side % 2 == 0, 0, np.array([8, 6, 3])[side // 2])
    normal = np.zeros_like(coord)
    normal[np.arange(points), side // 2] = np.where(side % 2 == 0, 1, -1)
    semantic = (side * 10 + (coord[:, 0] * 2).astype(int) % 10).astype(np.int64)
    classes = Taxonomy.from_dict({"names": [f"class {k}" for k in range(60)]})
    prediction = np.where(rng.random(points) < 0.2, rng.integers(0, 60, points), semantic)
    color = rng.integers(0, 256, (points, 3), dtype=np.uint8)
    scene = Scene("box", coord, color=color, normal=normal, semantic=semantic)
    return LabeledScene(scene, classes, prediction, rng.random(points, dtype=np.float32))


def worked(browser: Browser) -> float:
    """CPU seconds of all processes of the browser: what a busy machine changes little."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            fields = stat.read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:13])) if int(fields[3]) == browser.process else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def turn(browser: Browser, width: int, height: int) -> tuple[float, float, float]:
    """Drag across the page as a hand does; return frames a second, CPU seconds a frame, and points in the last one."""
    drawn = "Number(document.querySelector('canvas').dataset.drawn)"
    x, y = width * 0.4, height * 0.5
    browser.mouse("Pressed", x, y, button="left", buttons=1, clickCount=1)
    start = half = time.perf_counter()
    before, work = 0, 0.0
    while time.perf_counter() - start < SECONDS:
        x += 2
        browser.mouse("Moved", width * 0.4 + 200 * math.sin(x / 60), y, button="left", buttons=1)
        if not before and time.perf_counter() - start > SECONDS / 2:
            half, before, work = time.perf_counter(), browser.run(drawn), worked(browser)
    frames = browser.run(drawn) - before
    rate, cost = frames / (time.perf_counter() - half), (worked(browser) - work) / max(frames, 1)
    points = browser.run("Math.min(viewer.look.budget, viewer.scene.count)")
    browser.mouse("Released", x, y, button="left", clickCount=1)
    return rate, cost, points


def main() -> None:
    """Write the page, open it, turn it, print."""
    given = dict(one.split("=") for one in sys.argv[1:])
    points, width, height = (int(given.get(key, value)) for key, value in
                             (("points", 1_000_000), ("width", 1200), ("height", 800)))  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        start = time.perf_counter()
        write_page(file, [room_of(points)], shown_points=points)
        print(
            f"{points:,} points: page of {file.stat().st_size / 1e6:.1f} MB, written in {time.perf_counter() - start:.1f} s"
        )
        browser = Browser(Path(folder), width, height)
        try:
            start, before = time.perf_counter(), worked(browser)
            browser.open(file)
            browser.settle()
            browser.call("Page.captureScreenshot", format="png")
            print(f"open and drawn, all points: {time.perf_counter() - start:.1f} s, "
                  f"{worked(browser) - before:.1f} CPU seconds")  # fmt: skip
            print("drawn by", browser.run(
                "(() => { const gl = document.createElement('canvas').getContext('webgl2');"
                "return gl.getParameter(gl.RENDERER); })()"))  # fmt: skip
            rate, cost, shown = turn(browser, width, height)
            print(f"while turning, {width} × {height}: {rate:.1f} frames a second of {shown:,.0f} points, "
                  f"{cost:.2f} CPU seconds a frame")  # fmt: skip
            start = time.perf_counter()
            browser.settle()
            print(f"at rest again, all points: {time.perf_counter() - start:.1f} s")
        finally:
            browser.close()


if __name__ == "__main__":
    main()
