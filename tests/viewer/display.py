"""A screen that nobody sees: Xvfb, whose pixels are in a file, and xdotool as hands."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEIGHT = 1360, 860


def find_display() -> str | None:
    """What keeps a screen from being started here; None if nothing does."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    return f"no {' and no '.join(missing)} here: apt-get install xvfb xdotool (.ci/window)" if missing else None


class Display:
    """A screen.

    Attributes:
        name: what DISPLAY is to be.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "Xvfb_screen0"
        there, here = os.pipe()
        with (folder / "xvfb.log").open("w") as log:
            self.process = subprocess.Popen(
                ["Xvfb", "-displayfd", str(here), "-fbdir", str(folder), "-nolisten", "tcp",
                 "-screen", "0", f"{WIDTH}x{HEIGHT}x24"],
                pass_fds=[here], stdout=log, stderr=log,
            )  # fmt: skip
        os.close(here)
        with os.fdopen(there) as stream:
            number = stream.readline().strip()
        assert number, (folder / "xvfb.log").read_text()
        self.name = f":{number}"

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()

    def picture(self) -> np.ndarray:
        """What is seen, (H, W, 3) uint8; the file is an X window dump (XWDFile.h)."""
        data = self.file.read_bytes()
        words = struct.unpack(">25I", data[:100])
        size, width, height, line, colors = words[0], words[4], words[5], words[12], words[19]
        start = size + 12 * colors
        rows = np.frombuffer(data, np.uint8, line * height, start).reshape(height, line)
        return rows[:, : 4 * width].reshape(height, width, 4)[..., 2::-1].copy()  # blue comes first

    def hands(self, *arguments: Any) -> str:
        done = subprocess.run(
            ["xdotool", *map(str, arguments)],
            env={**os.environ, "DISPLAY": self.name}, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.stdout

    def key(self, *keys: str) -> None:
        self.hands("key", "--delay", 60, *keys)

    def move(self, x: float, y: float) -> None:
        self.hands("mousemove", round(x), round(y))

    def click(self, x: float, y: float) -> None:
        """Click as a hand would: a press that lasts for some pictures."""
        self.move(x, y)
        time.sleep(0.3)
        self.hands("mousedown", 1)
        time.sleep(0.3)
        self.hands("mouseup", 1)

    def drag(self, *places: tuple[float, float], button: int = 1) -> None:
        self.move(*places[0])
        time.sleep(0.5)
        self.hands("mousedown", button)
        for place in places[1:]:
            time.sleep(0.3)
            self.move(*place)
        time.sleep(0.3)
        self.hands("mouseup", button)

    def title(self) -> str:
        """Of the window that shows a scene; "" without one."""
        return self.hands("search", "--name", "^pointnc: ", "getwindowname").strip()


def wait_until(condition: Callable[[], Any], seconds: float = 90) -> Any:
    """Wait for a condition and return what it returned; machines may be slow, so that only never is a failure."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"never: {condition}"
        time.sleep(0.1)
    return value


@contextlib.contextmanager
def display(folder: Path) -> Iterator[Display]:
    screen = Display(folder)
    try:
        yield screen
    finally:
        screen.close()
