"""The bars of a store's page: as long as the classes are frequent, on both scales, in the colors of the key."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.stats.charts import NAMED, PANEL, _step, frequency_bars
from data_prep.stats.frequency import frequency_groups


def bars(svg: str) -> list[tuple[str, str, float, float]]:
    """Group, name, linear and logarithmic height of each bar, from left to right."""
    found = re.findall(r'<g class="(\w+)"><title>(.*?): [\d,]+ points</title>(.*?)</g>', svg)
    return [(group, name, *map(float, re.findall(r'height="([\d.]+)"', inner))) for group, name, inner in found]


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any))
def test_heights_are_the_counts(values: list[int]) -> None:
    counts = np.array(values, np.int64)
    names = [f"c{k}" for k in range(len(counts))]
    found = bars(frequency_bars(counts, names, frequency_groups(counts)))
    order = [k for k in np.argsort(-counts, kind="stable") if counts[k]]
    assert [name for _, name, _, _ in found] == [names[k] for k in order]
    assert [group for group, *_ in found] == [frequency_groups(counts)[k] for k in order]
    decades = max(math.ceil(math.log10(max(counts.max(), 2))), 1)
    for k, (_, _, linear, logarithmic) in zip(order, found):
        assert linear == pytest.approx(max(PANEL * counts[k] / counts.max(), 0.6), abs=0.06)
        assert logarithmic == pytest.approx(max(PANEL * math.log10(counts[k]) / decades, 0.6), abs=0.06)


def test_names_stand_below_where_there_is_room() -> None:
    few, many = np.arange(1, 21), np.arange(1, NAMED + 2)
    assert ">b&amp;b</text>" in frequency_bars(few, ["b&b"] * 20, ["head"] * 20)
    assert "rotate" not in frequency_bars(many, ["x"] * len(many), ["tail"] * len(many))


@given(st.integers(1, 10**12))
def test_linear_lines_are_few_and_round(most: int) -> None:
    step = _step(most)
    assert str(step).rstrip("0") in ("1", "2", "5")
    assert 1 <= most // step <= 5
