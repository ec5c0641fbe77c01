"""What a center regularizer aims at, seen from the features: how its targets lie, and how much of each can be reached.

A target is the direction in the space of the features that a class's center is pulled to. Shapes: K classes, D channels
of the features, C channels in front of a last linear map.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pointnc.collapse.measures import cosines


@dataclass(frozen=True)
class Angles:
    """How K directions lie to each other, over all pairs.

    Attributes:
        largest: largest cosine: that of the two closest directions.
        mean: mean cosine; -1/(K-1) wherever unit vectors sum to zero, and never less.
        off_simplex: mean of abs(cos + 1/(K-1)), the distance from a simplex ETF.
    """

    largest: float
    mean: float
    off_simplex: float


def angles(vectors: Tensor) -> Angles:
    """Measure the angles between (K, D) vectors of any length, K at least 2, in float64."""
    count = len(vectors)
    row, column = torch.triu_indices(count, count, offset=1)
    pairs = cosines(vectors.cpu())[row, column]
    return Angles(float(pairs.max()), float(pairs.mean()), float((pairs + 1 / (count - 1)).abs().mean()))


def reach_of_orthant(targets: Tensor) -> Tensor:
    """Return (K,) the best cosine of each target with a vector that has no negative entry: |t⁺| / |t|.

    That is what features behind a ReLU, and the means of such features, can come to: about 0.71 where a target has as
    many negative entries as positive ones. Seen from the mean of all, centers are not confined so.

    Args:
        targets: (K, D), none of them zero.
    """
    targets = targets.detach().double()
    return targets.clamp_min(0).norm(dim=1) / targets.norm(dim=1)


def reach_of_span(targets: Tensor, matrix: Tensor) -> Tensor:
    """Return (K,) the best cosine of each target with a vector that a linear map can give: |P t| / |t|.

    P projects onto the column space of the map. What features have in common, such as the map's bias, does not count.

    Args:
        targets: (K, D), none of them zero.
        matrix: (D, C) the linear map that the features come out of.
    """
    targets, axes = targets.detach().cpu().double(), column_space(matrix)
    return (targets @ axes).norm(dim=1) / targets.norm(dim=1)


def column_space(matrix: Tensor) -> Tensor:
    """Return (D, R) float64 orthonormal columns that span those of a (D, C) matrix; R is its numerical rank."""
    left, sizes, _ = torch.linalg.svd(matrix.detach().cpu().double(), full_matrices=False)
    precision = torch.finfo(matrix.dtype if matrix.is_floating_point() else torch.float32).eps
    kept = sizes > sizes.max() * max(matrix.shape) * precision
    return left[:, kept]


def reached(centers: Tensor, targets: Tensor, seen: Tensor) -> Tensor:
    """Return (K,) the cosine of each class's center with its target, NaN for classes that are not ``seen``.

    Args:
        centers: (K, D), from where the regularizer looks at them.
        targets: (K, D).
        seen: (K,) bool: classes that have a center.
    """
    cosine = F.cosine_similarity(centers.detach().double(), targets.detach().double().to(centers.device), dim=1)
    return cosine.where(seen, torch.nan)
