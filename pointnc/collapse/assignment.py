"""Which class gets which vertex of a frame: the ones that training has brought it near to.

A frame is symmetric, so that any assignment is as good as another in the end; one that is drawn turns round whatever
the network has learned by then. Shapes: K classes, D channels.
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

    unit = torch.nn.functional.normalize(centers.detach().double().cpu(), dim=1) * seen.cpu()[:, None]
    gain = unit @ vectors.double().cpu().T
    _, order = linear_sum_assignment(gain.numpy(), maximize=True)
    return vectors[torch.from_numpy(order).to(vectors.device)]
