"""Where a frame lies, and which class gets which vertex: near to where training has brought the classes.

A frame is symmetric, so that any place is as good as another in the end; one that is drawn turns round whatever the
network has learned by then, its classifier included. Shapes: K classes, P channels.
"""

from __future__ import annotations

import torch
from torch import Tensor


def assign(centers: Tensor, vectors: Tensor, seen: Tensor) -> Tensor:
    """Return the vertices in the order of the classes that makes the sum of the cosines to the centers largest.

    Hungarian method (:func:`scipy.optimize.linear_sum_assignment`), in float64 on the CPU: the same on every rank.

    Args:
        centers: (K, P) where training has brought the classes, in the space of the frame, from the mean of all.
        vectors: (K, P) unit vectors.
        seen: (K,) bool: classes with a center; the others get the vertices that are left.

    Returns:
        (K, P) the rows of ``vectors``, the k-th for class k.
    """
    from scipy.optimize import linear_sum_assignment

    gain = _directions(centers, seen) @ vectors.cpu().double().T
    _, order = linear_sum_assignment(gain.numpy(), maximize=True)
    return vectors[torch.from_numpy(order).to(vectors.device)]


def rotate(centers: Tensor, vectors: Tensor, seen: Tensor) -> Tensor:
    """Return the frame, turned as a whole so that the sum of the cosines to the centers is largest.

    The orthogonal Procrustes problem (Schönemann, Psychometrika 1966): all angles between the vectors stay as they are.
    In float64 on the CPU.

    Args:
        centers: (K, P) where training has brought the classes, in the space of the frame, from the mean of all.
        vectors: (K, P) unit vectors.
        seen: (K,) bool: classes with a center; the others go where the frame takes them.
    """
    before = vectors.cpu().double()
    left, _, right = torch.linalg.svd(before.T @ _directions(centers, seen))
    return (before @ (left @ right)).to(vectors)


def _directions(centers: Tensor, seen: Tensor) -> Tensor:
    """Return (K, P) float64 unit vectors of the centers on the CPU, 0 for classes without one."""
    return torch.nn.functional.normalize(centers.detach().cpu().double(), dim=1) * seen.cpu()[:, None]
