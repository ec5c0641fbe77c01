"""Every command on every page exists, and has the settings that it is given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

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


def keys(node: Any, prefix: str = "") -> Iterator[str]:
    for name, value in node.items() if isinstance(node, dict) else ():
        yield f"{prefix}{name}"
        yield from keys(value, f"{prefix}{name}.")


def test_settings_in_running_text_exist() -> None:
    """Those that no file has need a plus sign before them, and no others."""
    groups = [folder.name for folder in (ROOT / "conf").iterdir() if folder.is_dir() and folder.name != "tools"]
    known = set(keys(yaml.safe_load((ROOT / "conf" / "train.yaml").read_text("utf-8"))))
    for group in groups:
        for file in (ROOT / "conf" / group).glob("*.yaml"):
            text = file.read_text("utf-8")
            known |= set(keys(yaml.safe_load(text), "" if "@package _global_" in text else f"{group}."))
    setting = re.compile(rf"(?<![\w.+])(\+?)((?:{'|'.join(groups)})\.[a-z_.]+)=")
    found = [(page.name, *one.groups()) for page in PAGES for one in setting.finditer(page.read_text("utf-8"))]
    assert len(found) > 50
    assert [one for one in found if (one[2] in known) == bool(one[1])] == []


def test_pages_name_every_command() -> None:
    named = {module for _, module, _ in cases()}
    assert named >= {module for module, _ in COMMANDS.values()}


@pytest.mark.parametrize("page", [*PAGES, *RECORDS, ROOT / "CHANGELOG.md", ROOT / "bench" / "results.md"], ids=str)
def test_files_that_are_linked_are_there(page: Path) -> None:
    """In the checkout; the site's own links are checked where it is built."""
    targets = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", page.read_text("utf-8"))
    built = {"reference/cli.md", "reference/configuration.md"}
    assert [one for one in targets if not (page.parent / one).exists() and not one.endswith(tuple(built))] == []
