"""Who does what: a list of work in parts of about equal size, the same on every machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pointnc.errors import UserError

MERGE = "merge"


@dataclass(frozen=True)
class Shard:
    """One of several parts.

    Attributes:
        number: from 1.
        total: how many there are.
    """

    number: int
    total: int

    def __str__(self) -> str:
        """Return what the user types: ``3/16``."""
        return f"{self.number}/{self.total}"


def read_shard(value: object) -> Shard | None:
    """Return what ``shard=`` means; None for ``merge``.

    Raises:
        UserError: it is neither ``K/N`` with 1 <= K <= N nor ``merge``.
    """
    if value == MERGE:
        return None
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", str(value))
    if match is None:
        raise UserError(
            f"shard={value}: give the number of a part and how many there are, as in shard=3/16, or merge",
            code="option",
        )
    shard = Shard(int(match[1]), int(match[2]))
    if not 1 <= shard.number <= shard.total:
        raise UserError(f"shard={value}: the parts are numbered from 1 to {shard.total}", code="option")
    return shard


def cut(items: Mapping[str, float], total: int, together: Mapping[str, str] | None = None) -> list[list[str]]:
    """Return the items of each part, in the order given.

    The largest goes first, each to the part that has least so far, so that all end at about the same time. The result
    depends on nothing but the arguments.

    Args:
        items: name to size, in any unit.
        total: number of parts.
        together: name to a group that must not be parted; an item that is not there is a group of its own.
    """
    groups: dict[str, list[str]] = {}
    for name in items:
        groups.setdefault((together or {}).get(name, name), []).append(name)
    sizes = {group: sum(items[name] for name in names) for group, names in groups.items()}
    loads = [(0.0, 0, number) for number in range(total)]
    owner: dict[str, int] = {}
    for group in sorted(groups, key=lambda group: (-sizes[group], group)):
        load, count, number = min(loads)
        loads[number] = (load + sizes[group], count + len(groups[group]), number)
        owner.update(dict.fromkeys(groups[group], number))
    return [[name for name in items if owner[name] == number] for number in range(total)]


def check_enough(items: int, total: int, asked: str, what: str) -> None:
    """Refuse more parts than there is work.

    Args:
        items: number of things to do.
        total: number of parts.
        asked: what asked for so many, for the message.
        what: the things, in the plural.

    Raises:
        UserError: a part would be empty.
    """
    if total > items:
        raise UserError(
            f"{asked}: there are only {items} {what} to share out; ask for {max(items, 1)} at most",
            code="too-many-processes",
        )
