"""Why a regularizer helps or harms: its targets, what of them the features can reach, and its forces beside the loss's.

Shapes: K classes, D channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.analysis.subject import Subject
from pointnc.collapse.conflict import ForceTally
from pointnc.collapse.lower_bounds import cosine_bound
from pointnc.collapse.regularizer import CenterRegularizer
from pointnc.collapse.targets import angles, column_space, reach_of_orthant, reach_of_span, reached
from pointnc.reporting.analysis import Diagnosis
from pointnc.training.force_meter import group_rows

MEANS = ("reach", "reach_from_mean", "reached")
"""Values of targets, of which a group has the mean over its classes."""


def diagnose(subject: Subject) -> Diagnosis:
    """Say what was found of a network's regularizer; without one, of its features alone."""
    source = subject.source
    trained, objective = source.trained, source.objective
    last_map = getattr(trained.model.backbone, "last_map", None)
    matrix = None if last_map is None else last_map()
    features = {"channels": float(trained.model.backbone.out_channels)}
    if math.isfinite(subject.least):
        features["least"] = subject.least
    if matrix is not None:
        features["rank"] = float(column_space(matrix).shape[1])
    if objective is None:
        return Diagnosis(features, {}, {}, {}, weight=0.0, remarks=[source.without_objective])
    regularizer = objective.regularizer
    recentered = isinstance(regularizer, CenterRegularizer) and regularizer.options.recenter
    targets = regularizer.targets() if regularizer.weight else None
    remarks = []
    if regularizer.weight and targets is None:
        remarks.append(
            "its targets are not fixed directions of the features: a ReLU or a classifier of its own decides"
        )
    if objective.distilled:
        remarks.append("it learned a teacher's labels as well: forces stand beside the loss of its own labels alone")
    groups = group_rows(trained.taxonomy)
    classes: dict[str, Tensor] = {}
    if targets is not None:
        targets = targets.cpu()
        classes |= _by_target(subject, targets, matrix, recentered)
    if subject.forces is not None:
        classes |= {"ratio": subject.forces.ratio(), "cosine": subject.forces.mean_cosine()}
    return Diagnosis(
        features=features,
        targets=_angles(regularizer, targets) if isinstance(regularizer, CenterRegularizer) else {},
        classes={name: _array(values) for name, values in classes.items()},
        groups=_by_group(classes, subject.forces, groups),
        weight=regularizer.present_weight() if regularizer.weight else 0.0,
        scenes=objective.batch_size,
        recentered=recentered,
        remarks=remarks,
    )


def _by_target(subject: Subject, targets: Tensor, matrix: Tensor | None, recentered: bool) -> dict[str, Tensor]:
    """Return (K,) the best cosine of a center and its target as the features allow it, and the one that there is."""
    scatter = subject.meter.scatter
    assert scatter is not None  # a split has at least one scene
    means, seen = scatter.means.cpu(), scatter.seen.cpu()
    free = torch.ones(len(targets), dtype=torch.float64) if matrix is None else reach_of_span(targets, matrix.cpu())
    bound = reach_of_orthant(targets) if matrix is None and subject.least >= 0 else free
    middle = means[seen].mean(dim=0) if recentered else torch.zeros_like(means[0])
    return {
        "reach": free if recentered else bound,
        "reach_from_mean": free,
        "reached": reached(means - middle, targets, seen),
    }


def _angles(regularizer: CenterRegularizer, targets: Tensor | None) -> dict[str, float]:
    """Return how targets and frame lie; see :class:`pointnc.reporting.analysis.Diagnosis`."""
    if targets is None:
        return {}
    frame = regularizer.frame.vectors
    return {
        **vars(angles(targets)),
        "bound": cosine_bound(*targets.shape),
        "frame_channels": float(frame.shape[1]),
        **{f"frame_{name}": value for name, value in vars(angles(frame)).items()},
    }


def _by_group(
    classes: Mapping[str, Tensor], forces: ForceTally | None, groups: Mapping[str, Tensor]
) -> dict[str, dict[str, float]]:
    """Return group to the mean over its classes of what concerns targets, and to its forces; NaN is left out."""
    found: dict[str, dict[str, float]] = {}
    together = {} if forces is None else forces.by_group(torch.stack([*groups.values()]))
    for number, (group, row) in enumerate(groups.items()):
        values = {name: float(classes[name][row > 0].nanmean()) for name in MEANS if name in classes}
        values |= {name: float(value[number]) for name, value in together.items()}
        found[group] = {name: value for name, value in values.items() if math.isfinite(value)}
    return {group: values for group, values in found.items() if values}


def _array(values: Tensor) -> NDArray[np.float64]:
    return values.double().cpu().numpy()
