"""Which column of somebody's file holds the classes, which the objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.scenes.scene import IGNORE

LABELS = (
    "label", "labels", "semantic", "semantic_label", "sem_label", "class", "class_id", "classification", "category",
    "category_id", "segment",
)  # fmt: skip
INSTANCES = ("instance", "instances", "instance_id", "instance_label", "ins_label", "object", "object_id")


MOST_GUESSED = 200
"""Different values that a column without a name may hold to be taken for one of classes."""

LARGEST = 2.0**53
"""Whole numbers beyond it are not exact as floating point."""


def find_label(attributes: Mapping[str, NDArray[Any]], wanted: str | None, place: str) -> str | None:
    """Return the name of the column with the ids of classes, None where there is none.

    Without a name it is the first that is called as :data:`LABELS` are, else a single ``segment…`` array, else the one
    nameless column that there is.

    Args:
        attributes: what a file holds besides coordinates, colors and normals.
        wanted: the name that the user gave.
        place: of the file, for messages.

    Raises:
        UserError: the column that the user named is missing, or two could be meant.
    """
    if wanted is not None:
        return _named(attributes, wanted, "label", place)
    found = _first(attributes, LABELS)
    if found is not None:
        return found
    segments = [name for name in attributes if name.lower().startswith("segment")]
    nameless = [name for name in attributes if name.startswith("column")]
    for candidates in (segments, nameless):
        if len(candidates) > 1:
            raise UserError(
                f"{place}: {' or '.join(candidates)} may hold the classes; say which by label=NAME", code="ambiguous"
            )
        if candidates:
            _doubt(attributes[candidates[0]], candidates[0], place)
            return candidates[0]
    return None


def one_class(name: str, value: int) -> str:
    """Return the remark on a column of classes that holds one value alone, as that of a las that nobody classified."""
    hint = f": if nobody classified it, give ignore=[-1,{value}]" if value == 0 else ""
    return f"its column {name} holds {value} alone{hint}"


def _doubt(values: NDArray[Any], name: str, place: str) -> None:
    """Refuse to guess that a column without a name, which holds hundreds of values, holds classes."""
    if not name.startswith("column"):
        return
    different = len(np.unique(values))
    if different > MOST_GUESSED:
        raise UserError(
            f"{place}: {name} holds {different} different values, which are hardly classes: name the columns by "
            f"columns=[x,y,z,...], or say label={name}",
            code="ambiguous",
        )


def find_instance(attributes: Mapping[str, NDArray[Any]], wanted: str | None, place: str) -> str | None:
    """Return the name of the column with the numbers of objects, None where there is none.

    Raises:
        UserError: the column that the user named is missing.
    """
    return _first(attributes, INSTANCES) if wanted is None else _named(attributes, wanted, "instance", place)


def _named(attributes: Mapping[str, NDArray[Any]], wanted: str, what: str, place: str) -> str:
    for name in attributes:
        if name == wanted or (name.lower() == wanted.lower() and wanted not in attributes):
            return name
    there = ", ".join(attributes) or "nothing"
    raise UserError(
        f"{place} has no column {wanted!r} ({what}=); besides coordinates and colors it has {there}",
        code="missing-column",
    )


def _first(attributes: Mapping[str, NDArray[Any]], names: Iterable[str]) -> str | None:
    plain: dict[str, str] = {}
    for name in attributes:  # CloudCompare puts "scalar_" before a column's name
        plain.setdefault(name.lower().removeprefix("scalar_").strip().replace(" ", "_"), name)
    return next((plain[name] for name in names if name in plain), None)


def whole_numbers(values: NDArray[Any], what: str, place: str) -> NDArray[np.int64]:
    """Return (N,) values as integers, -1 where they are NaN.

    Raises:
        UserError: they have fractions, are too large for integers, or are no numbers.
    """
    if values.ndim == 2 and values.shape[1] == 1:  # as Pointcept keeps some
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "iubf":
        raise UserError(f"{place}: the column {what} holds no numbers, one a point", code="dtype")
    if values.dtype.kind != "f":
        if values.dtype == np.uint64 and len(values) and values.max() > np.iinfo(np.int64).max:
            raise UserError(
                f"{place}: the column {what} holds {values.max()}, too large for a class or an object",
                code="out-of-range",
            )
        return values.astype(np.int64)
    known = np.isfinite(values)
    numbers = np.where(known, values, IGNORE)
    odd = numbers != np.rint(numbers)
    if odd.any():
        raise UserError(
            f"{place}: the column {what} holds {numbers[odd][0]:g}, no whole number; name the column of the classes "
            "by label=NAME",
            code="dtype",
        )
    if len(numbers) and np.abs(numbers).max() > LARGEST:
        raise UserError(
            f"{place}: the column {what} holds {numbers[np.abs(numbers).argmax()]:g}, too large for a number",
            code="out-of-range",
        )
    return numbers.astype(np.int64)


def without_ignored(labels: NDArray[np.int64], ignore: Sequence[int]) -> NDArray[np.int64]:
    """Return labels with -1 for the ids that mean no class."""
    return np.where(np.isin(labels, list(ignore)), IGNORE, labels) if len(ignore) else labels
