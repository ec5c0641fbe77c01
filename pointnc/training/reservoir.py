"""A sample of each class out of a stream too large to be kept."""

from __future__ import annotations

import torch
from torch import Tensor


class ClassReservoir:
    """Keeps up to ``size`` rows of each class, every row of a class as likely as any other.

    Each row draws a key, and those with the least keys stay: what is kept does not depend on how the stream is cut.

    Args:
        num_classes: K.
        size: rows of a class that are kept at most.
        seed: of the keys, which are drawn on the CPU.

    Attributes:
        counts: (K,) int64 rows of each class so far, kept or not.
    """

    def __init__(self, num_classes: int, size: int, seed: int = 0) -> None:
        self.size = size
        self.counts = torch.zeros(num_classes, dtype=torch.int64)
        self._generator = torch.Generator().manual_seed(seed)
        self._limits = torch.ones(num_classes, dtype=torch.float64)
        self._parts: list[tuple[Tensor, Tensor, Tensor]] = []
        self._held = self._next = 0

    def add(self, rows: Tensor, labels: Tensor) -> None:
        """Take in (V, D) rows with their (V,) labels on any device; negative labels are passed over."""
        labels = labels.cpu().long()
        keys = torch.rand(len(labels), generator=self._generator, dtype=torch.float64)
        self.counts += torch.bincount(labels[labels >= 0], minlength=len(self.counts))
        chosen = ((labels >= 0) & (keys < self._limits[labels.clamp_min(0)])).nonzero()[:, 0]
        self._parts.append((rows.index_select(0, chosen.to(rows.device)), labels[chosen], keys[chosen]))
        self._held += len(chosen)
        if self._held > self._next:
            self._thin()

    def _thin(self) -> None:
        """Let go of what is no longer among the least keys."""
        rows, labels, keys = (torch.cat(values) for values in zip(*self._parts))
        order = keys.argsort(stable=True)
        order = order[labels[order].argsort(stable=True)]
        present = torch.bincount(labels, minlength=len(self.counts))
        starts = present.cumsum(0) - present
        rank = torch.arange(len(order)) - starts[labels[order]]
        full = (present > self.size).nonzero()[:, 0]
        self._limits[full] = keys[order[starts[full] + self.size]]
        kept = order[rank < self.size]
        self._parts = [(rows.index_select(0, kept.to(rows.device)), labels[kept], keys[kept])]
        self._held = len(kept)
        self._next = 2 * self._held + 100_000

    def sample(self) -> tuple[Tensor, Tensor]:
        """Return the (M, D) rows that are kept, on their device, and their (M,) int64 labels, class by class.

        Raises:
            ValueError: nothing was taken in.
        """
        if not self._parts:
            raise ValueError("no rows were taken in")
        self._thin()
        rows, labels, _ = self._parts[0]
        return rows, labels
