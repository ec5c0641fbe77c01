"""Measures of neural collapse: how close class centres, or classifier rows, are to a simplex ETF.

Paper: Papyan, Han, Donoho, "Prevalence of neural collapse during the terminal phase of deep learning training",
PNAS 2020 (their NC2). Legend: K classes, S of them seen, D channels. Everything is computed in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class SimplexDistance:
    """Distance of S vectors from a simplex ETF: all three are 0 for an exact one, NaN for fewer than 2 vectors.

    Attributes:
        equinorm: standard deviation over mean of the vectors' lengths.
        equiangularity: standard deviation of the cosine over all pairs of vectors.
        max_angle: mean over all pairs of abs(cos + 1/(S-1)).
    """

    equinorm: float
    equiangularity: float
    max_angle: float


def centered(centers: Tensor, seen: Tensor) -> Tensor:
    """Return (S, D) float64: the seen ones of ``centers`` (K, D) minus their unweighted mean."""
    centers = centers.detach()[seen].double()
    return centers - centers.mean(dim=0) if len(centers) else centers


def cosine_matrix(centers: Tensor, seen: Tensor) -> Tensor:
    """Return the (S, S) float64 cosines between the seen centres, taken from their unweighted mean.

    Args:
        centers: (K, D).
        seen: (K,) bool.
    """
    return _cosines(centered(centers, seen))


def center_distance(centers: Tensor, seen: Tensor) -> SimplexDistance:
    """Return how far the seen centres (minus their unweighted mean) are from a simplex ETF."""
    return simplex_distance(centered(centers, seen))


def simplex_distance(vectors: Tensor) -> SimplexDistance:
    """Return how far (S, D) vectors, such as the rows of a linear classifier, are from a simplex ETF."""
    vectors = vectors.detach().double()
    count = len(vectors)
    if count < 2:
        return SimplexDistance(*[float("nan")] * 3)
    norms = vectors.norm(dim=1)
    row, column = torch.triu_indices(count, count, offset=1)
    pairs = _cosines(vectors)[row, column]
    return SimplexDistance(
        equinorm=float(norms.std(correction=0) / norms.mean()),
        equiangularity=float(pairs.std(correction=0)),
        max_angle=float((pairs + 1 / (count - 1)).abs().mean()),
    )


def _cosines(vectors: Tensor) -> Tensor:
    directions = F.normalize(vectors, dim=1)
    return directions @ directions.T
