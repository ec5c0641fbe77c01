"""Every page that pointnc writes fits a phone: nothing is wider than the screen but what scrolls by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.commands import run
from tests.viewer.browser import Browser
from tests.viewer.phone import HEIGHT, MOST, WIDTH, open_page, picture


@pytest.fixture(scope="module")
def pages(finished: Path, page_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    run("data_prep.stats", str(finished / "store"), "out=stats", "workers=1", folder=folder)
    run("pointnc.analyze", str(finished / "run"), "out=analysis", "permutations=9", folder=folder)
    return {
        "viewer": page_file, "report": finished / "run" / "report.html", "stats": folder / "stats" / "stats.html",
        "analysis": folder / "analysis" / "analysis.html",
    }  # fmt: skip


@pytest.fixture(scope="module")
def phone(browser: Browser) -> Iterator[Browser]:
    yield browser
    browser.log.clear()
    browser.size(860, 560)


@pytest.mark.parametrize("name", ["viewer", "report", "stats", "analysis"])
def test_it_fits(name: str, pages: dict[str, Path], phone: Browser) -> None:
    phone.log.clear()
    phone.requests.clear()
    open_page(phone, pages[name])
    assert phone.run("document.documentElement.scrollWidth") <= WIDTH
    assert phone.run("window.innerWidth") == WIDTH and phone.run("window.innerHeight") == HEIGHT
    # Letters that can be read without a glass, where text stands in the page itself and not in a chart that scrolls.
    sizes = phone.run(
        "[...document.querySelectorAll('p, li, td, h1, h2, button')].filter((e) => e.offsetParent && e.textContent.trim())"
        ".map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert sizes and min(sizes) >= 10
    assert len(picture(phone)) <= MOST
    assert phone.log == []
    assert [address for address in phone.requests if not address.startswith(("file:", "blob:", "data:"))] == []
