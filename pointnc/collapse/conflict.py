"""Whether a regularizer pulls the centers where the loss pulls them, how hard beside it, and for which classes.

Forces are those of :func:`pointnc.collapse.forces.class_forces`. Shapes: K classes, D channels, G groups of classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class ForceTally:
    """Forces of loss and regularizer on the centers, summed over batches; tallies of batches add up.

    All are (K,) and on one device, on which everything here is computed without waiting for it.

    Attributes:
        loss: sum over batches of the size of the loss's force.
        regularizer: the same of the regularizer's, times its weight.
        cosine: sum over batches of the cosine of the two.
        angles: number of those batches: in which neither force is zero.
    """

    loss: Tensor
    regularizer: Tensor
    cosine: Tensor
    angles: Tensor

    @classmethod
    def of(cls, loss: Tensor, regularizer: Tensor) -> ForceTally:
        """Compare the forces (K, D) of one batch."""
        sizes = loss.norm(dim=1), regularizer.norm(dim=1)
        both = (sizes[0] > 0) & (sizes[1] > 0)
        # Of unit vectors: the product of two small forces may be zero in float32.
        cosine = (F.normalize(loss, dim=1, eps=0) * F.normalize(regularizer, dim=1, eps=0)).sum(dim=1)
        return cls(*sizes, torch.where(both, cosine, 0.0), both.to(loss.dtype))

    def __add__(self, other: ForceTally) -> ForceTally:
        """Return the tally of the batches of both."""
        pairs = zip(vars(self).values(), vars(other).values())
        return ForceTally(*(mine + theirs for mine, theirs in pairs))

    def ratio(self) -> Tensor:
        """Return (K,) size of the regularizer's force over that of the loss; NaN where the loss has none."""
        return torch.where(self.loss > 0, self.regularizer / self.loss, torch.nan)

    def mean_cosine(self) -> Tensor:
        """Return (K,) mean cosine of the two forces; NaN where there never were two. Negative: a conflict."""
        return self.cosine / self.angles

    def by_group(self, members: Tensor) -> dict[str, Tensor]:
        """Return name to (G,) values of groups of classes; what a group cannot have is NaN.

        ``ratio``: total size of the regularizer's forces on the group's centers over that of the loss's; ``cosine``:
        mean over its classes; ``conflict``: share of its classes with a negative cosine; ``loss_share`` and
        ``regularizer_share``: how much of all its force each of the two spends on the group.

        Args:
            members: (G, K), 1 for the classes of a group, else 0; on the device of the forces.
        """
        members = members.to(self.loss.dtype)
        cosine = self.mean_cosine()
        known = (self.angles > 0).to(self.loss.dtype)
        count = members @ known
        loss, regularizer = members @ self.loss, members @ self.regularizer
        return {
            "ratio": torch.where(loss > 0, regularizer / loss, torch.nan),
            "cosine": members @ cosine.nan_to_num(0.0) / count,
            "conflict": members @ (cosine < 0).to(self.loss.dtype) / count,
            "loss_share": loss / self.loss.sum(),
            "regularizer_share": regularizer / self.regularizer.sum(),
        }
