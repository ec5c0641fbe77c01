"""One browser for all tests that need one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.viewer.browser import Browser, find_chromium
from tests.viewer.rooms import room


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if find_chromium() is None:
        pytest.skip("no Chromium here: .ci/browser installs it, or set CHROMIUM=PATH")
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two scenes: one with everything, one with truth alone."""
    from dataclasses import replace

    from pointnc.viewer.page import write_page

    path = tmp_path_factory.mktemp("page") / "a page.html"
    first, second = room(), room(0.12, 3, "scene0001_00 </script><b>")
    write_page(path, [first, replace(second, prediction=None, confidence=None)], shown_points=10**6)
    return path


@pytest.fixture
def page(browser: Browser, page_file: Path) -> Iterator[Browser]:
    """The browser with the page freshly opened; afterwards nothing may have gone wrong in it."""
    browser.log.clear()
    browser.requests.clear()
    browser.open(page_file)
    yield browser
    assert browser.log == []
    assert [address for address in browser.requests if not address.startswith(("file:", "blob:", "data:"))] == []
