"""Settings of a command, each said once: its name, type, default and limits, and what it means.

A command's settings are the fields of a dataclass, which Hydra composes and OmegaConf holds to its types; the same
fields give ``--help``. Settings that several commands share are dataclasses that theirs inherit from.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import MISSING, Field, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from pointnc.checks import OptionError, check_number, check_option, check_whole

TYPES = {bool: "true or false", int: "a whole number", float: "a number", str: "a word or text", list: "a list"}
"""What a value must be, in the words of a message."""

SWITCHED = ("true", "false", "yes", "no", "on", "off")
"""What a setting that is true or false takes."""


def setting(
    default: Any,
    meaning: str,
    *,
    choices: Sequence[str] = (),
    least: float | None = None,
    above: float | None = None,
    text: bool = False,
    several: bool = False,
) -> Any:
    """Return a field of a dataclass of settings.

    Args:
        default: its value where nothing is said.
        meaning: what it does, for ``--help``; a line or two.
        choices: the words that it takes; none: any value of its type.
        least: the smallest number.
        above: what a number must be greater than.
        text: whether it is taken to the letter, though its type would allow more; always so for ``str``.
        several: whether ``A,B`` means two texts.
    """
    about = {"meaning": meaning, "choices": tuple(choices), "least": least, "above": above}
    about |= {"text": text or several, "several": several}
    if isinstance(default, list | dict):
        return field(default_factory=lambda: deepcopy(default), metadata=about)
    return field(default=default, metadata=about)


def settings_of(schema: type) -> list[Field[Any]]:
    """Return the fields that were made by :func:`setting`."""
    return [one for one in fields(schema) if one.metadata]


def check_settings(config: Any, schema: type) -> None:
    """Hold values to the choices and limits of their settings; their types were seen to before.

    Raises:
        UserError: the message names the setting.
    """
    kinds = get_type_hints(schema)
    for one in settings_of(schema):
        value, about = config[one.name], one.metadata
        if value is None:
            continue
        if about["choices"]:
            check_option(one.name, value, *about["choices"])
        if about["least"] is not None or about["above"] is not None:
            if _named(kinds[one.name]) is int:
                check_whole(one.name, value, int(about["least"]))
            else:
                check_number(one.name, value, least=about["least"], above=about["above"])


def demand(schema: type, key: str) -> str:
    """Return what the value of a setting must be, in words; empty where it is no setting or takes anything."""
    return TYPES.get(_named(get_type_hints(schema).get(key)), "")


def to_the_letter(argument: str, schema: type, sweep: bool = False) -> str:
    """Return ``key=value`` with a text quoted, so that a path or a date is not read as a number, a list or a sum.

    What is in quotes or braces stays as it is, and so does ``null`` where the setting may be none.

    Args:
        argument: of the command line.
        schema: the command's settings.
        sweep: whether ``A,B`` asks for two runs.

    Raises:
        OptionError: it is to be true or false, and is neither.
    """
    key, equals, value = argument.partition("=")
    one = next((one for one in settings_of(schema) if one.name.rstrip("_") == key), None)
    if not equals or one is None:
        return argument
    kind = get_type_hints(schema)[one.name]
    if kind is bool and value.lower() not in SWITCHED:  # to OmegaConf any number is true
        raise OptionError(f"{key}={value}: it must be true or false")
    may_be_none = kind is Any or type(None) in getattr(kind, "__args__", ())
    if _is_text(schema, one) and not (value == "null" and may_be_none):
        value = literal(value, bool(one.metadata["several"]), sweep)
    return f"{one.name}={value}"  # Python's own words, such as import, have an underscore behind them


def literal(value: str, several: bool = False, sweep: bool = False) -> str:
    """Return a text, or each text of a list, as Hydra's grammar quotes it."""
    if value[:1] in ("", "'", '"', "{") or value.startswith("${"):
        return value
    inside = value[1:-1] if value[0] == "[" and value[-1] == "]" else value if several and "," in value else None
    if inside is not None:
        return value if set(inside) & set("'\"[]{}") else f"[{_each(inside)}]"
    return _each(value) if sweep else quoted(value)


def _each(values: str) -> str:
    return ",".join(quoted(part.strip()) for part in values.split(",") if part.strip())


def quoted(text: str) -> str:
    """Return a text as Hydra's grammar quotes it: backslashes before a quotation mark, or at the end, are doubled."""
    return "'" + re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), text) + "'"


def _is_text(schema: type, one: Field[Any]) -> bool:
    return bool(one.metadata.get("text")) or _named(get_type_hints(schema)[one.name]) is str


def _named(kind: Any) -> Any:
    """Return the type that a value has unless it is None; ``list`` for lists of anything."""
    kinds = [part for part in getattr(kind, "__args__", ()) if part is not type(None)]
    origin = getattr(kind, "__origin__", None)
    return origin if origin in (list, dict) else kinds[0] if len(kinds) == 1 else kind


def help_text(command: str, schema: type, groups: Path) -> str:
    """Return what ``--help`` prints: purpose and use from the schema's docstring, then every setting.

    Args:
        command: as it is typed.
        schema: the command's settings.
        groups: folder with a folder of yaml files for each group of settings that is chosen by a name.
    """
    width = min(shutil.get_terminal_size().columns, 120)
    doc = textwrap.dedent(f"    {schema.__doc__}").strip()
    lines = [f"{command}: {doc}"]
    rest = {one.name: one for one in settings_of(schema)}
    for cls in schema.__mro__:
        own = [rest.pop(name) for name in vars(cls).get("__annotations__", ()) if name in rest]
        if own:
            title = "Settings" if cls is schema else (cls.__doc__ or "").strip().splitlines()[0].rstrip(".")
            lines += ["", f"{title}:", *(line for one in own for line in _described(one, groups, width))]
    return "\n".join([*lines, "", "Give them as name=value; null for none."])


def _described(one: Field[Any], groups: Path, width: int) -> Iterator[str]:
    """Yield the lines of a setting: its name and default, what it means, its choices."""
    value = one.default_factory() if one.default_factory is not MISSING else one.default
    group = groups / one.name
    choices = one.metadata["choices"] or sorted(path.stem for path in group.glob("*.yaml"))
    meaning = one.metadata["meaning"] + (f" ({' | '.join(choices)})" if choices else "")
    name = one.name.rstrip("_")
    head = f"  {name}={shown(value)}"
    if isinstance(value, dict):
        head = f"  {name}"
    wrapped = textwrap.wrap(meaning, max(width - 28, 40)) or [""]
    if len(head) < 27:
        yield f"{head:<27} {wrapped.pop(0)}".rstrip()
    else:
        yield head
    yield from (f"{'':28}{line}" for line in wrapped)


def shown(value: Any) -> str:
    """Return a value as it is typed."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return "[" + ",".join(map(shown, value)) + "]" if isinstance(value, list) else str(value)
