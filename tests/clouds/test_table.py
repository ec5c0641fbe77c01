"""What the columns of tables without names mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pointnc.clouds import open_cloud
from pointnc.clouds.table import guess_names

RNG = np.random.default_rng(0)
COORD = RNG.normal(size=(500, 3)).round(3)
COLOR = RNG.integers(0, 256, (500, 3))
NORMAL = np.divide(COORD, np.linalg.norm(COORD, axis=1, keepdims=True))
RGB, NXYZ = ["red", "green", "blue"], ["nx", "ny", "nz"]


@pytest.mark.parametrize(
    ("parts", "names", "said"),
    [
        ([COLOR], RGB, "columns 4 to 6 are taken as colors from 0 to 255"),
        ([(COLOR / 255).round(4)], RGB, "colors from 0 to 1"),
        ([COLOR * 257], RGB, "colors from 0 to 65535"),
        ([COLOR, NORMAL], RGB + NXYZ, "columns 7 to 9 are taken as normals"),
        ([NORMAL, COLOR / 255], NXYZ + RGB, "columns 4 to 6 are taken as normals"),
        ([np.abs(NORMAL)], NXYZ, "normals"),
        ([COLOR - 1.0], ["column4", "column5", "column6"], "neither colors nor normals"),
        ([COLOR + 0.5], ["column4", "column5", "column6"], "neither"),
        ([COLOR, COLOR], [*RGB, "column7", "column8", "column9"], "colors from 0 to 255"),
        ([COLOR[:, :1]], ["column4"], None),
    ],
)
@pytest.mark.parametrize("suffix", [".xyz", ".npy"])
def test_columns_are_recognized_by_their_range(
    tmp_path: Path, parts: list[NDArray[Any]], names: list[str], said: str | None, suffix: str
) -> None:
    """The first row is all zeros: it alone says nothing."""
    if suffix == ".npy" and said == "neither":
        names, said = RGB, "colors from 0 to 65535" if COLOR.max() + 0.5 > 255 else "colors from 0 to 255"
    table = np.column_stack([COORD, *parts])
    table[0, 3:] = np.nan if NXYZ[0] in names else 0
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, table)
    else:
        np.savetxt(path, table, fmt="%.7g")
    file = open_cloud(path)
    assert file.names() == ["x", "y", "z", *names]
    assert file.remarks == [] if said is None else said in file.remarks[0]


def test_nothing_is_guessed_of_no_rows() -> None:
    assert guess_names(np.empty((0, 6)))[0] == ["x", "y", "z", "column4", "column5", "column6"]
