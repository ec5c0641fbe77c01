"""Neural collapse measured the long way: all points at once, matrix by matrix, in numpy."""

from __future__ import annotations

import math

import numpy as np


def slow_measures(
    features: np.ndarray, labels: np.ndarray, classifier: np.ndarray, prediction: np.ndarray, centers: np.ndarray,
    members: list[int] | None = None,
) -> dict[str, float]:  # fmt: skip
    """Follow the definitions over the points themselves; ``centers`` (NaN rows: unknown) are those of NC4."""
    classes = sorted({int(k) for k in labels if k >= 0})
    chosen = [k for k in classes if members is None or k in members]
    means = {k: features[labels == k].mean(0) for k in classes}
    middle = np.mean(list(means.values()), axis=0)
    S = len(classes)
    between = sum(np.outer(means[k] - middle, means[k] - middle) for k in classes) / S
    inside = [i for i in range(len(labels)) if labels[i] in chosen]
    within = sum(np.outer(features[i] - means[labels[i]], features[i] - means[labels[i]]) for i in inside)
    within = within / len(inside)
    values, axes = np.linalg.eigh(between)
    order = np.argsort(-values)[: min(S - 1, features.shape[1])]
    inverse = sum(np.outer(axes[:, j], axes[:, j]) / values[j] for j in order)
    measures = {"nc1": float(np.trace(within @ inverse)) / S}
    for kind, vectors in (
        ("center", [means[k] - middle for k in chosen]),
        ("classifier", [classifier[k] for k in chosen]),
    ):
        if len(vectors) < 2:
            continue
        lengths = [math.sqrt(v @ v) for v in vectors]
        cosines = [
            vectors[a] @ vectors[b] / lengths[a] / lengths[b] for a in range(len(chosen)) for b in range(a)
        ]  # fmt: skip
        measures[f"{kind}_equinorm"] = float(np.std(lengths) / np.mean(lengths))
        measures[f"{kind}_equiangularity"] = float(np.std(cosines))
        measures[f"{kind}_max_angle"] = float(np.mean([abs(c + 1 / (S - 1)) for c in cosines]))
    M = np.stack([means[k] - middle for k in chosen])
    W = np.stack([classifier[k] for k in chosen])
    measures["nc3"] = float(((W / np.linalg.norm(W) - M / np.linalg.norm(M)) ** 2).sum())
    differs = 0
    for i in inside:
        distance = [np.inf if np.isnan(c).any() else ((features[i] - c) ** 2).sum() for c in centers]
        differs += int(np.argmin(distance)) != prediction[i]
    measures["nc4"] = differs / len(inside)
    return measures
