"""No (N, K) array is made where none is needed: bytes a point between N and 4 N points, for K = 200 classes."""

from __future__ import annotations

import pytest

from tests.helpers.peaks import CASES, CHANNELS, CLASSES, CLEAR, measure

pytestmark = pytest.mark.slow

SCORES = 4 * CLASSES
"""Bytes a point of an (N, K) array of float32."""
FEATURES = 4 * CHANNELS
LITTLE = SCORES / 8
"""What may be needed apart: a few vectors of N numbers."""

LIMITS = {
    # Labels and features in, labels or a number out: nothing of the size.
    "PointVotes of one view": LITTLE,
    "label_points": LITTLE,
    "Predictor of one view": LITTLE,
    "confusion": LITTLE,
    "ConfusionMatrix": LITTLE,
    "regularizer": FEATURES + LITTLE,
    # The logits are the result; the cosine also normalizes the features.
    "LinearHead": SCORES + LITTLE,
    "CosineHead": SCORES + FEATURES + LITTLE,
    "CosineHead in training": SCORES + FEATURES + LITTLE,
    # Forward and backward: probabilities and the gradient; where torch differentiates, one more on the way.
    "CrossEntropy": 2 * SCORES + LITTLE,
    "WeightedCrossEntropy": 2 * SCORES + LITTLE,
    "LogitAdjustedCrossEntropy": 2 * SCORES + LITTLE,
    "FocalLoss": 3 * SCORES + LITTLE,
    "DiceLoss": 3 * SCORES + LITTLE,
    "LovaszSoftmax": 2 * SCORES + LITTLE,
}


@pytest.fixture(scope="module")
def grown() -> dict[str, float]:
    if not CLEAR.exists():
        pytest.skip("the peak of resident memory is read as Linux tells it")
    return measure()


def test_an_array_of_points_by_classes_would_be_seen(grown: dict[str, float]) -> None:
    assert SCORES * 0.95 < grown["one_hot"] < SCORES * 1.05
    assert set(LIMITS) | {"one_hot"} == set(CASES) == set(grown)


@pytest.mark.parametrize("case", LIMITS)
def test_bytes_a_point(case: str, grown: dict[str, float]) -> None:
    assert grown[case] <= LIMITS[case]
