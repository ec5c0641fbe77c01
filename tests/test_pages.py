"""Every command on every page exists, and has the settings that it is given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pointnc.__main__ import COMMANDS
from tests.helpers.pages import ROOT, commands, compose

RECORDS = [*(ROOT / "docs" / "results").glob("*.md"), *(ROOT / "docs" / "decisions").glob("*.md")]
PAGES = sorted({ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")} - {*RECORDS})


def cases() -> list[tuple[str, str, list[str]]]:
    return [(str(page.relative_to(ROOT)), *found) for page in PAGES for found in commands(page)]


def plain(argument: str) -> str | None:
    """An argument of a line of syntax as somebody would type it; None: it stands for others."""
    argument = re.sub(r"\$\{.*?\}", "1/4", argument)
    if argument.startswith("[") and argument.endswith("]"):
        argument = argument[1:-1]
    if argument in ("…", "&", "group=choice", "setting=value") or argument.startswith("--"):
        return None
    name, equals, value = argument.partition("=")
    return f"{name}={value.partition('|')[0]}" if equals else argument


@pytest.mark.parametrize(("page", "module", "given"), cases())
def test_settings_exist(page: str, module: str, given: list[str]) -> None:
    compose(module, [one for one in map(plain, given) if one])


def test_pages_name_every_command() -> None:
    named = {module for _, module, _ in cases()}
    assert named >= {module for module, _ in COMMANDS.values()}


@pytest.mark.parametrize("page", [*PAGES, *RECORDS, ROOT / "CHANGELOG.md", ROOT / "bench" / "results.md"], ids=str)
def test_files_that_are_linked_are_there(page: Path) -> None:
    """In the checkout; the site's own links are checked where it is built."""
    targets = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", page.read_text("utf-8"))
    built = {"reference/cli.md", "reference/configuration.md"}
    assert [one for one in targets if not (page.parent / one).exists() and not one.endswith(tuple(built))] == []
