"""What a study compares: named methods, each a list of overrides of the training, and the seeds.

The name of a method says what it is compared with. ``RECIPE+FORM`` is judged against ``RECIPE``, which lacks the form;
``METHOD@VARIANT`` is the method with another network or budget, and stands in tables of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
        overrides: of ``python -m pointnc.train``, without seed and folder. ``{folder}`` in them stands for the folder
            of the methods, where one takes what another has trained: a record knows a run by its overrides, wherever
            it is.
    """

    method: str
    seed: int
    folder: Path
    overrides: tuple[str, ...]

    @property
    def settings(self) -> list[str]:
        """The overrides, with the folder in its place."""
        return [one.replace("{folder}", str(self.folder.parents[1])) for one in self.overrides]

    @property
    def arguments(self) -> list[str]:
        """The command line behind ``python -m pointnc.train``."""
        return [*self.settings, f"seed={self.seed}", f"run_dir={self.folder}", "resume=auto"]


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
        folder: where the runs are.
        own_seeds: method to its seeds, of those that have others.
    """

    title: str
    notes: str
    baseline: str
    common: tuple[str, ...]
    methods: dict[str, tuple[str, ...]]
    seeds: tuple[int, ...]
    folder: Path
    own_seeds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def runs(self) -> list[Run]:
        """Return all runs, seed by seed, so that an interrupted study has compared something."""
        return [
            Run(method, seed, self.folder / method / f"seed{seed}", (*self.common, *overrides))
            for seed in sorted({*self.seeds, *(seed for own in self.own_seeds.values() for seed in own)})
            for method, overrides in self.methods.items()
            if seed in self.own_seeds.get(method, self.seeds)
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
    methods, own_seeds = {}, {}
    if not isinstance(config.methods, Mapping):
        raise UserError(f"methods={config.methods}: give names and their overrides, name: [a=1]", code="option")
    for name, value in config.methods.items():
        if isinstance(value, Mapping):
            if unknown := set(value) - {"seeds", "overrides"}:
                raise UserError(f"methods.{name}: {', '.join(map(str, sorted(unknown)))} is unknown; give seeds and "
                                "overrides", code="unknown-name")  # fmt: skip
            own_seeds[str(name)] = seeds_of(f"methods.{name}.seeds", value.get("seeds"))
            value = value.get("overrides")
        methods[str(name)] = overrides_of(name, value)
    for name in methods:
        if not re.fullmatch(r"[\w.+@-]+", name) or name.startswith("."):
            raise UserError(
                f"methods.{name}: a method's name may have letters, digits, and _ + - . @ only", code="bad-name"
            )
    if config.only:
        only = [config.only] if isinstance(config.only, str) else [str(name) for name in config.only]
        unknown = set(only) - set(methods)
        if unknown:
            raise UserError(f"only={sorted(unknown)}: there are the methods {', '.join(methods)}", code="unknown-name")
        methods = {name: methods[name] for name in methods if name in only}
    seeds = seeds_of("seeds", config.seeds)
    if config.baseline not in methods and not config.only:
        raise UserError(f"baseline={config.baseline} is none of the methods {', '.join(methods)}", code="unknown-name")
    return Study(
        title=config.title,
        notes=str(config.notes or "").strip(),
        baseline=config.baseline,
        common=overrides_of("common", config.common),
        methods=methods,
        seeds=seeds,
        folder=Path(config.folder).absolute(),
        own_seeds={name: own for name, own in own_seeds.items() if name in methods},
    )


def recipe_of(method: str) -> str:
    """Return the method that a form is a form of, in the same variant; a recipe is its own."""
    name, at, variant = method.partition("@")
    return f"{name.partition('+')[0]}{at}{variant}"


def is_form(method: str) -> bool:
    """Whether a method is a form of another one."""
    return "+" in method.partition("@")[0]


def seeds_of(key: str, seeds: object) -> tuple[int, ...]:
    """Return a list of seeds; a number alone is one seed."""
    listed = list(seeds) if isinstance(seeds, Sequence) and not isinstance(seeds, str) else [seeds]
    found = tuple(seed for seed in listed if isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0)
    if not found or len(found) < len(listed):
        raise UserError(f"{key}={seeds}: give whole numbers, at least 0", code="option")
    if len(set(found)) < len(found):
        raise UserError(f"{key}={seeds}: each only once", code="ambiguous")
    return found


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
