"""The findings as plain types, for a json file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.reporting.analysis import Analysis, Diagnosis


def to_json(analysis: Analysis, adjacency: NDArray[np.int64]) -> dict[str, Any]:
    """Return all that was found in plain types; what is not defined is None.

    Args:
        analysis: the findings.
        adjacency: (K, K) counts of neighboring voxels.
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
                "regularizer": None if network.diagnosis is None else _diagnosis(network.diagnosis, names),
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


def _diagnosis(diagnosis: Diagnosis, names: Sequence[str]) -> dict[str, Any]:
    """Return what was found of a regularizer; ``classes`` is by value, then by name of the class."""
    return {
        "weight": diagnosis.weight,
        "scenes_in_a_batch": diagnosis.scenes,
        "recentered": diagnosis.recentered,
        "features": dict(diagnosis.features),
        "targets": dict(diagnosis.targets),
        "groups": {group: dict(values) for group, values in diagnosis.groups.items()},
        "classes": {
            value: {name: _none(float(number)) for name, number in zip(names, numbers)}
            for value, numbers in diagnosis.classes.items()
        },
        "remarks": list(diagnosis.remarks),
    }


def _none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _matrix(values: NDArray[np.float64]) -> list[list[float]]:
    return np.round(values, 5).tolist()
