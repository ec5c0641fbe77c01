"""Spread frames: K unit vectors in few dimensions whose smallest angle is as large as can be.

They take the place of the simplex ETF where D < K-1: the features of a network under cross-entropy then settle on
such a "softmax code". Paper: Jiang et al., "Generalized neural collapse for a large number of classes", ICML 2024.

Shapes: K vectors, D dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from pointnc.checks import OptionError
from pointnc.collapse import frame_cache
from pointnc.collapse.lower_bounds import largest_cosine, unit_rows
from pointnc.collapse.simplex import random_orthonormal, simplex_vectors

COLDEST = 2e6
"""Last inverse temperature: the soft maximum is then within log(K²)/COLDEST, some 1e-5, of the maximum."""

SOFTEST = (8.0, 64.0, 512.0)
"""First inverse temperatures of successive starts: from 8 all vectors repel one another and most starts end alike;
from 512 only neighbors do, so that starts end in different places, of which a small frame's best is kept."""

SMALL = 64
"""Up to so many vectors several starts are made: few vectors end in different places, many in places as good."""

STARTS = 9
"""Number of starts of a small frame; each is followed some way, and the best to the end."""


def spread_frame(num_classes: int, dim: int, seed: int = 0) -> Tensor:
    """Return K unit vectors whose largest pairwise cosine is as small as it is known how to make it.

    - K <= D+1: the simplex, -1/(K-1). Optimal.
    - K <= 2D: K-D simplices in spaces at right angles to one another, each of two vectors or more: 0. Optimal.
    - D = 2: the regular polygon. Optimal.
    - otherwise: :func:`minimize_largest_cosine` from random starts; a good local optimum. It takes seconds where K is
      some hundreds, and is kept in the user's cache folder (:mod:`pointnc.collapse.frame_cache`).

    Turned by a random rotation. Computed in float64 on the CPU by one thread from a generator of its own: the same on
    every rank and for every number of threads, and the global random state is untouched.

    Args:
        num_classes: K, at least 2.
        dim: D, at least 2, or 1 for K = 2.
        seed: of the rotation and of the starts.

    Returns:
        (K, D) float64.

    Raises:
        UserError: K < 2, or D is too small for K different vectors.
    """
    if num_classes < 2:
        raise OptionError(f"frame: a frame needs at least 2 classes, here are {num_classes}")
    if dim < 1 or (dim == 1 and num_classes > 2):
        raise OptionError(
            f"frame: {num_classes} different unit vectors need 2 dimensions or more, here are {dim}; raise "
            "projector_channels, or the channels of the model"
        )
    if num_classes <= 2 * dim:
        vectors = _orthogonal_simplices(num_classes, dim)
    elif dim == 2:
        angles = torch.arange(num_classes, dtype=torch.float64) * (2 * math.pi / num_classes)
        vectors = torch.stack([angles.cos(), angles.sin()], dim=1)
    else:
        return frame_cache.kept(num_classes, dim, seed, lambda: _search(num_classes, dim, seed))
    return vectors @ random_orthonormal(dim, vectors.shape[1], seed).T


def minimize_largest_cosine(
    vectors: Tensor, softest: float = SOFTEST[0], hardest: float = COLDEST, steps: int = 200
) -> Tensor:
    """Move unit vectors over the sphere until their largest pairwise cosine is at a local minimum.

    What is minimized is the soft maximum log(sum exp(b cos)) / b over all pairs, by L-BFGS, with b rising threefold
    from ``softest`` to ``hardest``: soft, every pair counts and the vectors spread out evenly; hard, the closest only.

    Args:
        vectors: (K, D) float64 start, of any lengths but 0.
        softest: first b.
        hardest: where b stops.
        steps: of L-BFGS at each b, at most.

    Returns:
        (K, D) float64 unit vectors; never worse than the start.
    """
    best = unit_rows(vectors)
    least = largest_cosine(best)
    point = torch.nn.Parameter(best.clone())
    while softest < hardest:
        search = torch.optim.LBFGS(
            [point],
            max_iter=steps,
            history_size=20,
            tolerance_grad=1e-12,
            tolerance_change=1e-13,
            line_search_fn="strong_wolfe",
        )

        def evaluate(sharpness: float = softest) -> float:
            value, point.grad = _soft_maximum(point.detach(), sharpness)
            return value

        search.step(evaluate)
        with torch.no_grad():
            point.copy_(torch.nn.functional.normalize(point, dim=1))
        reached = largest_cosine(point)
        if reached < least:
            best, least = point.detach().clone(), reached
        softest *= 3
    return best


def _soft_maximum(point: Tensor, sharpness: float) -> tuple[float, Tensor]:
    """Return the soft maximum of the cosines of (K, D) vectors of any length, and its gradient by the vectors."""
    length = point.norm(dim=1, keepdim=True)
    unit = point / length
    cosines = unit @ unit.T
    cosines.fill_diagonal_(-math.inf)
    highest = float(cosines.max())
    shares = cosines.sub_(highest).mul_(sharpness).exp_()
    total = float(shares.sum())
    by_unit = (2 / total) * (shares @ unit)
    along = (by_unit * unit).sum(dim=1, keepdim=True)
    return highest + math.log(total) / sharpness, (by_unit - along * unit) / length


def _search(num_classes: int, dim: int, seed: int) -> Tensor:
    """Return a local optimum, the best of a few where that takes little."""
    generator = torch.Generator().manual_seed(seed)

    def gaussian() -> Tensor:
        return torch.randn(num_classes, dim, dtype=torch.float64, generator=generator, device="cpu")

    with _one_thread():
        if num_classes > SMALL:
            return minimize_largest_cosine(gaussian())
        softest_of_starts = (SOFTEST[start % len(SOFTEST)] for start in range(STARTS))
        starts = [minimize_largest_cosine(gaussian(), softest, hardest=1e4, steps=60) for softest in softest_of_starts]
        return minimize_largest_cosine(min(starts, key=largest_cosine), SOFTEST[-1])


def _orthogonal_simplices(num_classes: int, dim: int) -> Tensor:
    """Return (K, D') float64: max(K-D, 1) simplices, of equal size or one more, in orthogonal spaces."""
    groups = max(num_classes - dim, 1)
    sizes = [num_classes // groups + (group < num_classes % groups) for group in range(groups)]
    return torch.block_diag(*(simplex_vectors(size) for size in sizes))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums depend on how many threads share them, and the search amplifies the last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
