"""A real, headless Chromium, spoken to by the DevTools protocol over a pipe: needs no package and no driver.

Protocol: https://chromedevtools.github.io/devtools-protocol. With ``--remote-debugging-pipe`` the browser reads
commands from descriptor 3 and writes answers and events to descriptor 4, each a json text that ends with a zero byte.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import io
import json
import os
import select
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
    "--hide-scrollbars", "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
    "--force-device-scale-factor=1", "--force-prefers-reduced-motion",
)  # fmt: skip


def find_chromium() -> str | None:
    """Return the browser's path: $CHROMIUM, or the first of the usual names."""
    return os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a Chromium.

    Attributes:
        log: what the page printed and what it tripped over, in order.
        requests: addresses that it asked for.
    """

    def __init__(self, folder: Path, width: int = 860, height: int = 560) -> None:
        self.folder, self.log, self.requests = folder, [], []
        program = find_chromium()
        assert program is not None
        here_out, there_in = (_high(fd) for fd in reversed(os.pipe()))
        there_out, here_in = (_high(fd) for fd in reversed(os.pipe()))
        actions = [
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, str(folder / "chromium.log"), os.O_WRONLY | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, there_in, 3),
            (os.POSIX_SPAWN_DUP2, there_out, 4),
        ]
        arguments = [program, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        self.process = os.posix_spawn(program, arguments, dict(os.environ), file_actions=actions, setsid=True)
        os.close(there_in)
        os.close(there_out)
        self.pipe_in, self.pipe_out, self.rest, self.number, self.session = here_in, here_out, b"", 0, None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.size(width, height)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.session = None
            self.call("Browser.close", timeout=5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.pipe_in)
        os.close(self.pipe_out)

    def call(self, method: str, timeout: float = 240, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its answer; events that come in between are kept."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.pipe_out, data) :]
        until = time.monotonic() + timeout
        while True:
            answer = self._receive(until, method)
            if answer.get("id") == self.number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _receive(self, until: float, waiting: str) -> dict[str, Any]:
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.pipe_in], [], [], max(until - time.monotonic(), 0))
            assert ready, f"no answer to {waiting}; log: {self.log}"
            part = os.read(self.pipe_in, 1 << 20)
            assert part, "the browser ended: " + (self.folder / "chromium.log").read_text(errors="replace")[-2000:]
            self.rest += part
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def _note(self, event: dict[str, Any]) -> None:
        kind, data = event.get("method"), event.get("params", {})
        if kind == "Runtime.consoleAPICalled" and data["type"] in ("error", "warning", "assert"):
            self.log.append(" ".join(str(part.get("value", part)) for part in data["args"]))
        elif kind == "Runtime.exceptionThrown":
            details = data["exceptionDetails"]
            self.log.append(details.get("exception", {}).get("description", details["text"]))
        elif kind == "Log.entryAdded" and data["entry"]["level"] == "error":
            self.log.append(data["entry"]["text"])
        elif kind == "Network.requestWillBeSent":
            self.requests.append(data["request"]["url"])

    def size(self, width: int, height: int, density: float = 1, mobile: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=density, mobile=mobile
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def media(self, **features: str) -> None:
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": k.replace("_", "-"), "value": v} for k, v in features.items()],
        )

    def open(self, page: Path) -> None:
        self.call("Page.navigate", url=page.absolute().as_uri())
        self.wait("window.viewer && (viewer.scene || document.querySelector('.failed')) && !viewer.pending")

    def run(self, code: str) -> Any:
        """Return the value of an expression; a promise is waited for."""
        result = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"].get("exception", result)
        return result["result"].get("value")

    def wait(self, condition: str, seconds: float = 240) -> None:
        until = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < until, f"never: {condition}; log: {self.log}"
            time.sleep(0.05)

    def settle(self) -> None:
        """Wait until the page has drawn what it had to draw, finely."""
        self.wait("!viewer.pending && !viewer.moving && document.getElementById('busy').hidden")

    def picture(self, path: Path | None = None) -> np.ndarray:
        """Return the page as it is seen, (H, W, 3) uint8."""
        from PIL import Image

        self.settle()
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        if path is not None:
            path.write_bytes(data)
        return np.array(Image.open(io.BytesIO(data)).convert("RGB"))

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **more)

    def click(self, selector: str) -> None:
        """Click in the middle of an element, as a hand would."""
        self.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'nearest'}})")
        x, y = self.run(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        self.mouse("Moved", x, y)
        self.mouse("Pressed", x, y, button="left", clickCount=1)
        self.mouse("Released", x, y, button="left", clickCount=1)

    def key(self, key: str, code: str = "", modifiers: int = 0) -> None:
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=code, modifiers=modifiers, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=code, modifiers=modifiers)

    def touch(self, kind: str, *points: tuple[float, float], seconds: float | None = None) -> None:
        """Put fingers down, move them, or lift all; ``seconds`` since 1970 at which it happens, for what counts time."""
        places = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        when = {} if seconds is None else {"timestamp": seconds}
        self.call("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=places, **when)


def _high(descriptor: int) -> int:
    """Return a copy of a descriptor above those that the browser wants at 3 and 4."""
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(descriptor)
    return copy
