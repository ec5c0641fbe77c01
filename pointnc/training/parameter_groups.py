"""Parts of a network that learn at a rate of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from pointnc.checks import check_number
from pointnc.errors import UserError


def parameter_groups(named: Iterable[tuple[str, nn.Parameter]], factors: Mapping[str, float], rate: float) -> list[Any]:
    """Return what an optimizer takes: the parameters, or groups of them with rates.

    Args:
        named: parameters that learn, by their names.
        factors: part of a name to the factor on the rate of the parameters that have it; the first that fits counts.
        rate: of the others.

    Raises:
        UserError: these are no factors by name, one is negative or no number, or no parameter has its name.
    """
    if not isinstance(factors, Mapping):
        raise UserError(
            f"learning_rates={factors}: it must be given by parts of parameters' names, such as "
            "+learning_rates.block=0.1",
            code="option",
        )
    for part, factor in factors.items():
        check_number(f"learning_rates.{part}", factor, least=0)
    groups: dict[str | None, list[nn.Parameter]] = {None: [], **{part: [] for part in factors}}
    names = []
    for name, parameter in named:
        names.append(name)
        groups[next((part for part in factors if part in name), None)].append(parameter)
    for part in factors:
        if not groups[part]:
            raise UserError(
                f"learning_rates.{part}: no parameter that learns has it in its name, such as {names[0]}",
                code="unknown-name",
            )
    if not factors:
        return groups[None]
    return [
        {"params": members, "lr": rate * (1.0 if part is None else factors[part])}
        for part, members in groups.items()
        if members
    ]
