"""What the columns of a table without names mean, by the values of a sample of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.names import COLORS, NORMALS
from pointnc.errors import UserError

SAMPLE = 2000
"""Rows that are looked at."""

CLASSES = 64
"""So many different values a color has, and a column of classes seldom."""


def guess_names(sample: NDArray[Any], whole: bool = True, intensity: bool = False) -> tuple[list[str], str | None]:
    """Return names for the columns, and a remark on what was guessed.

    The first three are coordinates. Behind them three columns of colors and three of normals may stand, in either
    order. Colors are not negative and at most 1, 255 or 65535; normals have the length 1. What is neither, and all
    behind it, is called ``column7`` and so on.

    Args:
        sample: (S, C) rows spread over the table; C ≥ 3.
        whole: whether colors beyond 1 must be whole numbers, as they are in a text unless they are something else.
        intensity: whether an intensity stands between coordinates and colors, as in a pts file.
    """
    names, said = ["x", "y", "z"], []
    if intensity or _strength_first(sample):
        names.append("intensity")
        said += [] if intensity else ["column 4 is taken as intensity"]
    while len(names) + 3 <= sample.shape[1]:
        first = len(names)
        values = sample[:, first : first + 3].astype(np.float64)
        values = values[np.isfinite(values).all(axis=1)]
        if NORMALS[0][0] not in names and _are_normals(values):
            names += NORMALS[0]
            meaning = "normals"
        elif COLORS[0][0] not in names and (most := _color_range(values, whole)) is not None:
            names += COLORS[0]
            meaning = f"colors from 0 to {most}"
        else:
            break
        said.append(f"columns {first + 1} to {first + 3} are taken as {meaning}")
    if not said and sample.shape[1] >= 6:
        said.append(f"columns {len(names) + 1} to {len(names) + 3} hold neither colors nor normals")
    names = names + [f"column{i + 1}" for i in range(len(names), sample.shape[1])]
    if not said:
        return names, None
    return names, f"its columns have no names: {', '.join(said)}; columns=[{','.join(names)}] would say otherwise"


def column_names(setting: Any) -> tuple[str, ...]:
    """Return what ``columns=`` says: names, as a list or between commas; none where it is null."""
    if setting is None:
        return ()
    parts = str(setting).split(",") if isinstance(setting, str) else map(str, setting)
    return tuple(part.strip() for part in parts)


def given_names(names: Sequence[str], width: int, path: Path) -> list[str]:
    """Return the names of a table's columns that a user gave; ``-`` and ``_`` stand for one that has none.

    Raises:
        UserError: these are not as many as there are columns, or no coordinates are among them.
    """
    if len(names) != width:
        raise UserError(
            f"{path} has {width} columns, columns= names {len(names)}: {', '.join(names)}", code="other-length"
        )
    lower = [name.lower() for name in names]
    if not {"x", "y", "z"} <= set(lower):
        raise UserError(f"columns=[{','.join(names)}]: x, y and z must be among them", code="missing-column")
    return [f"column{i + 1}" if name in ("-", "_") else name for i, name in enumerate(names)]


def _strength_first(sample: NDArray[Any]) -> bool:
    """Whether a table is x y z intensity red green blue, perhaps with a class behind: its colors begin one later."""
    if sample.shape[1] not in (7, 8) or len(sample) < 10:
        return False
    values = sample[:, 3:7].astype(np.float64)
    values = values[np.isfinite(values).all(axis=1)]
    strength, colors = values[:, 0], values[:, 1:]
    if _color_range(colors, True) != 255:
        return False
    if strength.min(initial=0) < 0 or strength.max(initial=0) > 255 or (strength != np.rint(strength)).any():
        return len(np.unique(colors[:, 2])) > CLASSES
    if len(np.unique(colors[:, 2])) <= CLASSES or np.ptp(colors[:, 1]) == 0:
        return False
    return float(np.corrcoef(colors[:, 1], colors[:, 2])[0, 1]) > 0.5  # green and blue of a surface go together


def _color_range(values: NDArray[np.float64], whole: bool) -> int | None:
    if len(values) == 0 or values.min() < 0 or values.max() > 65535:
        return None
    if values.max() > 1 and whole and (values != np.rint(values)).any():
        return None
    return next(most for most in (1, 255, 65535) if values.max() <= most)


def _are_normals(values: NDArray[np.float64]) -> bool:
    length = np.linalg.norm(values, axis=1)
    length = length[length > 0]  # where there is none, some write zeros
    return len(length) > 0 and float((np.abs(length - 1) < 0.05).mean()) > 0.95
