"""The findings as plain types, for a json file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.views.analysis import Analysis


def to_json(analysis: Analysis, adjacency: NDArray[np.int64]) -> dict[str, Any]:
    """Return all that was found in plain types; what is not defined is None.

    Args:
        analysis: the findings.
        adjacency: (K, K) counts of neighbouring voxels.
    """
    names = analysis.taxonomy.names
    classes = analysis.classes
    return {
        "summary": dict(analysis.summary),
        "classes": [names[k] for k in classes],
        "classes_without_points": list(analysis.without_points),
        "train_points": [int(analysis.train_histogram[k]) for k in classes],
        "contact_counts": adjacency[np.ix_(classes, classes)].tolist(),
        "contact": _matrix(analysis.contact),
        "networks": [
            {
                "label": network.label,
                "checkpoint": network.path,
                "scores": dict(network.scores),
                "iou": {names[k]: _none(float(network.iou[k])) for k in range(len(names))},
                "collapse": {group: dict(values) for group, values in network.measures.items()},
                "context": dict(network.context),
                "cosine_by_contact": [vars(entry) for entry in network.bins],
                "trend": None
                if network.trend is None
                else dict(zip(("intercept", "slope", "correlation"), map(_none, network.trend))),
                "closest_pairs": [
                    {**vars(pair), "first": names[pair.first], "second": names[pair.second]} for pair in network.pairs
                ],
                "center_cosine": _matrix(network.center_cosine),
                "classifier_cosine": None if network.classifier_cosine is None else _matrix(network.classifier_cosine),
                "curves": {name: [list(pair) for pair in curve] for name, curve in network.history.items()},
            }
            for network in analysis.networks
        ],
    }


def _none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _matrix(values: NDArray[np.float64]) -> list[list[float]]:
    return np.round(values, 5).tolist()
