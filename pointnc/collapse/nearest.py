"""How often the nearest class center and the classifier agree (NC4). Shapes: V rows, K classes, D channels."""

from __future__ import annotations

import copy

import torch
import torch.distributed as dist
from torch import Tensor

from pointnc.collapse.precision import widest
from pointnc.collapse.scatter import CHUNK


class NearestCenter:
    """Counts the points for which the nearest class center is not the class that the classifier gives.

    The centers must be known before the points come: those of the training's bank, or of an earlier pass.

    Args:
        centers: (K, D) class centers in the space of the features.
        known: (K,) bool: classes that have a center; the others are never the nearest.

    Attributes:
        points: (K,) int64 points of each true class.
        differs: (K,) int64 those of them for which the two disagree.

    Raises:
        ValueError: no class has a center.
    """

    def __init__(self, centers: Tensor, known: Tensor) -> None:
        if not known.any():
            raise ValueError("no class has a center")
        self.classes = known.nonzero()[:, 0]
        chosen = centers.detach()[self.classes].to(widest(centers.device))
        # Distances between large numbers lose digits: everything is taken from the middle of the centers.
        middle = chosen.mean(dim=0)
        chosen = chosen - middle
        self._middle, self._centers = middle.float(), chosen.float()
        self._half_square = (chosen.square().sum(dim=1) / 2).float()
        self.points = torch.zeros(len(known), dtype=torch.int64, device=centers.device)
        self.differs = torch.zeros_like(self.points)

    def nearest(self, features: Tensor) -> Tensor:
        """Return the (V,) int64 class whose center is nearest to each of (V, D) features, by Euclidean distance.

        In float32 even under autocast.
        """
        size = CHUNK.get(features.device.type, CHUNK["cpu"])
        with torch.autocast(features.device.type, enabled=False):
            return torch.cat([self._nearest(part) for part in features.split(size)])

    def _nearest(self, features: Tensor) -> Tensor:
        # |z - c|^2 = |z|^2 - 2 (z c - |c|^2 / 2): the least distance is the greatest bracket.
        bracket = torch.addmm(self._half_square, features.float() - self._middle, self._centers.T, beta=-1)
        return self.classes[bracket.argmax(dim=1)]

    @torch.no_grad()
    def update(self, features: Tensor, prediction: Tensor, labels: Tensor, weights: Tensor | None = None) -> None:
        """Take in V feature vectors.

        Args:
            features: (V, D) floating point.
            prediction: (V,) int64 class that the classifier gives.
            labels: (V,) integer true class, or -1: left out.
            weights: (V,) int64: how many points each row stands for; None for one each.
        """
        weights = torch.ones_like(labels, dtype=torch.int64) if weights is None else weights
        weights = torch.where(labels >= 0, weights, 0)
        label = labels.long().clamp_min(0)
        self.points.index_add_(0, label, weights)
        self.differs.index_add_(0, label, weights * (self.nearest(features) != prediction))

    def cpu(self) -> NearestCenter:
        """Return it in memory, where a few hundred numbers are looked at quicker than on a GPU."""
        moved = copy.copy(self)
        for name, value in vars(self).items():
            setattr(moved, name, value.cpu())
        return moved

    def merge(self, other: NearestCenter) -> None:
        """Take in the counts of another one with the same centers."""
        self.points += other.points.to(self.points.device)
        self.differs += other.differs.to(self.differs.device)

    def all_reduce(self) -> None:
        """Replace every rank's counts by the sums over all ranks; nothing to do in a single process."""
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            dist.all_reduce(self.points)
            dist.all_reduce(self.differs)

    def share(self, members: Tensor | None = None) -> float:
        """Return the share of points that disagree, NaN without points.

        Args:
            members: the true classes to count, indices or (K,) bool; None for all.
        """
        chosen = slice(None) if members is None else members
        points = int(self.points[chosen].sum())
        return int(self.differs[chosen].sum()) / points if points else float("nan")
