"""Checks of options that come from a configuration; the message names the key. For losses, heads and regularizers."""

from __future__ import annotations

import math
from typing import Any

from pointnc.errors import UserError


def check_option(key: str, value: Any, *choices: str) -> None:
    """Raise UserError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise UserError(f"{key}={value} is unknown; choose one of {', '.join(choices)}")


def check_switch(key: str, value: Any) -> None:
    """Raise UserError unless ``value`` is true or false."""
    if not isinstance(value, bool):
        raise UserError(f"{key} must be true or false, got {value}")


def check_number(
    key: str, value: Any, least: float | None = None, above: float | None = None, below: float | None = None
) -> None:
    """Raise UserError unless ``value`` is a finite number, >= ``least``, > ``above`` and < ``below`` where given."""
    good = isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value)
    good = good and (least is None or value >= least) and (above is None or value > above)
    if not (good and (below is None or value < below)):
        limits = {"at least": least, "above": above, "below": below}
        demand = " and ".join(f"{words} {limit:g}" for words, limit in limits.items() if limit is not None)
        raise UserError(f"{key} must be a number{' ' if demand else ''}{demand}, got {value}")


def check_whole(key: str, value: Any, least: int, optional: bool = False) -> None:
    """Raise UserError unless ``value`` is a whole number >= ``least``, or None where ``optional``."""
    if value is None and optional:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        or_null = ", or null" if optional else ""
        raise UserError(f"{key} must be a whole number, at least {least}{or_null}, got {value}")
