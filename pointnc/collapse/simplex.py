"""The vertices of a regular simplex, and random rotations: what all frames are made of, in float64.

Shapes: K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor


def simplex_vectors(num_classes: int) -> Tensor:
    """Return the K vertices (K, K-1) of the simplex, unit vectors in float64, not turned."""
    return _simplex_basis(num_classes) * (num_classes / (num_classes - 1)) ** 0.5


def _simplex_basis(num_classes: int) -> Tensor:
    """Return (K, K-1) float64 with orthonormal columns, each orthogonal to the vector of ones (Helmert)."""
    j = torch.arange(1, num_classes)
    basis = torch.ones(num_classes, num_classes - 1, dtype=torch.float64).triu()
    basis[j, j - 1] = -j.double()
    return basis / (j * (j + 1)).double().sqrt()


def random_orthonormal(rows: int, columns: int, seed: int) -> Tensor:
    """Return (rows, columns) float64 with orthonormal columns, uniform over all such; rows >= columns."""
    gaussian = torch.randn(
        rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(seed), device="cpu"
    )
    q, r = torch.linalg.qr(gaussian)
    # The signs that QR leaves open must follow the Gaussian, or the result is not uniform.
    return q * r.diagonal().sign()
