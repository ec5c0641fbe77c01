"""Settings that are text (paths, names, patterns), taken to the letter from the command line.

Hydra would read ``out=2024_06_01`` as the number 20240601, ``root=null`` as nothing, and ``input=room (1).ply`` as a
mistake of its grammar.
"""

from __future__ import annotations

import re

_PATHS = (
    "root out input raw store data_root run_dir checkpoint weights resume predictions prediction truth scene html png "
    "json cache validate files label_map path import export hub folder scheduler taxonomy names splits labels "
    "dataset.store dataset.default_root dataset.taxonomy.root"
)
_NAMES = (
    "label instance name segment split scenes train_split repo trust title columns baseline only dataset "
    "dataset.name dataset.train_split dataset.val_split dataset.taxonomy.segment"
)
TEXTS = frozenset(f"{_PATHS} {_NAMES}".split())
"""Their names; the same ones behind a dot, as in ``loss.weights``, are other settings."""

LISTS = frozenset(["trust", "columns"])
"""Those of which several may be given between commas, as in ``trust=A,B``."""


def quoted(text: str) -> str:
    """Return a text as Hydra's grammar reads it back, whatever is in it."""
    escaped = re.sub(r"(\\+)(?='|$)", r"\1\1", text)  # elsewhere a backslash is one
    return "'" + escaped.replace("'", r"\'") + "'"


def to_the_letter(argument: str, sweep: bool = False) -> str:
    """Return ``key=value`` with the value quoted, where the setting is text; everything else as it is.

    A value in quotes is left as it is, and so is one in brackets that has quotes or braces in it; of ``[a,b]`` every
    part is quoted.

    Args:
        argument: of the command line.
        sweep: whether commas part the values of a sweep (``--multirun``).
    """
    key, equals, value = argument.partition("=")
    name = key.lstrip("+")
    if not equals or not value or name not in TEXTS or value[0] in "'\"{":
        return argument
    if value[0] == "[" and value[-1] == "]":
        inside = value[1:-1]
        if any(letter in inside for letter in "'\"[]{}"):
            return argument
        return f"{key}=[{_each(inside)}]"
    if name in LISTS and "," in value:
        return listed(argument, key)
    return f"{key}={_each(value) if sweep else quoted(value)}"


def _each(values: str) -> str:
    return ",".join(quoted(part.strip()) for part in values.split(",") if part.strip())


def listed(argument: str, *keys: str) -> str:
    """Return ``key=A,B`` as a list of quoted words, which Hydra would take for a sweep; everything else as it is."""
    key, equals, value = argument.partition("=")
    if not equals or key not in keys or "," not in value or value[0] in "[\"'":
        return argument
    return f"{key}=[{_each(value)}]"
