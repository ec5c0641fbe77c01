"""Settings that a resumed run changes: the optimizer's state repeats the old ones, and would bring them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from pointnc.errors import UserError
from pointnc.training.parameter_groups import parameter_groups
from pointnc.weights.checkpoint import KEY

NOT_OPTIONS = ("_target_", "_partial_", "lr")


def renew_optimizer(
    data: dict[str, Any], config: Mapping[str, Any], learning: Sequence[tuple[str, nn.Parameter]]
) -> None:
    """Write what has changed of the optimizer's settings into its state, and the rates into that of the schedule.

    What has not changed is left as it is, to the bit. The schedules of :mod:`pointnc.training.schedules` are factors on
    the rates, so that they go on from the same place at the new ones.

    Args:
        data: a checkpoint of the run, changed in place.
        config: the run's, as it goes on.
        learning: the parameters that learn, by their names.

    Raises:
        UserError: the parameters are no longer divided as they were.
    """
    before: Mapping[str, Any] = data[KEY]["config"]
    changed = {
        key: value
        for key, value in config["optimizer"].items()
        if key not in NOT_OPTIONS and value != before["optimizer"].get(key)
    }
    rates = [_rates(one, learning) for one in (before, config)]
    if len(rates[0]) != len(rates[1]):
        raise UserError("learning_rates: other parts than the run's have a rate of their own; leave it", code="option")
    for state, schedule in zip(data["optimizer_states"], data["lr_schedulers"], strict=True):
        for number, (group, old, new) in enumerate(zip(state["param_groups"], *rates, strict=True)):
            group.update({key: value for key, value in changed.items() if key in group})
            if old == new:
                continue
            group["lr"] = group["lr"] * new / old if old else new
            group["initial_lr"] = new
            if "base_lrs" in schedule:
                schedule["base_lrs"][number] = new


def _rates(config: Mapping[str, Any], learning: Sequence[tuple[str, nn.Parameter]]) -> list[float]:
    rate = config["optimizer"]["lr"]
    groups = parameter_groups(learning, config.get("learning_rates") or {}, rate)
    return [group["lr"] for group in groups if isinstance(group, dict)] or [rate]
