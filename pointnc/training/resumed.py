"""The configuration of a run that goes on: its checkpoint's, as far as a file may decide, under the command line's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from pointnc.errors import UserError
from pointnc.training.length import choose_unit
from pointnc.training.run_folder import Place, find_resume
from pointnc.weights.architecture import TARGETS
from pointnc.weights.checkpoint import Checkpoint, load_model_state, read_checkpoint
from pointnc.weights.network import input_of, network_of
from pointnc.weights.plain import check_type
from pointnc.weights.trust import TARGET, check_parts, parts, trusted

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

GROUPS = ("choice", "dataset", "model", "augmentation", "loss", "regularizer", "optimizer", "schedule", "trainer")
"""What every run's configuration has."""

OPTIONAL = ("head", "insertion", "distillation", "refit", "logger", "callbacks")
"""What may be missing or null."""

BUILT = (
    *("model", "dataset.taxonomy", "augmentation.transforms"),
    *("loss", "regularizer", "optimizer", "schedule", "trainer"),
)
"""What is built of it, and so must name a ``_target_``."""

COMMANDED = ("resume", "run_dir", "trust")
"""What the command line alone decides."""

PLACES = ("dataset.store", "dataset.taxonomy.root", "dataset.prepare.root")
"""What is below ``data_root``."""

BUILT_IN = tuple(
    f"regularizer.{name}"
    for name in ("frame", "seed", "projector", "project", "projector_channels", "reduce_channels", "strength")
)
"""What a checkpoint's tensors follow from, so that it cannot be another for them."""

_MISSING = object()


def place_of(config: DictConfig) -> Place:
    """Return where a run is to live."""
    choice = config.choice
    name = "-".join([choice.dataset, choice.model, choice.regularizer])
    return Place(name, config.get("run_dir"), config.get("resume"))


def resumed_config(config: DictConfig, overrides: list[str]) -> DictConfig:
    """Return the configuration to run: a resumed run's own one with the command line's single values over it.

    Args:
        config: what the command line composed.
        overrides: the command line.

    Raises:
        UserError: see :func:`go_on` and :func:`~pointnc.training.length.choose_unit`.
    """
    path = find_resume(place_of(config))
    result = config if path is None else go_on(path, config, overrides)
    choose_unit(result.trainer, result.get("steps"), _named(overrides))
    return result


def go_on(path: Path, config: DictConfig, overrides: list[str]) -> DictConfig:
    """Return the configuration of a checkpoint's run with the command line's single values over it.

    The file may be untrusted: nothing of it is built here, and nothing is let through but parts that pointnc has in
    the same place, that ``trust=`` names, or that the command line itself composes. Where the run writes is decided by
    where the file is and by the command line; a data set is made only where the command line asks for the same.

    Args:
        path: the checkpoint.
        config: what the command line composed.
        overrides: the command line.

    Raises:
        UserError: the file asks for something else or is of the wrong kind, or the command line changes what a resumed
            run cannot change (another model, data set...).
    """
    if config.run_dir is None and path.absolute().parent.name != "checkpoints":
        raise UserError(
            f"{path} is in no run folder (FOLDER/checkpoints/last.ckpt): say by run_dir= where to write",
            code="bad-name",
        )
    checkpoint = read_checkpoint(path)
    _check_kinds(checkpoint)
    merged = OmegaConf.create(checkpoint.config)
    _lay_over(merged, config, overrides, path)
    for key in COMMANDED:
        OmegaConf.update(merged, key, config.get(key), force_add=True)
    merged.resume = str(path)
    own = {place: _plain(config, place) for place, _ in parts(OmegaConf.to_container(config, resolve=False))}
    result: Any = OmegaConf.to_container(merged, resolve=False)
    trust = trusted(config.get("trust"))
    check_parts(result, path, trust, own=own)
    if own.get("dataset.prepare") != result["dataset"].get("prepare"):
        merged.dataset.prepare = None  # it writes where it is told to
    if result["model"][TARGET] in TARGETS:  # sizes are those of the file's tensors: known before memory is asked for
        head = (result.get("head") or {}).get(TARGET)
        resolved: Any = OmegaConf.to_container(merged, resolve=True)
        described = replace(checkpoint, config=resolved)
        load_model_state(network_of(described, trust | {head} if head else trust), checkpoint, checkpoint.taxonomy)
    return merged


def _check_kinds(checkpoint: Checkpoint) -> None:
    """Refuse a configuration whose parts have other types than a run's."""
    config = checkpoint.config
    try:
        for key in GROUPS:
            check_type(config.get(key), dict, f"config.{key}")
        for key in OPTIONAL:
            check_type(config.get(key), dict | None, f"config.{key}")
        for key, value in config["choice"].items():
            check_type(value, str | None, f"config.choice.{key}")
        check_type(config["augmentation"].get("mix_probability"), int | float, "config.augmentation.mix_probability")
        for key in ("train_split", "val_split"):
            check_type(config["dataset"].get(key), str, f"config.dataset.{key}")
        callbacks = config.get("callbacks") or {}
        built = {
            **{key: _inner(config, key) for key in BUILT},
            **{f"callbacks.{key}": callbacks[key] for key in callbacks},
        }
        for key in ("insertion", "logger", "head"):
            if config.get(key):
                built[key] = config[key]
        for key, value in built.items():
            check_type(value, dict, f"config.{key}")
            check_type(value.get(TARGET), str, f"config.{key}.{TARGET}")
    except UserError as error:
        raise UserError(f"{checkpoint.path}: {error}", code=error.code) from None
    input_of(checkpoint)


def _inner(node: Any, key: str) -> Any:
    for name in key.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node


def _named(overrides: Collection[str]) -> dict[str, Override]:
    """Return what a command line says of each setting or group, by its dotted name; the last one holds, as in Hydra."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return {override.key_or_group.replace("/", "."): override for override in parsed}


def _lay_over(merged: DictConfig, config: DictConfig, overrides: Collection[str], path: Path) -> None:
    """Write the command line's single values into a run's own configuration."""
    last = _named(overrides)
    if "data_root" in last:
        _move_data(merged, str(last["data_root"].value()))
    for key, override in last.items():
        if key in COMMANDED or key == "dataset.prepare":
            continue
        value: Any = override.value()
        present = OmegaConf.select(merged, key, default=_MISSING)
        if present is _MISSING and key == "model.engine":  # a run of an earlier version knows no choice
            OmegaConf.update(merged, key, value, force_add=True)
            continue
        whole = present is _MISSING or OmegaConf.is_config(present)
        if whole:
            named = key in merged.choice
            fits = merged.choice[key] == value if named else _plain(config, key) == _plain(merged, key)
        else:
            fits = key not in BUILT_IN or value == present
        if not fits:
            raise UserError(
                f"{path} was not trained with {key}={value}: leave it out, or start without resume=",
                code="other-settings",
            )
        if not whole:
            OmegaConf.update(merged, key, value)


def _move_data(merged: DictConfig, root: str) -> None:
    """Move what is below a run's ``data_root`` below another one: its places are written out in the file."""
    before = merged.get("data_root")
    for key in PLACES:
        place = OmegaConf.select(merged, key)
        if isinstance(place, str) and isinstance(before, str) and f"{place}/".startswith(f"{before}/"):
            OmegaConf.update(merged, key, root + place[len(before) :])


def _plain(config: DictConfig, key: str) -> Any:
    node = OmegaConf.select(config, key)
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
