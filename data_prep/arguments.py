"""What people type after ``python -m data_prep.X``."""

from __future__ import annotations

from pathlib import Path

from pointnc.texts import quoted


def store_argument(argument: str) -> str:
    """Return a bare folder as Hydra's ``store=...``, any other argument as it is."""
    if argument.startswith("-") or ("=" in argument and not Path(argument).is_dir()):
        return argument
    return f"store={quoted(argument)}"
