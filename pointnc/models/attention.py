"""Attention among the tokens of a sample, with rotary embedding of where they lie."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH = 64
"""Channels of a head."""

TURNS = (12, 12, 8)
"""Pairs of a head's channels that turn with x, y and z."""

BASE = 100.0
"""The slowest pair of an axis turns so many times slower than the fastest."""


def turns(cell: Tensor, dtype: torch.dtype) -> Tensor:
    """Return (T, 1, 32) complex numbers of length 1, by which the pairs of channels are turned.

    The angle of pair j of n is coordinate · BASE^(-j/(n-1)).

    Args:
        cell: (T, 3) coordinates of the tokens.
        dtype: of real and imaginary part, float32 or float64.
    """
    angles = []
    for axis, count in enumerate(TURNS):
        speed = BASE ** (-torch.arange(count, dtype=dtype, device=cell.device) / (count - 1))
        angles.append(cell[:, axis, None].to(dtype) * speed)
    angle = torch.cat(angles, dim=1)[:, None]
    return torch.polar(torch.ones_like(angle), angle)


def turn(x: Tensor, by: Tensor) -> Tensor:
    """Turn the pairs (2j, 2j+1) of channels, as complex numbers: one pass over memory, where real ones take seven.

    Args:
        x: (T, H, 64).
        by: (T, 1, 32), as :func:`turns` returns them.
    """
    pairs = torch.view_as_complex(x.to(by.real.dtype).unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * by).flatten(-2)


class Attention(nn.Module):
    """Multi-head attention over all tokens of a sample.

    Queries and keys are normalized over the channels of a head before they are turned (``qk_norm``), and there is a
    bias everywhere.

    Args:
        channels: C, a multiple of ``WIDTH``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(channels, 3 * channels)
        self.q_norm = nn.LayerNorm(WIDTH)
        self.k_norm = nn.LayerNorm(WIDTH)
        self.proj = nn.Linear(channels, channels)

    def prepare(self, x: Tensor, by: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values (T, H, 64) of tokens (T, C)."""
        query, key, value = self.qkv(x).view(len(x), 3, self.qkv.in_features // WIDTH, WIDTH).unbind(1)
        query, key = turn(self.q_norm(query), by), turn(self.k_norm(key), by)
        return query.to(value.dtype), key.to(value.dtype), value

    def attend(self, query: Tensor, key: Tensor, value: Tensor, lengths: Sequence[int]) -> Tensor:
        """Return (T, C): for each token the mean of its sample's values, as its query likes their keys.

        Args:
            query: (T, H, 64).
            key: (T, H, 64).
            value: (T, H, 64).
            lengths: tokens of each sample.
        """
        # A call a sample: no table of all pairs of the batch, nor of those of a sample where torch has a kernel for it.
        attended = [
            F.scaled_dot_product_attention(*(part.transpose(0, 1)[None] for part in parts))[0].transpose(0, 1)
            for parts in zip(*(each.split(list(lengths)) for each in (query, key, value)))
            if len(parts[0])
        ]
        if not attended:  # no token: every weight gets the zero gradient that distributed training awaits
            attended = [query + key + value]
        joined = attended[0] if len(attended) == 1 else torch.cat(attended)
        return self.proj(joined.flatten(1))
