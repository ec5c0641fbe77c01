"""Class means and the scatter of points around them, in one pass over any number of points.

Blocks of points are reduced to counts, means and scatter, and joined by the pairwise update of Chan, Golub and LeVeque
("Updating formulae and a pairwise algorithm for computing sample variances", 1979), for which no square of a large
number is ever taken from another. Shapes: V rows, K classes, D channels, G buckets of classes.
"""

from __future__ import annotations

import copy

import torch
import torch.distributed as dist
from torch import Tensor

from pointnc.collapse.precision import widest

CHUNK = {"cpu": 1 << 12, "cuda": 1 << 17}
"""Rows a step: a step's float64 copy is all the memory that is needed beside the features themselves."""


class ClassScatter:
    """Counts, means and pooled within-class scatter of labeled feature vectors, kept in float64.

    Args:
        num_classes: K.
        dim: D.
        buckets: (K,) int64 in 0..G-1: which scatter matrix the points of a class go into; None for a single one.
        device: where the sums are kept: that of the features, or the CPU where that one has no float64 (MPS).

    Attributes:
        counts: (K,) int64 points of each class.
        means: (K, D) float64, zero for a class without points.
        within: (G, D, D) float64 sum of (z - mean)(z - mean)^T over the points of a bucket's classes.
    """

    def __init__(
        self, num_classes: int, dim: int, buckets: Tensor | None = None, device: torch.device | str = "cpu"
    ) -> None:
        buckets = torch.zeros(num_classes, dtype=torch.int64) if buckets is None else buckets.long()
        if len(buckets) != num_classes or (num_classes and int(buckets.min()) < 0):
            raise ValueError(f"buckets must name one of 0, 1, ... for each of the {num_classes} classes")
        if widest(torch.device(device)) != torch.float64:
            device = "cpu"
        self.buckets = buckets.to(device)
        self.num_buckets = int(buckets.max()) + 1 if num_classes else 1
        self.counts = torch.zeros(num_classes, dtype=torch.int64, device=device)
        self.means = torch.zeros(num_classes, dim, dtype=torch.float64, device=device)
        self.within = torch.zeros(self.num_buckets, dim, dim, dtype=torch.float64, device=device)
        self._nonfinite = torch.zeros((), dtype=torch.int64, device=device)

    @property
    def seen(self) -> Tensor:
        """(K,) bool: classes with at least one point."""
        return self.counts > 0

    @property
    def nonfinite(self) -> int:
        """Labeled points that were left out because of NaN or infinity in their features."""
        return int(self._nonfinite)

    @torch.no_grad()
    def update(self, features: Tensor, labels: Tensor, weights: Tensor | None = None) -> None:
        """Take in V feature vectors.

        Args:
            features: (V, D) floating point.
            labels: (V,) integer class in 0..K-1, or -1: left out.
            weights: (V,) int64: how many points each row stands for; None for one each.
        """
        size = CHUNK.get(features.device.type, CHUNK["cpu"])
        for start in range(0, len(features), size):
            rows = slice(start, start + size)
            parts = [None if one is None else one[rows].to(self.means.device) for one in (features, labels, weights)]
            self._update(*parts)  # type: ignore[arg-type]

    def _update(self, features: Tensor, labels: Tensor, weights: Tensor | None) -> None:
        weights = torch.ones_like(labels, dtype=torch.int64) if weights is None else weights
        vectors, label, weight = (self._masked if features.is_cuda else self._selected)(features, labels, weights)
        mass = weight.double()[:, None]
        counts = torch.zeros_like(self.counts).index_add_(0, label, weight)
        means = torch.zeros_like(self.means).index_add_(0, label, vectors * mass)
        means /= counts.clamp_min(1)[:, None]
        vectors -= means.index_select(0, label)
        vectors *= mass.sqrt()
        self._join(counts, means, self._scatter(vectors, label))

    def _selected(self, features: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return vectors, classes and weights of the labeled rows with finite features."""
        labeled = labels >= 0
        if not features.sum(dtype=torch.float64).isfinite():  # a look at every row takes longer than all the rest
            finite = features.isfinite().all(dim=1)
            self._nonfinite += (weights * (labeled & ~finite)).sum()
            labeled &= finite
        kept = labeled.nonzero()[:, 0]
        return features.index_select(0, kept).double(), labels[kept].long(), weights[kept]

    def _masked(self, features: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return all rows, those that do not count with weight 0: to know how many are left is to wait for a GPU."""
        finite = features.isfinite().all(dim=1)
        counts = (labels >= 0) & finite
        self._nonfinite += (weights * ((labels >= 0) & ~finite)).sum()
        vectors = torch.where(counts[:, None], features, 0).double()
        return vectors, torch.where(counts, labels, 0).long(), torch.where(counts, weights, 0)

    def _scatter(self, vectors: Tensor, label: Tensor) -> Tensor:
        """Return (G, D, D) the sum of outer products of vectors (M, D), by the bucket of their class."""
        if self.num_buckets == 1:
            return (vectors.T @ vectors)[None]
        bucket = self.buckets[label]
        if vectors.is_cuda:  # more products, but no wait for the number of rows of each
            masks = (bucket == number for number in range(self.num_buckets))
            return torch.stack([(vectors * mask[:, None]).T @ vectors for mask in masks])
        rows = [(bucket == number).nonzero()[:, 0] for number in range(self.num_buckets)]
        parts = [vectors.index_select(0, some) for some in rows]
        return torch.stack([part.T @ part for part in parts])

    def _join(self, counts: Tensor, means: Tensor, within: Tensor) -> None:
        share = (counts.double() / (self.counts + counts).clamp_min(1))[:, None]
        delta = means - self.means
        between = delta * (share * self.counts.double()[:, None]).sqrt()
        self.within += within + self._scatter(between, torch.arange(len(counts), device=counts.device))
        self.means += delta * share
        self.counts += counts

    def cpu(self) -> ClassScatter:
        """Return it in memory, where small matrices in float64 are decomposed quicker than on a GPU."""
        moved = copy.copy(self)
        for name, value in vars(self).items():
            setattr(moved, name, value.cpu() if isinstance(value, Tensor) else value)
        return moved

    def merge(self, other: ClassScatter) -> None:
        """Take in what another one has seen, as if its points had come here.

        Raises:
            ValueError: other classes, channels or buckets.
        """
        if self.means.shape != other.means.shape or not torch.equal(self.buckets.cpu(), other.buckets.cpu()):
            raise ValueError("only scatters of the same classes, channels and buckets can be merged")
        device = self.means.device
        self._join(other.counts.to(device), other.means.to(device), other.within.to(device))
        self._nonfinite += other._nonfinite.to(device)

    def all_reduce(self) -> None:
        """Replace every rank's sums by those of all ranks' points; nothing to do in a single process."""
        if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
            return
        own, mine = self.counts.clone(), self.means.clone()
        dist.all_reduce(self.counts)
        # Convex combinations of the ranks' means, then every rank's scatter about the joined mean: sums from here on.
        self.means *= (own.double() / self.counts.clamp_min(1))[:, None]
        dist.all_reduce(self.means)
        apart = (mine - self.means) * own.double().sqrt()[:, None]
        self.within += self._scatter(apart, torch.arange(len(own), device=own.device))
        dist.all_reduce(self.within)
        dist.all_reduce(self._nonfinite)
