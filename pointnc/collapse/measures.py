"""Measures of neural collapse: how close class centers, or classifier rows, are to a simplex ETF.

Paper: Papyan, Han, Donoho, "Prevalence of neural collapse during the terminal phase of deep learning training",
PNAS 2020 (their NC1 to NC3; NC4 is counted by :class:`pointnc.collapse.nearest.NearestCenter`). Shapes: K classes, S
of them seen, D channels. Everything is computed in float64.
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
    """Return the (S, S) float64 cosines between the seen centers, taken from their unweighted mean.

    Args:
        centers: (K, D).
        seen: (K,) bool.
    """
    return cosines(centered(centers, seen))


def center_distance(centers: Tensor, seen: Tensor) -> SimplexDistance:
    """Return how far the seen centers (minus their unweighted mean) are from a simplex ETF."""
    return simplex_distance(centered(centers, seen))


def simplex_distance(vectors: Tensor, members: Tensor | None = None) -> SimplexDistance:
    """Return how far (S, D) vectors, such as the rows of a linear classifier, are from a simplex ETF.

    Args:
        vectors: (S, D).
        members: rows to look at, indices or (S,) bool: lengths of these and pairs among these; the cosine that is
            asked for stays that of all S.
    """
    vectors = vectors.detach().double()
    total = len(vectors)
    if members is not None:
        vectors = vectors[members]
    count = len(vectors)
    if count < 2:
        return SimplexDistance(*[float("nan")] * 3)
    norms = vectors.norm(dim=1)
    row, column = torch.triu_indices(count, count, offset=1, device=vectors.device)
    pairs = cosines(vectors)[row, column]
    return SimplexDistance(
        equinorm=float(norms.std(correction=0) / norms.mean()),
        equiangularity=float(pairs.std(correction=0)),
        max_angle=float((pairs + 1 / (total - 1)).abs().mean()),
    )


def variability(within: Tensor, centers: Tensor) -> float:
    """Return NC1, trace(Sigma_W pinv(Sigma_B)) / S: the spread within classes against that between them.

    The pseudo-inverse is cut to rank S-1, which is all that S centers around their mean can span.

    Args:
        within: (D, D) covariance of the points around their class means, Sigma_W.
        centers: (S, D) class centers minus their unweighted mean; Sigma_B = centers^T centers / S.

    Returns:
        0 for complete collapse; NaN for fewer than 2 centers, or where they all coincide.
    """
    count = len(centers)
    if count < 2:
        return float("nan")
    _, lengths, axes = torch.linalg.svd(centers.double(), full_matrices=False)
    # Rounding leaves directions that are none; the one that the common mean takes away is always among them.
    tolerance = lengths.amax() * max(centers.shape) * torch.finfo(torch.float64).eps
    kept = (lengths > tolerance) & (torch.arange(len(lengths), device=lengths.device) < count - 1)
    if not kept.any():
        return float("nan")
    axes, eigenvalues = axes[kept], lengths[kept].square() / count
    spread = ((axes @ within.double()) * axes).sum(dim=1)
    return float((spread / eigenvalues).sum() / count)


def self_duality(classifier: Tensor, centers: Tensor) -> float:
    """Return NC3, || W/||W|| - M/||M|| ||^2 in Frobenius norms: 0 where classifier and centers are parallel, at most 4.

    Args:
        classifier: (S, D) classifier vectors W.
        centers: (S, D) class centers minus their mean, M.

    Returns:
        NaN where either is all zero or empty.
    """
    classifier, centers = classifier.detach().double(), centers.detach().double()
    lengths = classifier.norm(), centers.norm()
    if not all(float(length) > 0 for length in lengths):
        return float("nan")
    return float((classifier / lengths[0] - centers / lengths[1]).square().sum())


def cosines(vectors: Tensor) -> Tensor:
    """Return the (S, S) float64 cosines between (S, D) vectors as they are; 0 for a vector of length 0."""
    directions = F.normalize(vectors.detach().double(), dim=1)
    return directions @ directions.T
