"""Pairs of classes: how close in features, how much in contact, how often confused.

Shapes: K classes, S of them shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pointnc.analysis.correlation import mantel, spearman
from pointnc.reporting.analysis import Bin, ClosePair

QUANTILES = 5
"""Into so many equal parts the pairs of classes that touch are divided."""


def confused(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (K, K) percent of each true class's points that are given each label, 0 for a class without points."""
    truth = confusion.sum(axis=1, keepdims=True)
    return 100 * confusion[:, : len(confusion)] / np.maximum(truth, 1)


def context(
    contact: NDArray[np.float64], cosine: NDArray[np.float64], confusion: NDArray[np.float64], permutations: int
) -> dict[str, float | None]:
    """Return the rank correlations of contact and cosine, and of cosine and mutual confusion, over pairs of classes.

    The p-value is Mantel's; "touching" pairs are those with any contact. They form no full matrix whose classes could
    be permuted, so they get a correlation alone.
    """
    upper = np.triu_indices(len(contact), 1)
    test = mantel(contact, cosine, permutations)
    near, angle = contact[upper], cosine[upper]
    touching = near > 0
    mutual = ((confusion + confusion.T) / 2)[upper]
    values: dict[str, float] = {
        "correlation": test.correlation,
        "p_value": test.p_value,
        "pairs": float(test.pairs),
        "touching_correlation": spearman(near[touching], angle[touching]),
        "touching_pairs": float(touching.sum()),
        "confusion_correlation": spearman(angle, mutual),
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def bins(contact: NDArray[np.float64], cosine: NDArray[np.float64]) -> list[Bin]:
    """Return the cosines of the pairs that never touch, and of equal parts of those that do, by rising contact."""
    upper = np.triu_indices(len(contact), 1)
    near, angle = contact[upper], cosine[upper]
    order = np.argsort(near, kind="stable")
    apart = int((near == 0).sum())
    parts = [("never", order[:apart])]
    for number, part in enumerate(np.array_split(order[apart:], QUANTILES)):
        name = {0: "least", QUANTILES - 1: "most"}.get(number, f"{number + 1} of {QUANTILES}")
        parts.append((name, part))
    found = []
    for name, part in parts:
        if len(part):
            low, middle, high = (float(value) for value in np.percentile(angle[part], [25, 50, 75]))
            found.append(Bin(name, low, middle, high, len(part)))
    return found


def closest(
    classes: NDArray[np.int64],
    cosine: NDArray[np.float64],
    classifier: NDArray[np.float64] | None,
    contact: NDArray[np.float64],
    confusion: NDArray[np.float64],
    others: Sequence[NDArray[np.float64]],
    count: int,
) -> list[ClosePair]:
    """Return the ``count`` pairs of classes with the highest cosine above 0, the highest first.

    Args:
        classes: (S,) the class of each row, the most frequent first.
        cosine: (S, S) of the centers.
        classifier: (S, S) of the classifier vectors, or None.
        contact: (S, S).
        confusion: (S, S) percent; row: truth.
        others: (S, S) cosines in the other networks.
        count: how many.
    """
    first, second = np.triu_indices(len(classes), 1)
    best = np.argsort(-cosine[first, second], kind="stable")[:count]
    return [
        ClosePair(
            first=int(classes[a]),
            second=int(classes[b]),
            cosine=float(cosine[a, b]),
            classifier_cosine=None if classifier is None else float(classifier[a, b]),
            contact=float(contact[a, b]),
            first_as_second=float(confusion[a, b]),
            second_as_first=float(confusion[b, a]),
            other_cosines=tuple(float(other[a, b]) for other in others),
        )
        for a, b in zip(first[best], second[best])
        if cosine[a, b] > 0
    ]


def contact_order(contact: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return an order of the S classes in which those that touch stand together: by the Fiedler vector of the contacts.

    Classes without any contact come last.
    """
    contact = contact * (1 - np.eye(len(contact)))
    degree = contact.sum(axis=1)
    linked = np.flatnonzero(degree > 0)
    alone = np.flatnonzero(degree == 0)
    if len(linked) < 3:
        return np.concatenate([linked, alone])
    root = 1 / np.sqrt(degree[linked])
    laplacian = np.eye(len(linked)) - contact[np.ix_(linked, linked)] * root[:, None] * root
    _, vectors = np.linalg.eigh(laplacian)
    place = vectors[:, 1] * root
    return np.concatenate([linked[np.argsort(place, kind="stable")], alone])
