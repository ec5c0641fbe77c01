"""Frames: fixed sets of K unit vectors that class centres are pulled towards.

Legend: K classes, D dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointnc.errors import UserError


class SimplexETF(nn.Module):
    """Simplex equiangular tight frame: K unit vectors that are as far from one another as K vectors can be.

    Every pair has the cosine -1/(K-1); the vectors sum to zero. The frame is turned by a random rotation, so
    that no axis of the feature space is special. Built in float64 from a generator of its own: the global
    random state is untouched, and a seed gives the same frame on every rank.

    Paper: Papyan, Han, Donoho, "Prevalence of neural collapse during the terminal phase of deep learning
    training", PNAS 2020.

    Args:
        num_classes: K, at least 2.
        dim: D, at least K-1: fewer dimensions cannot hold such a frame.
        seed: of the rotation.

    Attributes:
        vectors: (K, D) float32 buffer, one unit vector a row.

    Raises:
        UserError: K < 2 or D < K-1.
    """

    vectors: Tensor

    def __init__(self, num_classes: int, dim: int, seed: int = 0) -> None:
        super().__init__()
        if num_classes < 2:
            raise UserError(f"a simplex ETF needs at least 2 classes, got num_classes={num_classes}")
        if dim < num_classes - 1:
            raise UserError(
                f"a simplex ETF of {num_classes} classes needs {num_classes - 1} dimensions or more, here are {dim}; "
                f"set regularizer.projector=frozen and regularizer.projector_channels={num_classes - 1} or more"
            )
        simplex = _simplex_basis(num_classes) * (num_classes / (num_classes - 1)) ** 0.5
        vectors = simplex @ random_orthonormal(dim, num_classes - 1, seed).T
        self.register_buffer("vectors", vectors.float())

    def extra_repr(self) -> str:
        """Describe the frame in the printed module."""
        return "num_classes={}, dim={}".format(*self.vectors.shape)


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
