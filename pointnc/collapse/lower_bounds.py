"""How far apart K unit vectors in D dimensions can be at best: lower bounds on their largest cosine.

Shapes: K vectors, D dimensions, K > 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

ROUNDING = 16 * torch.finfo(torch.float64).eps
"""Of the length of a vector that was divided by it."""


def unit_rows(vectors: Tensor) -> Tensor:
    """Return (K, D) float64 rows of length 1; those that have it but for rounding stay as they are, to the bit.

    Else a second normalization would change the last digits, and with them which of two frames is the better one.
    """
    exact = vectors.detach().cpu().double()
    length = torch.linalg.vector_norm(exact, dim=1, keepdim=True)
    return torch.where((length - 1).abs() < ROUNDING, exact, torch.nn.functional.normalize(exact, dim=1))


def largest_cosine(vectors: Tensor, absolute: bool = False) -> float:
    """Return the largest cosine over all pairs of (K, D) vectors, of any length; computed in float64.

    Args:
        vectors: (K, D), K at least 2, none of them zero.
        absolute: whether the largest |cosine| is asked for, which is what Welch's bound speaks of.
    """
    unit = unit_rows(vectors)
    cosines = unit @ unit.T
    cosines = cosines.abs() if absolute else cosines
    return float(cosines.fill_diagonal_(-1).max())


def simplex_bound(num_classes: int) -> float:
    """Return -1/(K-1): no K vectors of any dimension have all cosines below it, since their Gram matrix sums to >= 0.

    Reached by the simplex, for K <= D+1 only.
    """
    return -1 / (num_classes - 1)


def orthoplex_bound(num_classes: int, dim: int) -> float:
    """Return 0 where K > D+1, else -1.

    More than D+1 vectors cannot all be at obtuse angles. Reached for K <= 2D: by right angles between simplices.
    Paper: Rankin, "The closest packing of spherical caps in n dimensions", 1955.
    """
    return 0.0 if num_classes > dim + 1 else -1.0


def levenshtein_bound(num_classes: int, dim: int) -> float:
    """Return the s >= 0 at which Levenshtein's third bound allows K vectors, or the greatest s it knows of; K > 2D.

    Vectors of which no two have a cosine above s number at most D(1-s)(2+(D+1)s) / (1-Ds²), for s up to
    (sqrt(D+3)-1)/(D+2); there the bound is D(D+3)/2, and for a greater K the end of its range is returned, which is
    a bound still. Reached by 16 vectors in 5 dimensions and 27 in 6. For K <= 2D it says nothing: 0.

    Paper: Levenshtein, "Designs as maximum codes in polynomial metric spaces", 1992.
    """
    if num_classes <= 2 * dim:
        return 0.0
    # K (1 - D s²) = D (1-s)(2 + (D+1) s) is quadratic in s, with one root above 0.
    a = dim * (num_classes - dim - 1)
    b = dim * (dim - 1)
    c = 2 * dim - num_classes
    root = (math.sqrt(b * b - 4 * a * c) - b) / (2 * a)
    return min(root, (math.sqrt(dim + 3) - 1) / (dim + 2))


def welch_bound(num_classes: int, dim: int) -> float:
    """Return Welch's lower bound on the largest *absolute* cosine; 0 for K <= D.

    It is about lines. The signed cosine may well be below it: 2D vectors at right and straight angles have 0.
    Paper: Welch, "Lower bounds on the maximum cross correlation of signals", 1974.
    """
    excess = num_classes - dim
    return math.sqrt(excess / (dim * (num_classes - 1))) if excess > 0 else 0.0


def cosine_bound(num_classes: int, dim: int) -> float:
    """Return the best of the lower bounds on the largest signed cosine; it is the optimum for K <= 2D and for D <= 2.

    Args:
        num_classes: K, at least 2.
        dim: D, at least 1.
    """
    if num_classes <= dim + 1:
        return simplex_bound(num_classes)
    if dim == 1:
        return 1.0  # three vectors on a line: two are the same
    if dim == 2:
        return math.cos(2 * math.pi / num_classes)
    return max(orthoplex_bound(num_classes, dim), levenshtein_bound(num_classes, dim))
