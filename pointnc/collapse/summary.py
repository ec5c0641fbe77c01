"""All measures of neural collapse at once, over all classes and by group of classes.

Shapes: K classes, S of them with points, D channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from pointnc.collapse.measures import SimplexDistance, centered, self_duality, simplex_distance, variability
from pointnc.collapse.nearest import NearestCenter
from pointnc.collapse.scatter import ClassScatter

ALL = "all"
"""The name of the measures over all classes."""

MEASURES = (
    "nc1",
    "center_equinorm",
    "center_equiangularity",
    "center_max_angle",
    "classifier_equinorm",
    "classifier_equiangularity",
    "classifier_max_angle",
    "nc3",
    "nc4",
)


def collapse_measures(
    scatter: ClassScatter,
    classifier: Tensor | None = None,
    nearest: NearestCenter | None = None,
    groups: Mapping[str, int] | None = None,
) -> dict[str, dict[str, float]]:
    """Return group to measure to value; the group ``ALL`` comes first. Smaller is nearer to collapse, in all of them.

    Only classes with points take part, in the classifier's measures too. ``nc1``, see :func:`variability`; in a group,
    the spread of the group's points against the distances between all classes. ``*_equinorm``,
    ``*_equiangularity``, ``*_max_angle``: NC2, see :class:`SimplexDistance`; centers are taken from the unweighted mean
    of all, classifier vectors as they are; in a group, its classes and the pairs among them. ``nc3``: see
    :func:`self_duality`; in a group, of its rows. ``nc4``: share of points (in a group: of its true classes) whose
    nearest center is another class than the classifier's.

    Args:
        scatter: of the features.
        classifier: (K, D) classifier vectors; None leaves their measures out.
        nearest: counts of the same points; None leaves ``nc4`` out.
        groups: name to its bucket in ``scatter.buckets``.

    Returns:
        Measures that are not defined (fewer than two classes, no points) are left out: no value is NaN or infinite.
    """
    seen = scatter.seen
    centers = centered(scatter.means, seen)
    vectors = None if classifier is None else classifier.detach()[seen].double()
    members: dict[str, Tensor | None] = {ALL: None}
    for name, bucket in (groups or {}).items():
        members[name] = scatter.buckets == bucket
    return {
        name: _defined(
            {
                "nc1": variability(_covariance(scatter, (groups or {}).get(name)), centers),
                **_simplex("center", centers, chosen, seen),
                **({} if vectors is None else _simplex("classifier", vectors, chosen, seen)),
                **({} if vectors is None else {"nc3": _duality(vectors, centers, chosen, seen)}),
                **({} if nearest is None else {"nc4": nearest.share(chosen)}),
            }
        )
        for name, chosen in members.items()
    }


def _covariance(scatter: ClassScatter, bucket: int | None) -> Tensor:
    """Return the (D, D) covariance of points around their class means, NaN without points."""
    if bucket is None:
        within, points = scatter.within.sum(dim=0), scatter.counts.sum()
    else:
        within, points = scatter.within[bucket], scatter.counts[scatter.buckets == bucket].sum()
    return within / points


def _simplex(kind: str, vectors: Tensor, chosen: Tensor | None, seen: Tensor) -> dict[str, float]:
    rows = None if chosen is None else chosen[seen]
    distance: SimplexDistance = simplex_distance(vectors, rows)
    return {f"{kind}_{name}": value for name, value in vars(distance).items()}


def _duality(vectors: Tensor, centers: Tensor, chosen: Tensor | None, seen: Tensor) -> float:
    rows = torch.ones(len(centers), dtype=torch.bool, device=seen.device) if chosen is None else chosen[seen]
    return self_duality(vectors[rows], centers[rows])


def _defined(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}
