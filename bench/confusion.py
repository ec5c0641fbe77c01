"""Counting a confusion matrix beside the usual ways: ``python -m bench confusion``.

The limit is memory bandwidth: both arrays have to be read once.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.measure import REPEATS, exponent, growth, medians
from bench.rows import Row
from pointnc.scoring.confusion import confusion

CLASSES = 200


def labels(points: int) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return prediction and truth; labels of a scan come in runs, as surfaces do."""
    rng = np.random.default_rng(0)
    truth = np.repeat(rng.integers(-1, CLASSES, points // 50 + 1).astype(np.int16), 50)[:points]
    prediction = np.where(rng.random(points) < 0.3, rng.integers(0, CLASSES, points), truth)
    return np.maximum(prediction, 0).astype(np.int16), truth


def double_loop(prediction: NDArray[np.int16], truth: NDArray[np.int16]) -> NDArray[np.int64]:
    """Count point by point in Python."""
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    for predicted, true in zip(prediction.tolist(), truth.tolist()):
        if true >= 0:
            counts[true, predicted] += 1
    return counts


def by_bincount(prediction: NDArray[np.int16], truth: NDArray[np.int16]) -> NDArray[np.int64]:
    """Count by the number of each pair, as the field does."""
    known = truth >= 0
    pairs = truth[known].astype(np.int64) * CLASSES + prediction[known]
    return np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def rows(quick: bool = False) -> list[Row]:
    """Measure against a loop and a bincount, and the growth."""
    points = 10_000 if quick else 150_000
    prediction, truth = labels(points)
    sink = np.empty_like(truth)
    ways = {
        "ours": lambda: confusion(prediction, truth, CLASSES),
        "np.bincount": lambda: by_bincount(prediction, truth),
        "one pass over both": lambda: np.bitwise_xor(prediction, truth, out=sink),
    }
    if not (confusion(prediction, truth, CLASSES)[:, :CLASSES] == by_bincount(prediction, truth)).all():
        raise RuntimeError("the counts differ")
    ways["double loop"] = lambda: double_loop(prediction, truth)
    repeats = 3 if quick else 15
    taken = medians(ways, repeats, "cpu")
    size = f"{points:,} points, {CLASSES} classes"
    limit, note = taken["one pass over both"], "limit: one pass over both arrays"
    result = [
        Row(
            "confusion", size, taken["ours"], "ms", name, taken[name], target, limit=limit, repeats=repeats, note=note
        )
        for name, target in (("double loop", 1.0), ("np.bincount", None))
    ]  # fmt: skip
    sizes = [points * factor for factor in (1, 4, 16, 64)]
    durations = growth(lambda count: partial(confusion, *labels(count), CLASSES), sizes)
    span = f"{sizes[0]:,} to {sizes[-1]:,}"
    fitted = exponent(sizes, durations)
    result.append(Row("confusion, growth", span, durations[-1], growth=fitted, repeats=REPEATS))
    return result
