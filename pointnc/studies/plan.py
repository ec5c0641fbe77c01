"""What a study compares: named methods, each a list of overrides of the training, and the seeds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from pointnc.errors import UserError


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        method: its name.
        seed: of weights, order and augmentation.
        folder: its run folder.
        overrides: of ``python -m pointnc.train``, without seed and folder.
    """

    method: str
    seed: int
    folder: Path
    overrides: tuple[str, ...]

    @property
    def arguments(self) -> list[str]:
        """The command line behind ``python -m pointnc.train``."""
        return [*self.overrides, f"seed={self.seed}", f"run_dir={self.folder}", "resume=auto"]


@dataclass(frozen=True)
class Study:
    """Methods × seeds.

    Attributes:
        title: what the table is called.
        notes: Markdown below the first table: what a reader should know; may be empty.
        baseline: the method that the others are tested against.
        common: overrides of every run.
        methods: name to the overrides that make it.
        seeds: one run of each method for each.
        folder: where the runs lie.
    """

    title: str
    notes: str
    baseline: str
    common: tuple[str, ...]
    methods: dict[str, tuple[str, ...]]
    seeds: tuple[int, ...]
    folder: Path

    def runs(self) -> list[Run]:
        """Return all runs, seed by seed, so that an interrupted study has compared something."""
        return [
            Run(method, seed, self.folder / method / f"seed{seed}", (*self.common, *overrides))
            for seed in self.seeds
            for method, overrides in self.methods.items()
        ]


def read_study(config: DictConfig) -> Study:
    """Return the study that a configuration describes.

    Args:
        config: of the command; ``only`` restricts the methods.

    Raises:
        UserError: there is no experiment, a name is no folder's, the baseline is not among the methods.
    """
    if not config.get("methods"):
        raise UserError(
            "there are no methods to compare: choose experiment=NAME, a file of conf/tools/experiment",
            code="missing-setting",
        )
    methods = {str(name): overrides_of(name, value) for name, value in config.methods.items()}
    for name in methods:
        if not re.fullmatch(r"[\w.+@-]+", name) or name.startswith("."):
            raise UserError(
                f"methods.{name}: a method's name may have letters, digits, and _ + - . @ only", code="bad-name"
            )
    if config.only:
        unknown = set(config.only) - set(methods)
        if unknown:
            raise UserError(f"only={sorted(unknown)}: there are the methods {', '.join(methods)}", code="unknown-name")
        methods = {name: methods[name] for name in methods if name in config.only}
    if not config.seeds or any(not isinstance(seed, int) or seed < 0 for seed in config.seeds):
        raise UserError(f"seeds={config.seeds}: give whole numbers, at least 0", code="option")
    if len(set(config.seeds)) < len(config.seeds):
        raise UserError(f"seeds={config.seeds}: each only once", code="ambiguous")
    if config.baseline not in methods and not config.only:
        raise UserError(f"baseline={config.baseline} is none of the methods {', '.join(methods)}", code="unknown-name")
    return Study(
        title=config.title,
        notes=str(config.notes or "").strip(),
        baseline=config.baseline,
        common=overrides_of("common", config.common),
        methods=methods,
        seeds=tuple(config.seeds),
        folder=Path(config.folder).absolute(),
    )


def overrides_of(name: object, value: object) -> tuple[str, ...]:
    """Return a list of overrides of a configuration.

    Raises:
        UserError: it is something else; the message names the key.
    """
    values = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    if values is None:
        return ()
    if not isinstance(values, list) or not all(isinstance(one, str) and "=" in one for one in values):
        raise UserError(f"{name}: give a list of overrides such as [loss=focal, loss.gamma=1.0]", code="option")
    return tuple(values)
