"""Repulsion of the classes in a batch from those that are absent: what only a bank of centers can do.

Shapes: K classes, D channels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

SHORTEST = 1e-3
"""Least length that a center is divided by: in a first batch of one class the center is the mean itself."""


def repulsion(centers: Tensor, present: Tensor, bank: Tensor, absent: Tensor) -> Tensor:
    """Return the sum over present classes k and absent classes j of max(0, cos(c_k, m_j) + 1/(K-1))².

    0 where every present center is at the simplex's angle, or more, from every absent one; the gradient goes to the
    present centers alone. Lengths do not count.

    Args:
        centers: (K, D) of the batch, from the mean of all.
        present: (K,) bool: classes of the batch.
        bank: (K, D) averages, from the same mean.
        absent: (K,) bool: classes that have an average and are not in the batch.

    Returns:
        A scalar with a graph, 0 without present or without absent classes.
    """
    cosines = F.normalize(centers, dim=1, eps=SHORTEST) @ F.normalize(bank.detach(), dim=1).T
    too_close = (cosines + 1 / max(len(centers) - 1, 1)).clamp_min(0).square()
    return (too_close * (present[:, None] & absent[None, :])).sum()
