"""Curves through voxels, along which a transformer cuts them into patches: z-order and Hilbert's, each also transposed.

All in int64, for all voxels at once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pointnc.errors import UserError

ORDERS = ("z", "z-trans", "hilbert", "hilbert-trans")
"""The curves; a transposed one goes through x and y exchanged."""

DEEPEST = 16
"""Bits of a coordinate."""


def depths_of(coord: Tensor, lengths: list[int]) -> list[int]:
    """Return the bits that the coordinates of each sample need, counted as the released weights were trained with.

    A GPU is waited for once.

    Args:
        coord: (V, 3) int64 voxels, sample by sample, not negative.
        lengths: rows of each sample.

    Raises:
        UserError: they are more than ``DEEPEST``.
    """
    none = coord.new_zeros(())
    largest = torch.stack([part.max() if len(part) else none for part in coord.split(lengths)]).tolist()
    if max(largest) >= 2**DEEPEST - 1:
        raise UserError(
            f"a scene spans {max(largest) + 1} voxels, at most {2**DEEPEST - 1} can be put in order: raise the "
            "voxel size, or look for stray points",
            code="too-far",
        )
    return [(one + 1).bit_length() for one in largest]


def along_curve(coord: Tensor, lengths: list[int], depths: list[int], order: str) -> Tensor:
    """Return (V,) int64 the rows of a batch, sample after sample, each as the curve passes them.

    Few kernels for a batch of any size: a curve is drawn for all samples at once. Hilbert's differs with the depth, but
    is the same again three levels deeper, so that at most three are drawn.

    Args:
        coord: (V, 3) int64 voxels, sample by sample.
        lengths: rows of each sample.
        depths: of the curve in each sample.
        order: one of ``ORDERS``.
    """
    counts = torch.tensor(lengths, device=coord.device)
    sample = torch.arange(len(lengths), device=coord.device).repeat_interleave(counts, output_size=len(coord))
    turns = {depth % 3 for depth, length in zip(depths, lengths) if length} if "hilbert" in order else {0}
    code = torch.zeros_like(sample)
    for turn in turns:
        deepest = max((depth for depth in depths if depth % 3 == turn), default=DEEPEST)
        drawn = encode(coord, deepest, order)
        if len(turns) == 1:
            code = drawn
        else:
            here = torch.tensor([depth % 3 == turn for depth in depths], device=coord.device)
            code = torch.where(here.index_select(0, sample), drawn, code)
    return (sample << 3 * DEEPEST | code).argsort()


def encode(coord: Tensor, depth: int, order: str) -> Tensor:
    """Return (V,) int64 where on a curve each voxel lies.

    Args:
        coord: (V, 3) int64, not negative, below 2 ** depth.
        depth: bits of a coordinate; Hilbert's curve depends on it.
        order: one of ``ORDERS``.
    """
    x, y, z = coord.unbind(1)
    if order.endswith("-trans"):
        x, y = y, x
    if order.startswith("z"):
        return interleave(x, y, z)
    return _from_gray(interleave(*_untangle([x, y, z], depth)))


def interleave(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Return int64 numbers whose bits are those of x, y and z in turns, x highest."""
    return _spread(x) << 2 | _spread(y) << 1 | _spread(z)


def _spread(value: Tensor) -> Tensor:
    """Move bit n of numbers below 2^16 to bit 3 n."""
    for shift, mask in ((16, 0x00FF0000FF), (8, 0x00F00F00F00F), (4, 0x0C30C30C30C3), (2, 0x249249249249)):
        value = (value | value << shift) & mask
    return value


def _untangle(axes: list[Tensor], depth: int) -> list[Tensor]:
    """Undo the turns and reflections of the cubes within cubes, from the largest down (Skilling, AIP 2004)."""
    axes = list(axes)
    for bit in range(depth - 1, 0, -1):
        below = (1 << bit) - 1
        for axis in range(3):
            on = (axes[axis] >> bit & 1).bool()
            exchanged = torch.where(on, 0, (axes[0] ^ axes[axis]) & below)
            axes[axis] = axes[axis] ^ exchanged
            axes[0] = axes[0] ^ torch.where(on, below, exchanged)
    return axes


def _from_gray(code: Tensor) -> Tensor:
    for shift in (1, 2, 4, 8, 16, 32):
        code = code ^ code >> shift
    return code
