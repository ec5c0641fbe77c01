"""The benchmark's evaluation rules, one point and one class at a time."""

from __future__ import annotations

from collections.abc import Sequence


def confusion(prediction: Sequence[int], truth: Sequence[int], num_classes: int) -> list[list[int]]:
    """Return K rows of K+1 counts; the last column counts predictions outside the label set."""
    counts = [[0] * (num_classes + 1) for _ in range(num_classes)]
    for predicted, true in zip(prediction, truth):
        if not 0 <= true < num_classes:
            continue
        column = predicted if 0 <= predicted < num_classes else num_classes
        counts[true][column] += 1
    return counts


def class_iou(prediction: Sequence[int], truth: Sequence[int], k: int, num_classes: int) -> float | None:
    """Return the IoU of class k by the official rule, None where tp + fp + fn is 0."""
    true_positive = false_positive = false_negative = 0
    for predicted, true in zip(prediction, truth):
        if not 0 <= true < num_classes:
            continue
        true_positive += predicted == k and true == k
        false_positive += predicted == k and true != k
        false_negative += predicted != k and true == k
    denominator = true_positive + false_positive + false_negative
    return 100 * true_positive / denominator if denominator else None


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of what is not None, None where nothing is left."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def scores(
    prediction: Sequence[int], truth: Sequence[int], groups: Sequence[str], convention: str
) -> dict[str, object]:
    """Return iou (K), miou, head, common, tail, overall_accuracy, mean_accuracy; None where undefined."""
    K = len(groups)
    iou = [class_iou(prediction, truth, k, K) for k in range(K)]
    accuracy: list[float | None] = []
    for k in range(K):
        predicted = [p for p, t in zip(prediction, truth) if t == k]
        accuracy.append(100 * predicted.count(k) / len(predicted) if predicted else None)
    if convention == "absent_zero":
        iou = [0.0 if value is None else value for value in iou]
        accuracy = [0.0 if value is None else value for value in accuracy]
    if convention == "with_truth":
        iou = [value if k in truth else None for k, value in enumerate(iou)]
    valid = [(p, t) for p, t in zip(prediction, truth) if 0 <= t < K]
    return {
        "iou": iou,
        "miou": mean(iou),
        **{name: mean([v for v, g in zip(iou, groups) if g == name]) for name in ("head", "common", "tail")},
        "overall_accuracy": 100 * sum(p == t for p, t in valid) / len(valid) if valid else None,
        "mean_accuracy": mean(accuracy),
    }
