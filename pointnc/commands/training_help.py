"""``pointnc train --help``: the recipe that was composed, setting by setting, and what each means."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pointnc.commands.meanings import arguments_of, comments_of, comments_of_group, purpose
from pointnc.commands.settings import shown

OWN = "train"
FIRST = ("dataset", "model", "loss", "regularizer", "trainer", "optimizer", "schedule", "augmentation", "head")
"""Groups in the order in which people ask for them; the others follow."""

HIDDEN = {"choice", "hydra", "tools"}
INTRODUCTION = """trains, evaluates at full resolution, writes a run folder with report.html.

  {command}                                             the synthetic rooms, on a CPU in minutes
  {command} dataset=scannet200 data_root=STORE          ScanNet200, by the recipe of the data set
  {command} dataset=custom data_root=STORE              scans of your own (docs/custom_data.md)
  {command} regularizer=ceco loss=lovasz trainer.max_epochs=9
  {command} resume=runs/…/checkpoints/last.ckpt         goes on after Ctrl-C"""


def training_help(command: str, folder: Path, overrides: Sequence[str]) -> str:
    """Return what ``--help`` prints beside these overrides.

    Args:
        command: as it is typed.
        folder: of the configuration.
        overrides: in Hydra's grammar; what they choose is what is described.
    """
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(folder.absolute()), version_base="1.3"):
        config = compose("train", list(overrides), return_hydra_config=True)
    choices = {
        name: str(choice or "null")
        for name, choice in config.hydra.runtime.choices.items()
        if not name.startswith("hydra")
    }
    plain: Any = OmegaConf.to_container(config, resolve=False)
    width = min(shutil.get_terminal_size().columns, 120)
    groups = sorted(choices, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    lines = [f"{command}: {INTRODUCTION.format(command=command)}", "", "Choices, each a file of settings:"]
    for group in groups:
        names = sorted(file.stem for file in (folder / group).glob("*.yaml"))
        lines += _row(f"{group}={shown(choices[group])}", " | ".join(names), width)
    own = comments_of(folder / f"{OWN}.yaml")
    taken: set[str] = set()
    sections: list[tuple[str, dict[str, Any], dict[str, str]]] = []
    for group in groups:
        if (file := folder / group / f"{choices[group]}.yaml").is_file() and group != "experiment":
            comments = comments_of_group(file)
            # A file of the whole configuration (# @package _global_) has its settings at the top.
            top = "@package _global_" in file.read_text(encoding="utf-8")
            keys = [key for key in plain if key in _keys(file)] if top else [group]
            prefixed = comments if top else {f"{group}.{key}": value for key, value in comments.items() if key}
            title = f"{group}={choices[group]}: {comments['']}".rstrip(": ")
            sections.append((title, {key: plain[key] for key in keys if plain[key] != {}}, prefixed))
            taken.update(keys)
    rest: dict[str, Any] = {key: value for key, value in plain.items() if key not in taken | HIDDEN}
    for title, values, comments in [("The run", rest, own), *sections]:
        described = list(_described(values, {**own, **comments}, width))
        if described:
            lines += ["", *textwrap.wrap(title, width), *described]
    lines += ["", "Give them as name=value, or --name value; null for none. The values are those of this recipe;"]
    return "\n".join([*lines, f"{command} dataset=scannet200 --help shows those of ScanNet200."])


def _keys(file: Path) -> set[str]:
    return {line.split(":")[0] for line in file.read_text(encoding="utf-8").splitlines() if line[:1].isalpha()}


def _described(values: Mapping[str, Any], said: Mapping[str, str], width: int, prefix: str = "") -> Iterator[str]:
    """Yield the lines of settings, those of nested ones below a line for what they build."""
    target = values.get("_target_")
    documented = arguments_of(str(target)) if target else {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        if name.startswith("_") or key == "_target_":
            continue
        meaning = said.get(key) or documented.get(name) or ("" if target else said.get(prefix[:-1], ""))
        if isinstance(value, Mapping) and value:
            built = purpose(str(value["_target_"])) if "_target_" in value else ""
            if prefix and (said.get(key) or built):
                yield from _row(key, said.get(key) or built, width)
            yield from _described(value, said, width, f"{key}.")
        else:
            yield from _row(f"{key}={shown(value)}", meaning, width)


def _row(head: str, meaning: str, width: int) -> Iterator[str]:
    wrapped = textwrap.wrap(meaning, max(width - 40, 40)) or [""]
    first = wrapped.pop(0) if len(head) < 37 else ""
    yield f"  {head:<37} {first}".rstrip()
    yield from (f"{'':40}{line}" for line in wrapped if line)
