"""Frames: fixed sets of K unit vectors that class centers are pulled toward.

The simplex ETF is here; where D < K-1 no such thing exists, and :mod:`pointnc.collapse.spread` finds the next best.

Shapes: K classes, D dimensions.
"""

from __future__ import annotations

from torch import Tensor, nn

from pointnc.checks import OptionError
from pointnc.collapse.lower_bounds import cosine_bound, largest_cosine
from pointnc.collapse.simplex import random_orthonormal, simplex_vectors
from pointnc.collapse.spread import spread_frame

FRAMES = ("auto", "simplex", "spread")
"""What :func:`build_frame` knows."""


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
            raise OptionError(f"frame: a simplex ETF needs at least 2 classes, here are {num_classes}")
        if dim < num_classes - 1:
            raise OptionError(
                f"frame: a simplex ETF of {num_classes} classes needs {num_classes - 1} dimensions or more, here are "
                f"{dim}; set frame=auto, or a projector with projector_channels={num_classes - 1} or more"
            )
        vectors = simplex_vectors(num_classes) @ random_orthonormal(dim, num_classes - 1, seed).T
        self.register_buffer("vectors", vectors.float())

    def extra_repr(self) -> str:
        """Describe the frame in the printed module."""
        return "num_classes={}, dim={}".format(*self.vectors.shape)


class SpreadFrame(nn.Module):
    """The best spread frame that is known how to find, for any D: see :func:`pointnc.collapse.spread.spread_frame`.

    Where D >= K-1 it is the simplex ETF.

    Args:
        num_classes: K, at least 2.
        dim: D, at least 2, or 1 for K = 2.
        seed: of the search and the rotation.

    Attributes:
        vectors: (K, D) float32 buffer, one unit vector a row.
        largest_cosine: over all pairs; what was reached.
        bound: a lower bound on it, for any K vectors in D dimensions.

    Raises:
        UserError: K < 2, or D is too small for K different vectors.
    """

    vectors: Tensor

    def __init__(self, num_classes: int, dim: int, seed: int = 0) -> None:
        super().__init__()
        vectors = spread_frame(num_classes, dim, seed)
        self.largest_cosine = largest_cosine(vectors)
        self.bound = cosine_bound(num_classes, dim)
        self.register_buffer("vectors", vectors.float())

    def extra_repr(self) -> str:
        """Describe the frame in the printed module."""
        sizes = "num_classes={}, dim={}".format(*self.vectors.shape)
        return f"{sizes}, largest_cosine={self.largest_cosine:.4f}, bound={self.bound:.4f}"


def build_frame(kind: str, num_classes: int, dim: int, seed: int = 0) -> SimplexETF | SpreadFrame:
    """Build a frame by name.

    Args:
        kind: "simplex", "spread", or "auto": the simplex where it exists, else the spread frame.
        num_classes: K.
        dim: D.
        seed: of the frame.

    Raises:
        UserError: there is no such frame.
    """
    if kind == "simplex" or (kind == "auto" and dim >= num_classes - 1):
        return SimplexETF(num_classes, dim, seed)
    if kind in ("auto", "spread"):
        return SpreadFrame(num_classes, dim, seed)
    raise OptionError(f"frame={kind} is unknown; choose one of {', '.join(FRAMES)}")
