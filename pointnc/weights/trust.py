"""What a configuration that came out of a file may have built: this project's parts, each in its place.

``hydra.utils.instantiate`` imports and calls whatever ``_target_`` names. A configuration of one's own may say what it
likes; that of a checkpoint may be untrusted. Before anything of it is built or imported, every ``_target_`` must
stand in a table: what the files of ``conf/`` name in the same place, or what ``trust=`` on the command line names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pointnc.commands.entry import config_folder
from pointnc.errors import UserError
from pointnc.weights.architecture import TARGETS
from pointnc.weights.head_architecture import HEAD_TARGETS
from pointnc.weights.plain import shown

TARGET = "_target_"
SPECIAL = {"_partial_": bool, "_recursive_": bool, "_convert_": str, "_args_": list}
"""Hydra's other keys, and what they must be."""

OUTWARD = ("trainer", "logger")
"""Places whose parts write or connect as their arguments say: a file may set those alone that ``conf/`` sets, and…"""

FURTHER = (
    *("min_epochs", "max_steps", "limit_train_batches", "limit_val_batches", "gradient_clip_algorithm"),
    *("val_check_interval", "num_nodes", "deterministic", "benchmark"),
)
"""…these, which are numbers, true or false."""


@dataclass(frozen=True)
class Known:
    """How ``conf/`` has a part built.

    Attributes:
        partial: whether with ``_partial_``.
        arguments: that it gives.
    """

    partial: bool
    arguments: frozenset[str]


NETWORKS = {
    "model": {target: Known(False, frozenset()) for target in TARGETS},
    "head": {target: Known(False, frozenset()) for target in HEAD_TARGETS},
}
"""pointnc's own networks, which are known without a look into ``conf/``."""


def trusted(value: Any) -> frozenset[str]:
    """Return the names that ``trust=`` gives: one, several after commas, or a list.

    Raises:
        UserError: it is something else.
    """
    names = value.split(",") if isinstance(value, str) else list(value or ())
    if not all(isinstance(name, str) for name in names):
        raise UserError("trust: give the names of classes, as in trust=mine.Network,mine.Loss", code="option")
    return frozenset(name.strip() for name in names if name.strip())


def parts(config: Any, start: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the outermost nodes below a plain node that name a ``_target_``, with their dotted place.

    Args:
        config: the node.
        start: its own place.
    """
    waiting = [(start, config)]
    while waiting:
        place, node = waiting.pop()
        if isinstance(node, dict) and TARGET in node:
            yield place, node
        elif isinstance(node, dict | list):
            items = node.items() if isinstance(node, dict) else enumerate(node)
            waiting.extend((f"{place}.{key}" if place else str(key), value) for key, value in items)


@cache
def table() -> dict[str, dict[str, Known]]:
    """Return place to ``_target_`` to how it is built, out of the files of ``conf/`` that a training is composed of."""
    import yaml

    found: dict[str, dict[str, Known]] = {place: dict(targets) for place, targets in NETWORKS.items()}
    folder = config_folder()
    for file in sorted(folder.rglob("*.yaml")):
        group = file.parent.relative_to(folder).parts
        if group[:1] == ("tools",):
            continue
        text = file.read_text(encoding="utf-8")
        node = yaml.safe_load(text)
        for key in () if "# @package _global_" in text else reversed(group):
            node = {key: node}
        for place, part in parts(node):
            for target, known in _named(part):
                earlier = found.setdefault(place, {}).get(target)
                arguments = known.arguments | (earlier.arguments if earlier else frozenset())
                found[place][target] = Known(known.partial, arguments)
    return found


def _named(node: Any) -> Iterator[tuple[str, Known]]:
    if isinstance(node, dict):
        if TARGET in node:
            yield node[TARGET], Known(node.get("_partial_", False), frozenset(node) - {TARGET, *SPECIAL})
    elif not isinstance(node, list):
        return
    for value in node.values() if isinstance(node, dict) else node:
        yield from _named(value)


def check_parts(
    config: Mapping[str, Any],
    path: Path,
    trust: Collection[str] = (),
    places: Collection[str] | None = None,
    own: Mapping[str, Any] | None = None,
) -> None:
    """Refuse a configuration that would have anything called but parts that are known or trusted. Nothing is imported.

    Args:
        config: out of a file, as :func:`pointnc.weights.plain.plain` returns it.
        path: the file, for the message.
        trust: names that the user vouches for, in any place.
        places: top-level keys below which alone anything will be built; None: all.
        own: place to part that the user's own command line composes. What is equal to it is the user's wish.

    Raises:
        UserError: it would; the message names what, and how to allow it.
    """
    starts = {"": dict(config)} if places is None else {key: config.get(key) for key in places}
    for start, node in starts.items():
        for place, part in parts(node, start):
            if own is None or own.get(place) != part:
                networks = NETWORKS.get(place, {})
                allowed = networks if str(part[TARGET]) in networks else table().get(place, {})
                _check(part, place, allowed, frozenset(trust), f"{path}: {place or 'all of it'}")


def _check(node: Any, place: str, allowed: Mapping[str, Known], trust: frozenset[str], where: str) -> None:
    if isinstance(node, list):
        for value in node:
            _check(value, place, allowed, trust, where)
    if not isinstance(node, dict):
        return
    if TARGET in node:
        _check_target(node, place, allowed, trust, where)
    elif not SPECIAL.keys().isdisjoint(node):
        raise UserError(
            f"{where} has keys of Hydra's in a part that names none: do not use this file", code="unsafe-file"
        )
    for value in node.values():
        _check(value, place, allowed, trust, where)


def _check_target(
    node: dict[str, Any], place: str, allowed: Mapping[str, Known], trust: frozenset[str], where: str
) -> None:
    target = node[TARGET]
    if not isinstance(target, str) or (target not in allowed and target not in trust):
        how = "do not use this file"
        if isinstance(target, str) and re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", target, re.ASCII):
            how = f"if it is yours and you trust the file, add trust={target}; else do not use it"
        raise UserError(
            f"{where} asks to call {shown(target)}, which pointnc does not have there: {how}", code="unsafe-file"
        )
    special = {key: node[key] for key in SPECIAL if key in node}
    wrong = next((key for key, value in special.items() if type(value) is not SPECIAL[key]), None)
    if target not in trust:
        known = allowed[target]
        if special.pop("_partial_", False) is not known.partial or special:
            wrong = wrong or next(iter(special), "_partial_")
        if place in OUTWARD:
            _check_arguments(node, known, where, target)
    if wrong:
        raise UserError(f"{where} has {wrong} where pointnc has it otherwise: do not use this file", code="unsafe-file")


def _check_arguments(node: dict[str, Any], known: Known, where: str, target: str) -> None:
    """Refuse arguments that could make a part write elsewhere, connect or load: all but known ones and plain values."""
    for key, value in node.items():
        if key == TARGET or key in SPECIAL:
            continue
        free = isinstance(value, dict | list) or (isinstance(value, str) and not re.fullmatch(r"(?!\.)[\w .-]*", value))
        if free or key not in known.arguments | set(FURTHER):
            raise UserError(
                f"{where}.{key}={shown(value)} is nothing that a file may set: give it on the command line too, or add "
                f"trust={target}",
                code="unsafe-file",
            )
