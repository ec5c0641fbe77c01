"""What a benchmark says of itself, and that every one runs."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest
import torch

from bench.__main__ import NAMES
from bench.measure import exponent, growth, medians, round_to
from bench.network import _compare
from bench.rows import HEADINGS, Row, markdown


@pytest.mark.parametrize(
    ("row", "reached"),
    [
        (Row("a", "b", 3.0, target=3.0), True),
        (Row("a", "b", 3.1, target=3.0), False),
        (Row("a", "b", 91, "%", target=90, at_least=True), True),
        (Row("a", "b", 89, "%", target=90, at_least=True), False),
        (Row("a", "b", 8.5, reference="c", reference_value=10, ratio_target=0.85), True),
        (Row("a", "b", 8.6, reference="c", reference_value=10, ratio_target=0.85), False),
        (Row("a", "b", 8.6), None),
    ],
)
def test_a_row_says_whether_its_target_is_reached(row: Row, reached: bool | None) -> None:
    assert row.reached is reached
    assert len(row.cells()) == len(HEADINGS)
    line = markdown({"cores": 2}, {"group": [row]}).splitlines()[-1]
    assert line.count("|") == len(HEADINGS) + 1
    assert (" yes " in line, " no " in line) == (reached is True, reached is False)


def test_the_exponent_is_that_of_a_power_law() -> None:
    sizes = [10, 20, 50, 100]
    assert exponent(sizes, [3 * size**1.5 for size in sizes]) == pytest.approx(1.5)


def test_a_row_tells_its_limit_and_how_often_it_was_measured() -> None:
    cells = dict(zip(HEADINGS, Row("a", "b", 3.0, limit=1.5, repeats=7).cells()))
    assert (cells["limit"], cells["median of"]) == ("1.5 ms", "7")


def test_outputs_that_differ_stop_the_benchmark_of_networks() -> None:
    plain = torch.linspace(-1, 1, 5)
    assert _compare({"plain": plain, "ours": plain + 9e-5}) == pytest.approx(9e-5, rel=1e-2)
    with pytest.raises(RuntimeError, match="ours and plain differ"):
        _compare({"plain": plain, "ours": plain + 2e-4})


def test_growth_is_measured_at_each_size() -> None:
    asked: list[int] = []
    times = growth(lambda size: asked.append(size) or (lambda: time.sleep(size / 1e3)), (1, 20), 2, "wall")
    assert asked == [1, 20] and times[0] >= 1 and times[1] >= 20


def test_medians_are_of_each_way() -> None:
    taken = medians({"long": lambda: time.sleep(0.02), "short": lambda: time.sleep(0.001)}, 3)
    assert taken["long"] > taken["short"] >= 1


def test_numbers_are_rounded_to_three_digits() -> None:
    assert [round_to(value) for value in (0, 1234.5, 0.012345, -7.6543)] == [0, 1230, 0.0123, -7.65]


def test_an_unknown_name_gets_one_line() -> None:
    done = subprocess.run([sys.executable, "-m", "bench", "speed"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "choose among" in done.stderr and "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    """What each benchmark prints, by its name; all in one process, since starting one takes longer than most of them."""
    command = [sys.executable, "-m", "bench", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    parts = re.split(r"^ *(\w+) \(took \d+ s\) *$", done.stdout, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_runs_and_compares(name: str, tables: dict[str, str]) -> None:
    assert "beside it" in tables[name]
