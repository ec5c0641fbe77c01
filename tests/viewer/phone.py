"""A page as a phone shows it, as a small png for the docs.

    python -m tests.viewer.phone PAGE.html OUT.png [SELECTOR]

``SELECTOR``: what is scrolled to. The pictures phone_*.png of docs/images are made by it.
"""

from __future__ import annotations

import base64
import io
import json
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.viewer.browser import Browser

WIDTH, HEIGHT, DENSITY = 390, 760, 1.5
"""CSS pixels of a usual phone, and how many of its pixels are one of them in the picture."""

MOST = 150_000
"""Bytes of a picture."""


def open_page(browser: Browser, page: Path, selector: str = "body") -> None:
    """Show a page as a phone does, from an element on."""
    browser.size(WIDTH, HEIGHT, DENSITY, mobile=True)
    browser.call("Page.navigate", url=page.absolute().as_uri())
    browser.wait("document.readyState === 'complete'")
    browser.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView()")
    time.sleep(0.5)  # bars that hide while a page is scrolled


def picture(browser: Browser) -> bytes:
    """Return what is seen as a png of few colors."""
    data = base64.b64decode(browser.call("Page.captureScreenshot", format="png")["data"])
    image = Image.open(io.BytesIO(data)).convert("RGB")
    for colors in (256, 128, 64, 32):
        stream = io.BytesIO()
        image.quantize(colors, dither=Image.Dither.NONE).save(stream, "png", optimize=True)
        if stream.tell() <= MOST:
            break
    return stream.getvalue()


def main() -> None:
    """Take the picture, and say whether the page is wider than the phone."""
    page, out, *selector = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(Path(folder), WIDTH, HEIGHT)
        try:
            open_page(browser, Path(page), *selector)
            Path(out).write_bytes(picture(browser))
            width = browser.run("document.documentElement.scrollWidth")
            print(f"{out}: {Path(out).stat().st_size:,} bytes; {width} pixels wide where the phone has {WIDTH}")
        finally:
            browser.close()


if __name__ == "__main__":
    main()
