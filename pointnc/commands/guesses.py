"""What somebody may have meant by a setting, choice or command that there is not."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pointnc.errors import UserError

ELSEWHERE = {
    "epochs": "trainer.max_epochs",
    "max_epochs": "trainer.max_epochs",
    "num_epochs": "trainer.max_epochs",
    "iterations": "steps",
    "max_steps": "steps",
    "lr": "optimizer.lr",
    "learning_rate": "optimizer.lr",
    "wd": "optimizer.weight_decay",
    "weight_decay": "optimizer.weight_decay",
    "batch": "batch_size",
    "bs": "batch_size",
    "num_workers": "workers",
    "voxel_size": "dataset.voxel_size",
    "grid_size": "dataset.voxel_size",
    "precision": "trainer.precision",
    "amp": "trainer.precision",
    "device": "accelerator",
    "gpus": "accelerator",
    "backbone": "model",
    "data": "data_root",
    "root": "data_root",
    "data_path": "data_root",
    "save_path": "run_dir",
    "output": "out",
    "output_dir": "out",
    "ckpt": "checkpoint",
    "weights": "checkpoint",
    "model": "checkpoint",
    "file": "input",
    "files": "input",
}
"""Names of other code bases, and those that are meant; which of them a command has is asked."""


def unknown_setting(key: str, known: Iterable[str]) -> str:
    """Return the line about a setting that there is not.

    Args:
        key: as it was typed.
        known: the settings that there are.
    """
    names = list(known)
    meant = ELSEWHERE.get(key)
    near = [name for name in names if name == meant or name == f"trainer.{meant}"]
    near = near or [name for name in names if name.rpartition(".")[2] == key]
    near = near or difflib.get_close_matches(key, names, 1)
    if not near:
        last = {name.rpartition(".")[2]: name for name in reversed(names)}
        near = [last[one] for one in difflib.get_close_matches(key.rpartition(".")[2], last, 1)]
    return f"there is no setting {key}{f'; did you mean {near[0]}=?' if near else ''} (--help lists all)"


def unknown_choice(group: str, name: str, choices: Iterable[str]) -> str:
    """Return the line about a file that a group has not, such as ``model=resunet``."""
    there = list(choices)
    near = [one for one in there if one.startswith(name)] or difflib.get_close_matches(name, there, 3)
    group = group.replace("/", ".")
    return f"there is no {group}={name}; {f'did you mean {_or(near)}' if near else f'choose {_or(there)}'}?"


def _or(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def explain(message: str, known: Callable[[], Iterable[str]]) -> UserError | None:
    """Return the mistake behind what Hydra did not find; None where it says something else.

    Args:
        message: Hydra's.
        known: returns the settings that there are.
    """
    text = " ".join(message.split())
    if found := re.search(r"Could not override '([^']*)'", text):
        return UserError(unknown_setting(found[1], known()), code="unknown-setting")
    if found := re.search(r"Could not find '([^']*)/([^'/]*)' Available options in '[^']*': (.*) Config search", text):
        return UserError(unknown_choice(found[1], found[2], found[3].split()), code="unknown-name")
    return None


def keys_of(node: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of all settings below a node of a configuration."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if not str(key).startswith("_"):
                yield f"{prefix}{key}"
                yield from keys_of(value, f"{prefix}{key}.")
