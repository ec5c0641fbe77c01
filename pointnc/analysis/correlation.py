"""Rank correlation of two symmetric matrices over the same classes, with the test of Mantel.

Paper: Mantel, "The detection of disease clustering and a generalized regression approach", Cancer Research 1967. The
entries of a matrix of pairs are not independent, so that the textbook p-value of a correlation is far too small;
permuting the *classes* of one matrix keeps that dependence. Shapes: S classes, P permutations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mantel:
    """Result of :func:`mantel`.

    Attributes:
        correlation: Spearman's rank correlation over the pairs; NaN where one matrix is constant.
        p_value: share of permutations, the one at hand included, with a correlation at least as high (one-sided: do
            large entries go with large ones?); NaN with the correlation.
        pairs: number of pairs, S (S-1) / 2.
        permutations: P.
    """

    correlation: float
    p_value: float
    pairs: int
    permutations: int


def ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the ranks of (M,) values from 1, equal values sharing their mean rank."""
    order = np.argsort(values, kind="stable")
    ordered = np.asarray(values)[order]
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, bool)
    starts = np.append(np.flatnonzero(first), len(ordered))
    shared = (starts[:-1] + starts[1:] + 1) / 2
    result = np.empty(len(ordered))
    result[order] = shared[np.cumsum(first) - 1]
    return result


def spearman(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the rank correlation of two (M,) arrays, NaN where one is constant or shorter than 2."""
    a, b = _standard(ranks(first)), _standard(ranks(second))
    return float("nan") if a is None or b is None else float(a @ b)


def mantel(first: NDArray[Any], second: NDArray[Any], permutations: int = 9999, seed: int = 0) -> Mantel:
    """Correlate two symmetric (S, S) matrices over their pairs, and test it by permuting the classes of one.

    Args:
        first: (S, S) symmetric; the diagonal does not count.
        second: the same.
        permutations: P.
        seed: of the permutations.
    """
    S = len(first)
    upper = np.triu_indices(S, 1)
    pairs = len(upper[0])
    a, b = (_standard(ranks(np.asarray(matrix)[upper])) for matrix in (first, second))
    if a is None or b is None:
        return Mantel(float("nan"), float("nan"), pairs, permutations)
    observed = float(a @ b)
    # Permuting classes moves entries about and leaves the ranks as they are: they are found once.
    square = np.zeros((S, S))
    square[upper] = a
    square += square.T
    rng = np.random.default_rng(seed)
    reached = 1
    for _ in range(permutations):
        order = rng.permutation(S)
        reached += float(square[order[upper[0]], order[upper[1]]] @ b) >= observed - 1e-12
    return Mantel(observed, reached / (permutations + 1), pairs, permutations)


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return values of mean 0 and sum of squares 1, None where they do not vary."""
    if len(values) < 2:
        return None
    apart = values - values.mean()
    length = float(np.sqrt(apart @ apart))
    return apart / length if length > 0 else None
