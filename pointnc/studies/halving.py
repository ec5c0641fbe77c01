"""Successive halving: many methods get a little budget, the better ones more, each judged against its own recipe.

A form of a recipe has the recipe's name, a plus, and a name of its own: ``ce_neck+share``. What counts is what it gains
over ``ce_neck`` with the same seeds and budget. Rankings of short runs mislead, so that whatever is within the noise of
the last one kept is kept too. Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter
optimization", AISTATS 2016.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig

from pointnc.errors import UserError
from pointnc.studies.plan import Study, is_form, overrides_of, recipe_of, seeds_of
from pointnc.studies.table import Table


@dataclass(frozen=True)
class Rung:
    """One round of a search.

    Attributes:
        name: of its folder and its table.
        overrides: that give its budget.
        seeds: of every run.
        keep: how many forms go on at least.
        noise: points of mIoU: forms whose gain is less than this below the last one kept go on too.
    """

    name: str
    overrides: tuple[str, ...]
    seeds: tuple[int, ...]
    keep: int
    noise: float

    def study(self, whole: Study, forms: Sequence[str]) -> Study:
        """Return the study of this round: some forms, and the recipes that they are judged against."""
        wanted = {*forms, *(recipe_of(form) for form in forms)}
        return replace(
            whole,
            title=f"{whole.title}, {self.name}",
            methods={name: value for name, value in whole.methods.items() if name in wanted},
            common=(*whole.common, *self.overrides),
            seeds=self.seeds,
            own_seeds={},
            folder=whole.folder / self.name,
        )


def read_rungs(config: DictConfig, study: Study) -> list[Rung]:
    """Return the rounds of a configuration's ``rungs``.

    Raises:
        UserError: one is malformed, or a form has no recipe among the methods.
    """
    for name in study.methods:
        if recipe_of(name) not in study.methods:
            raise UserError(
                f"methods.{name}: a form is judged against methods.{recipe_of(name)}, which is not there", code="option"
            )
    if not any(is_form(name) for name in study.methods):
        raise UserError("rungs: no method is a form of another one; name it RECIPE+FORM", code="option")
    return [_rung(number, node) for number, node in enumerate(config.rungs)]


def _rung(number: int, node: Mapping[str, Any]) -> Rung:
    try:
        rung = Rung(
            str(node["name"]), overrides_of(f"rungs[{number}].overrides", node["overrides"]),
            seeds_of(f"rungs[{number}].seeds", node["seeds"]), int(node["keep"]), float(node["noise"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"rungs[{number}]: give name, overrides, seeds, keep and noise ({error})", code="option"
        ) from None
    if not re.fullmatch(r"[\w+-][\w .+-]*", rung.name):
        raise UserError(
            f"rungs[{number}].name={rung.name}: it may have letters, digits, spaces, and _ + - . only", code="bad-name"
        )
    if rung.keep < 1 or not rung.noise >= 0:
        raise UserError(f"rungs[{number}]: it needs keep of 1 or more, and noise of 0 or more", code="option")
    return rung


def gains(table: Table, form: str) -> dict[str, float]:
    """Return what a form gains over its recipe in each score, the mean over the seeds that both have; else NaN."""
    return table.compare(form, recipe_of(form)).difference


def survivors(table: Table, rung: Rung) -> list[str]:
    """Return the forms that go on, best first; one that failed does not."""
    gained = {form: gains(table, form)["miou"] for form in table.study.methods if is_form(form)}
    ranked = sorted((form for form in gained if not math.isnan(gained[form])), key=lambda form: -gained[form])
    if len(ranked) <= rung.keep:
        return ranked
    last = gained[ranked[rung.keep - 1]]
    return [form for form in ranked if gained[form] >= last - rung.noise]
