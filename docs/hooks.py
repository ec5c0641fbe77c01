"""What MkDocs asks for while it builds the site: pages that have their source elsewhere, and the links to them.

The commands' settings come from their schemas, the training's from ``conf/``; changes and figures from the top of the
checkout. None of them is written twice.
"""

from __future__ import annotations

import importlib
import os
import posixpath
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from pointnc.__main__ import COMMANDS
from pointnc.commands.settings import settings_of

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "bench/results.md": "bench/results.md",
}
"""Pages of the site whose files are not in docs/."""

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
"""A link to a file: its text, the file, the anchor."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that have their source elsewhere."""
    pages = {place: (ROOT / source).read_text("utf-8") for place, source in ELSEWHERE.items()}
    pages |= {"reference/cli.md": commands_page(), "reference/configuration.md": configuration_page()}
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Point the links that are right in the checkout to the pages of the site; leave out those to its code."""
    source = ELSEWHERE.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    places = {source: place for place, source in ELSEWHERE.items()}

    def moved(link: re.Match[str]) -> str:
        text, target, anchor = link.groups(default="")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        place = places.get(file) or (file[5:] if file.startswith("docs/") else None)
        if place is None:
            return text
        return f"[{text}]({posixpath.relpath(place, posixpath.dirname(page.file.src_uri))}{anchor})"

    return LINK.sub(moved, markdown)


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Point the links of notebooks, which MkDocs does not see, to the pages of the site."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    return re.sub(r'(href="[^":]+)\.md(?=[#"])', r"\1.html", html)


def commands_page() -> str:
    """Return the page of all commands, each with its settings."""
    lines = ["# Commands", "", "`pointnc COMMAND --help` prints the same. Settings are given as `name=value`, or as"]
    lines += ["`--name value`; `null` means none. A setting that is no number and no list is taken to the letter.", ""]
    lines += ["| Command | |", "|---|---|"]
    lines += [f"| [`{name}`](#{name}) | {purpose} |" for name, (_, purpose) in COMMANDS.items()]
    for name, (module, purpose) in COMMANDS.items():
        schema = schema_of(module)
        lines += ["", f"## {name}", ""]
        if schema is None:
            lines += [f"`pointnc {name}`, or `python -m {module}`: {purpose}. Its settings are files:"]
            lines += [
                "[configuration](configuration.md). Of the choices on the command line `--help` explains those made:"
            ]
            lines += ["", "```text", *_help(module), "```"]
            continue
        doc = textwrap.dedent(f"    {schema.__doc__}").strip()
        first, _, use = doc.partition("\n")
        lines += [f"`pointnc {name}`, or `python -m {module}`: {first[:1].lower()}{first[1:]}"]
        lines += ["", "```text", textwrap.dedent(use).strip("\n"), "```"] if use.strip() else []
        lines += list(_tables(schema))
    return "\n".join(lines) + "\n"


def schema_of(module: str) -> type | None:
    """Return the schema of a command's settings; None for the training, whose settings are files."""
    found = importlib.import_module(module)
    if hasattr(found, "__path__"):
        found = importlib.import_module(f"{module}.__main__")
    schema: type | None = found.main.schema
    return schema


def _help(module: str) -> list[str]:
    command = [sys.executable, "-m", module, "--help"]
    environment = {**os.environ, "COLUMNS": "108"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.rstrip().splitlines()


def _tables(schema: type) -> Iterator[str]:
    rest = {one.name: one for one in settings_of(schema)}
    for cls in schema.__mro__:
        own = [rest.pop(name) for name in vars(cls).get("__annotations__", ()) if name in rest]
        if own:
            title = "Setting" if cls is schema else (cls.__doc__ or "").strip().splitlines()[0].rstrip(".")
            yield from ("", f"| {title} | Default | |", "|---|---|---|")
            yield from (f"| `{one.name.rstrip('_')}` | {_default(one)} | {_meaning(one)} |" for one in own)


def _default(one: Field[Any]) -> str:
    value = one.default_factory() if one.default_factory is not MISSING else one.default
    if isinstance(value, dict):
        return ""
    text = {None: "null", True: "true", False: "false"}.get(value) if value is None or value in (True, False) else None
    return f"`{text if isinstance(value, bool | None) and text else value}`".replace("'", "")


def _meaning(one: Field[Any]) -> str:
    choices = one.metadata["choices"] or sorted(path.stem for path in (ROOT / "conf/tools" / one.name).glob("*.yaml"))
    text = one.metadata["meaning"] + (f" ({' | '.join(choices)})" if choices else "")
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def configuration_page() -> str:
    """Return the page of the training's configuration: every group, every choice, every file."""
    lines = ["# Configuration", "", "`pointnc train` composes files of `conf/`: one of each group, chosen as"]
    lines += ["`group=choice`; single values are given as `group.key=value`. What each group is for:"]
    lines += ["[training](../training.md).", "", "## train", "", "What is chosen where nothing is said:"]
    lines += ["", *_yaml(ROOT / "conf/train.yaml")]
    for folder in sorted(path for path in (ROOT / "conf").iterdir() if path.is_dir() and path.name != "tools"):
        lines += ["", f"## {folder.name}"]
        for file in sorted(folder.glob("*.yaml")):
            lines += ["", f'??? abstract "`{folder.name}={file.stem}`"', ""]
            lines += [f"    {line}" for line in _yaml(file)]
    return "\n".join(lines) + "\n"


def _yaml(file: Path) -> list[str]:
    return ["```yaml", *file.read_text("utf-8").rstrip().splitlines(), "```"]
