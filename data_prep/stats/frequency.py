"""What follows from how often classes occur: imbalance, head/common/tail, weights for a loss."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError

Scheme = Literal["inverse", "square_root", "effective_number"]


def imbalance_ratio(counts: NDArray[Any]) -> float:
    """Return how many times as often as the rarest class that occurs the most frequent one does; NaN if none does."""
    seen = counts[counts > 0]
    return float(seen.max() / seen.min()) if len(seen) else float("nan")


def frequency_groups(counts: NDArray[Any]) -> list[str]:
    """Return "head", "common" or "tail" of each class: the most frequent third, the middle, the rarest third.

    A third is rounded down, at least one class: of 200 classes 66, 68 and 66, as ScanNet200 has it. Among equal counts
    the first class counts as the commoner one.

    Args:
        counts: (K,) points of each class.
    """
    K = len(counts)
    third = max(K // 3, 1)
    groups = ["common"] * K
    order = np.argsort(-np.asarray(counts), kind="stable")
    for index in order[max(K - third, third) :]:
        groups[index] = "tail"
    for index in order[:third]:
        groups[index] = "head"
    return groups


def class_weights(counts: NDArray[Any], scheme: Scheme, beta: float = 0.9999) -> NDArray[np.float64]:
    """Return (K,) weights for a cross-entropy with a mean of 1 over the classes that occur, 0 for the others.

    The same numbers as those of :class:`pointnc.losses.WeightedCrossEntropy`, which the loss settings
    ``weighted_inverse``, ``weighted_square_root`` and ``weighted_effective_number`` build: 1/n, 1/√n, and
    (1 − β)/(1 − βⁿ) (Cui et al., CVPR 2019).

    Args:
        counts: (K,) how often each class occurs.
        scheme: which of the three.
        beta: β in [0, 1), for "effective_number".

    Raises:
        UserError: an unknown scheme, or β out of range.
    """
    if scheme not in get_args(Scheme):
        raise UserError(f"unknown weights {scheme!r}; choose one of {', '.join(get_args(Scheme))}", code="option")
    if not 0 <= beta < 1:
        raise UserError(f"beta={beta}: it must be at least 0 and below 1", code="option")
    seen = np.asarray(counts) > 0
    number = np.maximum(np.asarray(counts, np.float64), 1)
    if scheme == "inverse":
        weights = 1 / number
    elif scheme == "square_root":
        weights = 1 / np.sqrt(number)
    else:
        with np.errstate(divide="ignore"):
            weights = (1 - beta) / -np.expm1(number * np.log(beta))  # 1 − βⁿ with all digits, also for β near 1
    weights = weights * seen
    return weights * seen.sum() / weights.sum() if seen.any() else weights


def cooccurrence(presence: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (K, K) the number of scenes that contain both classes; on the diagonal those that contain the class.

    Args:
        presence: (S, K) whether a scene contains a class.
    """
    table = presence.astype(np.int64)
    return table.T @ table


def associations(presence: NDArray[np.bool_]) -> list[tuple[int, int, int, float]]:
    """Return pairs of classes that share scenes, the closest first.

    Args:
        presence: (S, K) whether a scene contains a class.

    Returns:
        First and second class, scenes with both, and the correlation of the two presences (φ, from -1 to 1; pairs of
        classes that all scenes or no scene contain have none and are left out).
    """
    S = len(presence)
    both = cooccurrence(presence).astype(np.float64)
    count = np.diag(both)
    spread = np.sqrt(count * (S - count))
    with np.errstate(invalid="ignore", divide="ignore"):
        phi = (S * both - np.outer(count, count)) / np.outer(spread, spread)
    first, second = np.triu_indices(len(count), k=1)
    keep = np.isfinite(phi[first, second]) & (both[first, second] > 0)
    first, second = first[keep], second[keep]
    order = np.lexsort((-both[first, second], -phi[first, second].round(9)))
    return [(int(a), int(b), int(both[a, b]), float(phi[a, b])) for a, b in zip(first[order], second[order])]
