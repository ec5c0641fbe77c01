"""Attention within patches of consecutive voxels of a curve."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pointnc.models.serialization import along_curve, depths_of

WIDTH = 16
"""Channels of a head."""


@dataclass(frozen=True, eq=False)
class Patches:
    """The rows of a batch, cut into patches within each sample.

    A sample of n rows has one patch of n where n is at most the patch size. Otherwise its last patch, where rows are
    missing, also looks at those that stand before it on the curve; what it finds for them is dropped.

    Attributes:
        full: (P, size) rows of the full patches.
        short: rows of each sample that is smaller than a patch.
        back: (V,) where in the results of full and short patches each row stands.
    """

    full: Tensor
    short: list[Tensor]
    back: Tensor

    @classmethod
    def of(cls, coord: Tensor, lengths: list[int], order: str, size: int, depths: list[int] | None = None) -> Patches:
        """Cut a batch.

        The curve of each sample is as deep as that sample asks for: what a scene gives does not depend on the others.

        Args:
            coord: (V, 3) int64 voxels, sample by sample.
            lengths: rows of each sample.
            order: one of :data:`pointnc.models.serialization.ORDERS`.
            size: rows of a patch.
            depths: of :func:`pointnc.models.serialization.depths_of`, where they are known.
        """
        full, short = [], []
        for rows in along_curve(coord, lengths, depths or depths_of(coord, lengths), order).split(lengths):
            if 0 < len(rows) <= size:
                short.append(rows)
            elif len(rows):
                whole = len(rows) // size * size
                full.append(rows[:whole].view(-1, size))
                if whole < len(rows):
                    full.append(rows[None, -size:])
        joined = torch.cat(full) if full else coord.new_empty((0, size))
        shown = torch.cat([joined.flatten(), *short])
        # Of a row that stands in two patches the first place counts: the second one only borrows it.
        back = torch.full_like(coord[:, 0], len(shown))
        back = back.scatter_reduce(0, shown, torch.arange(len(shown), device=coord.device), "amin")
        return cls(joined, short, back)


class PatchAttention(nn.Module):
    """Multi-head attention among the rows of a patch, blind to where they lie.

    Args:
        channels: C, a multiple of ``WIDTH``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor, patches: Patches) -> Tensor:
        """Map (V, C) to (V, C)."""
        joined = self.qkv(x)
        count, size = patches.full.shape
        results = [_attend(joined.index_select(0, patches.full.flatten()).view(count, size, -1))] if count else []
        results += [_attend(joined.index_select(0, rows)[None]) for rows in patches.short]
        if not results:  # no voxel: every weight gets the zero gradient that distributed training awaits
            results = [joined[:, : x.shape[1]]]
        return self.proj(torch.cat(results).index_select(0, patches.back))


def _attend(joined: Tensor) -> Tensor:
    """Map (P, n, 3 C) queries, keys and values to (P · n, C)."""
    count, size, width = joined.shape
    query, key, value = joined.view(count, size, 3, -1, WIDTH).permute(2, 0, 3, 1, 4)
    mixed = F.scaled_dot_product_attention(query, key, value)
    return mixed.transpose(1, 2).reshape(count * size, width // 3)
