"""The site: built without a warning, asks no other server for anything, and says what the schemas say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from pointnc.__main__ import COMMANDS
from pointnc.commands.settings import settings_of
from tests.helpers.commands import schema_of
from tests.helpers.pages import ROOT

pytest.importorskip("mkdocs", reason="pip install -c constraints.txt -e '.[docs]'")
pytest.importorskip("mkdocstrings", reason="pip install -c constraints.txt -e '.[docs]'")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return folder


class Addresses(HTMLParser):
    """What a page loads, and what it links to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.ids: set[str] = set()
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        self.ids.add(values.get("id", ""))
        if tag == "a":
            self.linked.append(values.get("href", ""))
        elif tag in ("script", "img", "link", "iframe", "source") and values.get("rel") not in (
            "canonical",
            "next",
            "prev",
        ):
            self.loaded.append(values.get("src") or values.get("href", ""))


def test_nothing_is_fetched_from_elsewhere_and_every_link_is_there(site: Path) -> None:
    pages = {page: Addresses(page) for page in site.rglob("*.html") if page.name != "404.html"}
    assert len(pages) >= 45
    for page, found in pages.items():
        assert [one for one in found.loaded if re.match(r"(\w+:)?//", one) and not one.startswith("data:")] == [], page
        for link in found.linked:
            target, _, anchor = unquote(link).partition("#")
            if not target or re.match(r"\w+:", target):
                continue
            file = (page.parent / target).resolve()
            assert file.is_file(), f"{page}: {link}"
            assert not anchor or anchor in pages[file].ids, f"{page}: {link}"


def test_every_setting_of_every_command_is_on_the_page(site: Path) -> None:
    text = (site / "reference" / "cli.html").read_text("utf-8")
    sections = {part.partition('"')[0]: part for part in text.split('<h2 id="')[1:]}
    for name, (module, _) in COMMANDS.items():
        schema = schema_of(module)
        if schema is None:
            assert "regularizer" in sections[name] and "trainer" in sections[name]
        for one in settings_of(schema) if schema else ():
            assert f"<code>{one.name.rstrip('_')}</code>" in sections[name], f"{name}: {one.name}"


def test_every_file_of_the_configuration_is_on_the_page(site: Path) -> None:
    text = (site / "reference" / "configuration.html").read_text("utf-8")
    for file in (ROOT / "conf").glob("*/*.yaml"):
        if file.parent.name != "tools":
            assert f"<code>{file.parent.name}={file.stem}</code>" in text


def test_the_reference_has_what_is_public(site: Path) -> None:
    import pointnc.collapse
    import pointnc.losses
    import pointnc.scenes

    ids = Addresses(site / "reference" / "api.html").ids
    for module in (pointnc.collapse, pointnc.losses, pointnc.scenes):
        assert {f"{module.__name__}.{name}" for name in module.__all__} <= ids
