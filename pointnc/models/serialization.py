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


def depth_of(coord: Tensor) -> int:
    """Return the bits that the coordinates (V, 3) of a scene need, counted as the released weights were trained with.

    Raises:
        UserError: they are more than ``DEEPEST``.
    """
    depth = (int(coord.max()) + 1).bit_length() if len(coord) else 1
    if depth > DEEPEST:
        raise UserError(
            f"a scene spans {int(coord.max()) + 1} voxels, at most {2**DEEPEST - 1} can be put in order: raise the "
            "voxel size, or look for stray points",
            code="too-far",
        )
    return depth


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
