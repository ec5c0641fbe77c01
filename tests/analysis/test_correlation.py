"""Ranks, correlation, the permutation test and the trend: against scipy where it has them, and by construction."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from pointnc.analysis.correlation import mantel, ranks, spearman
from pointnc.analysis.trend import trend


def symmetric(seed: int, S: int) -> np.ndarray:
    matrix = np.random.default_rng(seed).normal(size=(S, S))
    return matrix + matrix.T


@pytest.mark.parametrize("seed", range(4))
def test_ranks_and_spearman_equal_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 6, 50), rng.normal(size=50)
    np.testing.assert_array_equal(ranks(a), stats.rankdata(a))
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert math.isnan(spearman(np.ones(5), b[:5]))
    assert len(ranks(a[:0])) == 0


def test_a_matrix_goes_with_itself() -> None:
    matrix = symmetric(0, 12)
    result = mantel(matrix, np.exp(matrix), permutations=199)  # ranks ignore a monotonic change
    assert result.correlation == pytest.approx(1)
    assert (result.p_value, result.pairs) == (1 / 200, 66)
    opposite = mantel(matrix, -matrix, permutations=199)
    assert opposite.correlation == pytest.approx(-1) and opposite.p_value == 1


def test_p_value_approaches_that_of_all_permutations() -> None:
    a, b = symmetric(1, 5), symmetric(2, 5)
    upper = np.triu_indices(5, 1)
    observed = stats.spearmanr(a[upper], b[upper]).statistic
    every = [
        stats.spearmanr(a[np.ix_(order, order)][upper], b[upper]).statistic
        for order in itertools.permutations(range(5))
    ]
    exact = np.mean(np.array(every) >= observed - 1e-9)
    found = mantel(a, b, permutations=4000, seed=3)
    assert found.correlation == pytest.approx(observed)
    assert found.p_value == pytest.approx(exact, abs=0.03)


def test_unrelated_matrices_are_rarely_significant() -> None:
    values = [mantel(symmetric(2 * i, 8), symmetric(2 * i + 1, 8), permutations=99).p_value for i in range(60)]
    assert 0.3 < np.mean(values) < 0.7
    assert np.mean(np.array(values) <= 0.05) < 0.15


def test_a_constant_matrix_has_no_correlation() -> None:
    result = mantel(np.ones((4, 4)), symmetric(0, 4), permutations=9)
    assert math.isnan(result.correlation) and math.isnan(result.p_value)
    assert math.isnan(mantel(np.ones((1, 1)), np.ones((1, 1)), permutations=9).correlation)


def test_trend_of_an_exact_line() -> None:
    points = np.array([10, 100, 1000, 10**6, 0, 50])
    iou = np.array([12.0, 17, 22, 37, 99, np.nan])
    line = trend(points, iou)
    assert line is not None
    assert (line.slope, line.intercept, line.correlation, line.classes) == pytest.approx((5, 7, 1, 4))
    assert trend(points[:2], iou[:2]) is None
    assert trend(np.full(6, 9), iou) is None
