import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointnc.reporting.plots import (
    by_frequency,
    class_bars,
    cosine_gap,
    cosine_matrices,
    short,
    ticks,
)
from pointnc.scenes import Taxonomy


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_round_and_inside(low, span):
    values = ticks(low, low + span)
    assert 1 <= len(values) <= 6
    slack = 1e-6 * max(span, abs(low))
    assert low - slack <= values[0]
    assert values[-1] <= low + span + slack
    if len(values) > 1:
        step = values[1] - values[0]
        mantissa = step / 10 ** math.floor(math.log10(step * (1 + 1e-6)))
        assert min(abs(mantissa - m) for m in (1, 2, 5)) < 1e-3


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12_000, "12k"), (1.5e6, "1.5M"), (3e-4, "3e-4"), (0.25, "0.25"), (-2000, "-2k"), (7, "7")],
)
def test_short_numbers(value, text):
    assert short(value) == text


def test_classes_are_sorted_by_frequency_and_ties_keep_their_order():
    assert by_frequency(np.array([5, 0, 9, 5])).tolist() == [2, 0, 3, 1]


def test_bars_are_as_long_as_their_iou():
    taxonomy = Taxonomy.from_dict({"names": ["a", "b", "c", "d"], "groups": ["head", "tail", "common", "tail"]})
    svg = class_bars([40.0, 80.0, None, None], np.array([1000, 10, 5, 0]), taxonomy)
    heights = [
        float(part.split('height="')[1].split('"')[0])
        for part in svg.split("<rect ")[1:]
        if not part.startswith('class="pale"')
    ]
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.11)
    assert len(heights) == 2
    assert svg.index("a: IoU 40.0 %, 1,000 points") < svg.index("b: IoU 80.0 %") < svg.index("c: not scored")
    assert "d:" not in svg


def test_gap_is_zero_for_a_simplex_and_counts_pairs_only():
    K = 5
    simplex = np.full((K, K), -1 / (K - 1))
    np.fill_diagonal(simplex, 1)
    assert cosine_gap(simplex, K) == pytest.approx(0, abs=1e-12)
    assert cosine_gap(np.array([[1.0, 0.5], [0.5, 1.0]]), 5) == pytest.approx(0.75)


def test_matrices_share_the_order_of_the_groups():
    taxonomy = Taxonomy.from_dict({"names": list("abcd"), "groups": ["tail", "head", "common", "head"]})
    cosine = np.eye(4)
    measured, ideal, limit = cosine_matrices(cosine, np.arange(4), np.array([1, 5, 3, 9]), taxonomy)
    assert limit == pytest.approx(0.2)
    for svg in (measured, ideal):
        assert svg.index(">head<") < svg.index(">common<") < svg.index(">tail<")
        assert svg.count("data:image/png;base64,") == 1
