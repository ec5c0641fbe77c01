"""What a column holds that holds nothing: it is as if it were not there, and that is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pointnc.clouds import PointCloud, open_cloud
from pointnc.clouds.conditions import GRAY, Conditions
from pointnc.clouds.normals import estimate_normals, fill_normals
from pointnc.clouds.reading import look_through
from pointnc.clouds.survey import survey_points
from tests.helpers.mistakes import raises

COUNT = 240


def table(path: Path, **columns: NDArray[Any]) -> Path:
    """Write records with coordinates in a box of 4 m."""
    coord = np.random.default_rng(0).uniform(1, 5, (COUNT, 3))
    fields = {**{axis: coord[:, i] for i, axis in enumerate("xyz")}, **columns}
    records = np.empty(COUNT, [(name, values.dtype) for name, values in fields.items()])
    for name, values in fields.items():
        records[name] = values
    np.save(path, records)
    return path


def color(value: Any, kind: type = np.uint8) -> dict[str, NDArray[Any]]:
    return {name: np.full(COUNT, value, kind) for name in ("red", "green", "blue")}


@pytest.mark.parametrize(("value", "kind"), [(0, np.uint8), (0, np.uint16), (255, np.uint8), (np.nan, np.float32)])
def test_a_single_color_is_no_color(tmp_path: Path, value: float, kind: type) -> None:
    path = table(tmp_path / "a.npy", **color(value, kind))
    file = open_cloud(path)
    reading = look_through(file, ("color",))
    assert reading.seen.color_high is None
    assert any("its colors hold" in one for one in reading.remarks)
    assert any("no colors" in one for one in reading.remarks)
    assert (reading.conditions.color(file.read()) == GRAY).all()
    assert look_through(file, ("color?",)).conditions.color_scale is None


def test_one_other_color_makes_all_of_them_count(tmp_path: Path) -> None:
    columns = color(0)
    columns["green"][7] = 200
    file = open_cloud(table(tmp_path / "a.npy", **columns))
    reading = look_through(file, ("color",))
    made = reading.conditions.color(file.read())
    assert reading.remarks == [] and made[7].tolist() == [0, 200, 0] and made[6].tolist() == [0, 0, 0]


def test_a_few_points_may_have_one_color() -> None:
    seen = survey_points([PointCloud(np.eye(3), np.full((3, 3), 90, np.uint8))], Path("a"))
    assert seen.color_high == 90 and seen.empty == ()


def test_a_color_of_nan_is_absent_for_that_point_alone(tmp_path: Path) -> None:
    columns = color(0.5, np.float32)
    columns["red"][:] = np.linspace(0, 1, COUNT)
    columns["blue"][[3, 8]] = np.nan
    file = open_cloud(table(tmp_path / "a.npy", **columns))
    reading = look_through(file, ("color",))
    made = reading.conditions.color(file.read())
    assert (made[[3, 8]] == GRAY).all()
    np.testing.assert_array_equal(made[4], np.rint(255 * np.array([4 / (COUNT - 1), 0.5, 0.5])))
    assert any("2 points have no color" in one for one in reading.remarks)


@pytest.mark.parametrize(("value", "kind"), [(-1, np.int16), (-1, np.float32), (np.inf, np.float32)])
def test_a_color_that_is_none_is_absent(tmp_path: Path, value: float, kind: type) -> None:
    columns = {name: np.arange(COUNT).astype(kind) for name in ("red", "green", "blue")}
    columns["green"][5] = value
    file = open_cloud(table(tmp_path / "a.npy", **columns))
    reading = look_through(file, ("color",))
    made = reading.conditions.color(file.read())
    assert (made[5] == GRAY).all() and made[6].tolist() == [6, 6, 6] and reading.seen.colorless == 1


def test_normals_without_length_are_estimated(tmp_path: Path) -> None:
    normal = np.zeros((COUNT, 3), np.float32)
    names = {name: normal[:, i] for i, name in enumerate(("nx", "ny", "nz"))}
    file = open_cloud(table(tmp_path / "a.npy", **names))
    reading = look_through(file, ("normal",))
    assert not reading.seen.has_normal and reading.conditions.normal(file.read()) is None
    assert any("no length" in one for one in reading.remarks) and any("estimated" in one for one in reading.remarks)
    normal[:] = (0, 0, 2)
    normal[5] = 0
    file = open_cloud(table(tmp_path / "b.npy", **names))
    conditions = look_through(file, ("normal",)).conditions
    cloud = file.read()
    made = conditions.normal(cloud)
    assert made is not None and np.isnan(made[5]).all() and made[4].tolist() == [0, 0, 1]
    coord = conditions.coord(cloud)
    np.testing.assert_array_equal(fill_normals(made, coord)[5], estimate_normals(coord)[5])


def test_the_strength_that_holds_something_is_taken(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, COUNT).astype(np.float32)
    nothing = np.zeros(COUNT, np.uint16)
    file = open_cloud(table(tmp_path / "a.npy", intensity=nothing, scalar_Reflectance=ramp))
    reading = look_through(file, ("strength",))
    np.testing.assert_array_equal(reading.conditions.strength(file.read()), ramp)
    assert any("its intensity holds 0 alone" in one for one in reading.remarks)
    with raises("missing-column", "b.npy", "strength", "has intensity"):
        look_through(open_cloud(table(tmp_path / "b.npy", intensity=nothing)), ("strength",))


@pytest.mark.parametrize("flag", ["cartesianInvalidState", "sphericalInvalidState", "withheld"])
def test_what_a_flag_calls_no_measurement_has_no_place(tmp_path: Path, flag: str) -> None:
    """An e57 of a scan with sky has such points at the scanner; a withheld point of a las is a deleted one."""
    marks = (np.arange(COUNT) % 4 == 0).astype(np.uint8)
    file = open_cloud(table(tmp_path / "a.npy", **{flag: marks}))
    reading = look_through(file, ())
    assert reading.seen.finite == COUNT - marks.sum() and reading.seen.flagged == marks.sum()
    np.testing.assert_array_equal(reading.conditions.usable(file.read().coord), marks == 0)
    assert any(f"{marks.sum()} points are no measurements" in one for one in reading.remarks)
    assert len(reading.remarks) == 1


def test_a_flag_may_be_about_the_color_or_the_strength_alone(tmp_path: Path) -> None:
    columns = {name: np.arange(COUNT, dtype=np.uint8) for name in ("red", "green", "blue", "intensity")}
    marks = (np.arange(COUNT) == 9).astype(np.uint8)
    cloud = open_cloud(table(tmp_path / "a.npy", **columns, isColorInvalid=marks, isIntensityInvalid=marks)).read()
    assert cloud.color is not None and np.isnan(cloud.color[9]).all() and cloud.color[10].tolist() == [10, 10, 10]
    assert np.isnan(cloud.attributes["intensity"][9]) and cloud.attributes["intensity"][10] == 10
    assert np.isfinite(cloud.coord).all()


@pytest.mark.parametrize(("zeros", "left"), [(120, COUNT - 120), (20, COUNT)])
def test_a_heap_of_points_at_zero_was_never_measured(zeros: int, left: int) -> None:
    """Depth cameras and lidars write 0, 0, 0 where no light came back."""
    coord = np.random.default_rng(0).uniform(1, 5, (COUNT, 3))
    coord[:zeros] = 0
    seen = survey_points([PointCloud(coord[:50]), PointCloud(coord[50:])], Path("a"))
    conditions, _ = Conditions.of(seen, ())
    assert seen.finite == conditions.usable(coord).sum() == left
    assert seen.unmeasured == (zeros if left < COUNT else 0)
    assert (seen.low > 0).all() == (left < COUNT)


@pytest.mark.parametrize(
    ("high", "kind", "bits", "expected", "said"),
    [
        (200, np.uint8, "auto", 200, None),
        (60_000, np.uint16, "auto", 233, "16 bits"),
        (200, np.uint16, "auto", 200, None),
        (100, np.uint16, "auto", 100, "color_bits=16"),
        (200, np.uint16, 16, 1, None),
        (4000, np.uint16, "auto", 16, "color_bits=10 or 12"),
        (4000, np.uint16, 12, 249, None),
        (200, np.float64, 16, 1, None),
    ],
)
def test_dark_colors_may_be_of_more_bits(
    tmp_path: Path, high: int, kind: type, bits: Any, expected: int, said: str | None
) -> None:
    columns = {name: np.linspace(0, high, COUNT).astype(kind) for name in ("red", "green", "blue")}
    file = open_cloud(table(tmp_path / "a.npy", **columns))
    reading = look_through(file, ("color",), color_bits=bits)
    assert reading.conditions.color(file.read()).max() == expected
    assert (reading.remarks == []) if said is None else (said in reading.remarks[0])
