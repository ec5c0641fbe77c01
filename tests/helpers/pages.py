"""The commands that stand in Markdown pages: found, composed against their schemas, and run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from omegaconf import DictConfig

from pointnc.__main__ import COMMANDS
from tests.helpers.commands import _main_of, settings

ROOT = Path(__file__).parents[2]
START = re.compile(
    r"(?:^|\s|`)(?:pointnc (?P<name>[a-z][\w-]*)|(?:python|python3|torchrun [^`]*?) -m (?P<module>(?:pointnc|data_prep)[\w.]*)(?! --))"
    r"(?=\s|$)"
)


def blocks(page: Path, *kinds: str) -> list[str]:
    """The blocks of code of a page; ``kinds``: of these languages alone."""
    tokens = MarkdownIt().parse(page.read_text("utf-8"))
    return [t.content for t in tokens if t.type in ("fence", "code_block") and (not kinds or t.info in kinds)]


def lines(page: Path, *kinds: str) -> Iterator[str]:
    """The lines of the blocks, each with those that a backslash joins to it, without remarks."""
    for block in blocks(page, *kinds):
        for line in block.replace("\\\n", " ").splitlines():
            code = re.split(r"\s#\s", line)[0].strip()
            if code and not code.startswith("#"):
                yield code


def commands(page: Path, *kinds: str) -> Iterator[tuple[str, list[str]]]:
    """Every command of ours in the blocks of a page: its module, and what follows it."""
    for line in lines(page, *kinds):
        if found := START.search(line):
            yield command(line[found.start() :].strip("` "))


def command(line: str) -> tuple[str, list[str]]:
    """The module of a command as it is typed, and what follows it."""
    found = START.match(line)
    assert found is not None, line
    rest = shlex.split(re.split(r"\s(?:&&|\||>)\s", line[found.end() :])[0])
    if found["name"]:
        assert found["name"] in COMMANDS, line
        return COMMANDS[found["name"]][0], rest
    return (COMMANDS[rest[0]][0], rest[1:]) if found["module"] == "pointnc" and rest else (found["module"], rest)


def compose(module: str, arguments: list[str]) -> DictConfig:
    """Compose the settings of a command as its command line would; of a sweep the first combination."""
    main = _main_of(module)
    sweep = {"-m", "--multirun"} & set(arguments)
    read = main.read([one for one in arguments if not one.startswith("-") or one.startswith("--")])  # type: ignore[attr-defined]
    read = [one.partition(",")[0] if sweep else one for one in read]
    given = [one for one in read if not one.startswith(("hydra/", "hydra.", "--"))]
    return settings(main.schema, *given)  # type: ignore[attr-defined]
