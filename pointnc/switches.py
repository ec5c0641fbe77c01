"""Settings that are true or false, whatever else the command line makes of them.

Hydra reads ``overwrite=no`` and ``allow_pickle=off`` as the words "no" and "off", and in Python a word is as good as
true: what the user forbade would be done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


def check_switches(config: DictConfig, root: Path, choices: Mapping[str, str | None]) -> None:
    """Refuse a value other than true and false wherever the files of the configuration have one of these.

    Args:
        config: what was composed.
        root: the file that it was composed from.
        choices: configuration group to the name that was chosen in it.

    Raises:
        UserError: the message names the setting.
    """
    from omegaconf import OmegaConf

    files = {root: ""}
    for group, choice in choices.items():
        file = root.parent / group / f"{choice}.yaml"
        if not group.startswith("hydra") and file.is_file() and "@package" not in file.read_text(encoding="utf-8"):
            files[file] = group.replace("/", ".")
    absent = object()
    for file, package in files.items():
        for key in _switches(OmegaConf.to_container(OmegaConf.load(file)), package):
            value = OmegaConf.select(config, key, default=absent)
            if value is not absent and not isinstance(value, bool):
                raise UserError(f"{key}={value}: it must be true or false", code="option")


def _switches(node: Any, package: str) -> Iterator[str]:
    """Yield the dotted names of the booleans below a node."""
    if isinstance(node, bool):
        yield package
    elif isinstance(node, Mapping):
        for key, value in node.items():
            if package or key != "hydra":
                yield from _switches(value, f"{package}.{key}" if package else str(key))
