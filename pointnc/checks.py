"""Checks of arguments that come from a configuration: the message names the argument.

Where the class is of use by itself, that is enough; commands say of which part of the configuration it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from pointnc.error_codes import ErrorCode
from pointnc.errors import UserError


class OptionError(UserError):
    """An argument that makes no sense; the message begins with its name."""

    usual_code: ClassVar[ErrorCode] = "option"


@contextmanager
def of_node(node: str) -> Iterator[None]:
    """Put the name of a part of the configuration before the arguments that make no sense.

    Raises:
        UserError: in place of an OptionError.
    """
    try:
        yield
    except OptionError as error:
        raise UserError(f"{node}.{error}", code=error.code) from None


def node_of(error: BaseException) -> str:
    """Return the part of the configuration that Hydra was building when something was raised; empty if it was none."""
    found = re.search(r"^full_key: (\S+)$", str(error), re.MULTILINE)
    return found[1] if found else ""


def check_option(key: str, value: Any, *choices: str) -> None:
    """Raise OptionError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise OptionError(f"{key}={value} is unknown; choose one of {', '.join(choices)}")


def check_switch(key: str, value: Any) -> None:
    """Raise OptionError unless ``value`` is true or false."""
    if not isinstance(value, bool):
        raise OptionError(f"{key}={value}: it must be true or false")


def check_number(
    key: str,
    value: Any,
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> None:
    """Raise OptionError unless ``value`` is a finite number.

    It must be >= ``least``, > ``above``, < ``below`` and <= ``most`` where given.
    """
    good = isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value)
    good = good and (least is None or value >= least) and (above is None or value > above)
    if not (good and (below is None or value < below) and (most is None or value <= most)):
        limits = {"at least": least, "above": above, "below": below, "at most": most}
        demand = " and ".join(f"{words} {limit:g}" for words, limit in limits.items() if limit is not None)
        raise OptionError(f"{key}={value}: it must be a number{' ' if demand else ''}{demand}")


def check_probability(key: str, value: Any) -> None:
    """Raise OptionError unless ``value`` is a number from 0 to 1."""
    check_number(key, value, least=0, most=1)


def check_factors(low: Any, high: Any) -> None:
    """Raise OptionError unless ``low`` and ``high`` are numbers above 0 in this order."""
    check_number("low", low, above=0)
    check_number("high", high, least=low)


def check_whole(key: str, value: Any, least: int, optional: bool = False, most: int | None = None) -> None:
    """Raise OptionError unless ``value`` is a whole number from ``least`` to ``most``, or None where ``optional``."""
    if value is None and optional:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        or_null = ", or null" if optional else ""
        raise OptionError(f"{key}={value}: it must be a whole number, at least {least}{or_null}")
    if most is not None and value > most:
        raise OptionError(f"{key}={value}: it must be at most {most}")
