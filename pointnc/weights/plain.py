"""Plain values out of a checkpoint: words, numbers, lists and mappings, of bounded size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pointnc.errors import UserError

MOST = 200_000
"""Values in a configuration or taxonomy; those of a large run have a few thousand."""

DEEPEST = 32
"""Levels of nesting."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class _Count:
    left = MOST


def plain(value: Any, place: str) -> Any:
    """Return a copy in dict, list, str, int, float, bool and None alone.

    A configuration is resolved before it is written: an interpolation (``${…}``), which would be resolved where the
    file is read, is not ours.

    Args:
        value: what was read.
        place: what it is, for the message.

    Raises:
        UserError: it holds something else, an interpolation or control characters, or is too large or too deep.
    """
    return _plain(value, place, 0, _Count())


def _plain(value: Any, place: str, depth: int, count: _Count) -> Any:
    count.left -= 1
    if count.left < 0 or depth > DEEPEST:
        raise UserError(
            f"{place.split('.')[0]} holds more than {MOST} values, or more than {DEEPEST} levels of them",
            code="too-large",
        )
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) and type(key) is not int:
                raise UserError(f"{place} has a key that is no word: {shown(key)}", code="malformed")
        pairs = ((_word(key, place), inner) for key, inner in value.items())
        return {key: _plain(inner, f"{place}.{key}", depth + 1, count) for key, inner in pairs}
    if isinstance(value, list | tuple):
        return [_plain(inner, f"{place}.{number}", depth + 1, count) for number, inner in enumerate(value)]
    if isinstance(value, str):
        return _word(value, place)
    if value is None or type(value) in (bool, float) or (type(value) is int and abs(value) < 2**63):
        return value
    raise UserError(f"{place} is {shown(value)}, which no configuration holds", code="malformed")


def _word(value: Any, place: str) -> Any:
    if isinstance(value, str):
        if "${" in value or value == "???":
            raise UserError(
                f"{place} is the interpolation {shown(value)}: pointnc writes none, and none is resolved",
                code="unsafe-file",
            )
        if _CONTROL.search(value):
            raise UserError(f"{place} holds control characters: {shown(value)}", code="malformed")
        return str(value)
    return value


def check_type(value: Any, kind: Any, place: str) -> None:
    """Refuse a value that is not of a type, or of one of several; true and false are no numbers.

    Raises:
        UserError: the message names the place and what is there.
    """
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"{place} is {shown(value)}, which is of the wrong kind", code="malformed")


def shown(value: Any) -> str:
    """Return an untrusted value for a message: on one line, in ASCII, of at most 80 characters."""
    if isinstance(value, str):
        text = ascii(value[:100])
    elif isinstance(value, bool | float | None) or (isinstance(value, int) and abs(value) < 2**63):
        text = str(value)
    else:
        text = type(value).__name__
    return text if len(text) <= 80 else f"{text[:79]}…"
