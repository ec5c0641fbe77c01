"""What settings mean, read where it is said: the comments of a yaml file, else the docstring of what it builds."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

PACKAGES = Path(__file__).parents[2]
"""Folder of the packages whose docstrings are read; nothing of them is imported."""


def comments_of(path: Path) -> dict[str, str]:
    """Return the comment of each dotted key of a yaml file, behind it or above it; "" is that of the file."""
    found: dict[str, str] = {}
    parents: list[tuple[int, str]] = []
    above: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("#"):
            if not text.startswith("# @"):
                above.append(text.lstrip("# "))
            continue
        if not text:
            above = [] if found else above
            continue
        if not found:
            found[""], above = " ".join(above), []
        entry = re.match(r"( *)([\w.]+):(.*)", line)
        if entry is None:
            continue
        indent, name, rest = len(entry[1]), entry[2], entry[3]
        parents = [one for one in parents if one[0] < indent] + [(indent, name)]
        behind = re.match(r"""\s*(?:"[^"]*"|'[^']*'|[^#"']*)\s*#\s*(.*)""", rest)
        said = " ".join([*above, *([behind[1]] if behind else [])])
        above = []
        if said:
            found[".".join(one for _, one in parents)] = said
    return found or {"": " ".join(above)}


def comments_of_group(path: Path) -> dict[str, str]:
    """Return the comments of a file; what it leaves unsaid, the file that it extends says, or the first other one."""
    extended = re.search(r"^defaults: \[(\w+)\]", path.read_text(encoding="utf-8"), re.MULTILINE)
    others = sorted(path.parent.glob("*.yaml"), key=lambda other: (not extended or other.stem != extended[1], other))
    found = comments_of(path)
    for other in others:
        found = {**comments_of(other), **found}
    return found


@cache
def definition(target: str) -> tuple[str, ast.AST] | None:
    """Return module and syntax of a class or function of ours by its dotted name; None where it is somebody else's."""
    place, _, name = target.rpartition(".")
    parts = place.split(".")
    if not (PACKAGES / parts[0]).is_dir() or parts[0] not in ("pointnc", "data_prep"):
        return None
    file = PACKAGES.joinpath(*parts)
    file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
    if not file.is_file():  # a method: module.Class.method
        module, owner = definition(place) or ("", None)
        members = ast.walk(owner) if owner else ()
        return next(((module, one) for one in members if getattr(one, "name", None) == name), None)
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return place, node
        if isinstance(node, ast.ImportFrom) and name in [alias.asname or alias.name for alias in node.names]:
            return definition(f"{node.module}.{name}")
    return None


def purpose(target: str) -> str:
    """Return the first line of the docstring of a class or function; "" where there is none."""
    _, node = definition(target) or ("", None)
    text = ast.get_docstring(node) if isinstance(node, ast.ClassDef | ast.FunctionDef) else None
    return " ".join((text or "").split("\n\n")[0].split())


def arguments_of(target: str) -> dict[str, str]:
    """Return what the docstring of a class or function says of each argument (or attribute); {} where there is none."""
    module, node = definition(target) or ("", None)
    text = ast.get_docstring(node) if isinstance(node, ast.ClassDef | ast.FunctionDef) else None
    said: dict[str, str] = {}
    for block in re.findall(r"^(?:Args|Attributes):\n((?:    .*\n?|\n)+)", text or "", re.MULTILINE):
        for name, meaning in re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", block, re.MULTILINE):
            said.setdefault(name, re.sub(r":\w+:`~?([^`]*)`", r"\1", " ".join(meaning.split())).replace("``", ""))
    for base in node.bases if isinstance(node, ast.ClassDef) else ():
        if isinstance(base, ast.Name):
            said = {**arguments_of(f"{module}.{base.id}"), **said}
    return said
