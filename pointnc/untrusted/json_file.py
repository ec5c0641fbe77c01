"""JSON: objects and lists out of files, bounded in size and depth."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pointnc.errors import UserError
from pointnc.untrusted.sizes import one_line, read_bounded

DEPTH = 32
"""Objects and lists within each other."""

SMALL = 16 << 20
LARGE = 256 << 20
"""Bytes of a file that describes one thing, and of one that lists many."""

Kinds = Mapping[str, type | tuple[type, ...]]
"""Key to what its value may be."""


def read_json_object(
    path: str | Path,
    hint: str,
    *,
    required: Kinds | None = None,
    optional: Kinds | None = None,
    most: int = SMALL,
) -> dict[str, Any]:
    """Return the object that a file holds.

    Args:
        path: of the file.
        hint: how to fix what is wrong with it; ends every message.
        required: keys that must be there.
        optional: keys whose values have a type where they are there.
        most: bytes that the file may have.

    Raises:
        UserError: it is no JSON object in utf-8, nests too deep, is too large, or lacks a key.
        OSError: it is missing or cannot be read.
    """
    data = read_json(path, hint, most=most)
    if not isinstance(data, dict):
        raise UserError(f"{path} holds {_named(data)} instead of a json object; {hint}", code="malformed")
    check_keys(data, str(path), hint, required or {}, optional or {})
    return data


def read_json(path: str | Path, hint: str, *, most: int = SMALL) -> Any:
    """Return what a file holds, of any type.

    Raises:
        UserError: it is no JSON in utf-8, nests too deep or is too large.
        OSError: it is missing or cannot be read.
    """
    return parse_json(read_bounded(path, most, hint), str(path), hint)


def parse_json(raw: bytes | str, what: str, hint: str) -> Any:
    """Return what a text holds.

    Args:
        raw: the text.
        what: whose text it is; begins every message.
        hint: how to fix what is wrong with it.

    Raises:
        UserError: it is no JSON in utf-8, or nests too deep.
    """
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8-sig")
        # Python itself refuses numbers of thousands of digits, by a ValueError.
        data = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise UserError(f"{what} is no json of ours: it nests too deep; {hint}", code="too-large") from None
    except ValueError as error:
        raise UserError(f"{what} is truncated or no json ({one_line(error)}); {hint}", code="damaged-file") from None
    if text.count("[") + text.count("{") > DEPTH and _deeper(data, DEPTH):
        raise UserError(f"{what} is no json of ours: it nests more than {DEPTH} deep; {hint}", code="too-large")
    return data


def check_keys(
    data: Mapping[str, Any], what: str, hint: str, required: Kinds | None = None, optional: Kinds | None = None
) -> None:
    """Compare the values of an object with the types that they must have.

    Raises:
        UserError: a required key is missing, or a value has another type; true and false are no numbers.
    """
    for key in required or {}:
        if key not in data:
            raise UserError(f"{what} has no {key!r}; {hint}", code="malformed")
    for key, kind in {**(optional or {}), **(required or {})}.items():
        kinds = kind if isinstance(kind, tuple) else (kind,)
        value = data.get(key)
        if key in data and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            raise UserError(f"{what}: {key!r} is {_named(value)}; {hint}", code="malformed")


def _deeper(data: Any, most: int) -> bool:
    level: Sequence[Any] = [data]
    for _ in range(most + 1):
        level = [item for one in level for item in _containers(one)]
        if not level:
            return False
    return True


def _containers(one: Any) -> Sequence[Any]:
    """Return what may hold further values; a list of a million numbers costs next to nothing."""
    items = list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else ()
    kinds = set(map(type, items))
    return [item for item in items if isinstance(item, (dict, list))] if dict in kinds or list in kinds else ()


def _named(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is beyond every number")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of json")
