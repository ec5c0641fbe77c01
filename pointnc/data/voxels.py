"""Voxelization: points to the occupied cells of a cubic grid, and back."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pointnc.data.bounding_box import bounds
from pointnc.errors import UserError
from pointnc.runtime.compiled import loops

Representative = Literal["first", "random"]

MAX_EXTENT = 2**21
"""Most voxels along one axis: three such coordinates fit into one 63-bit key."""

DRAWN_AT_ONCE = 1 << 12
"""Voxels whose representatives are drawn together: their temporaries stay in a processor's cache."""


@dataclass(frozen=True)
class Voxels:
    """V occupied voxels of N points, in the order in which the points, taken in their order, meet them.

    Attributes:
        grid: (V, 3) int32 integer coordinates; the least of each axis is 0.
        index: (V,) int64 the point that stands for each voxel.
        inverse: (N,) int64 the voxel of each point.
    """

    grid: NDArray[np.int32]
    index: NDArray[np.int64]
    inverse: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of voxels V."""
        return len(self.grid)

    def counts(self) -> NDArray[np.int64]:
        """Return the (V,) number of points in each voxel; none is 0."""
        return np.bincount(self.inverse, minlength=len(self))


def voxelize(
    coord: NDArray[np.float32],
    voxel_size: float,
    representative: Representative = "first",
    rng: np.random.Generator | None = None,
) -> Voxels:
    """Find the distinct voxels ``floor(coord / voxel_size)``, computed in float32.

    Args:
        coord: (N, 3) float32 meters, N ≥ 1.
        voxel_size: edge of a voxel in meters.
        representative: which point stands for a voxel: its "first", or a "random" one of its points, each as
            likely as the others.
        rng: needed for "random".

    Raises:
        UserError: no points, coordinates that are not finite, a voxel size that is not positive, or an extent
            of more than ``MAX_EXTENT`` voxels.
    """
    if not voxel_size > 0:
        raise UserError(f"voxel_size is {voxel_size}; it must be a positive number of meters", code="option")
    if len(coord) == 0:
        raise UserError("there are no points to voxelize", code="no-points")
    coord = np.ascontiguousarray(coord, np.float32)
    size = np.float32(voxel_size)
    low = first_cell(*bounds(coord), size)
    N, region = len(coord), _loops().REGION
    grid, index, inverse = np.empty((N, 3), np.int32), np.empty(N + 1, np.int64), np.empty(N, np.int64)
    # Half full at most; one region more, so that a handful of points has a choice too.
    table = np.zeros((2 * N // region + 1) * region, np.uint32)
    V = _loops().hash_voxels(coord, size, low, table, grid, index, inverse)
    del table  # before there are more arrays
    voxels = Voxels(grid[:V], index[:V], inverse)
    if representative == "random":
        if rng is None:
            raise ValueError("a random representative needs a generator")
        _loops().nth_points(inverse, _draw(voxels, rng), index[: V + 1])
    return voxels


def _loops() -> ModuleType:
    return loops("pointnc.data.loops")


def first_cell(low: NDArray[np.float32], high: NDArray[np.float32], size: np.float32) -> NDArray[np.int64]:
    """Return the (3,) least integer coordinates of a bounding box, after a check that its extent can be numbered.

    Raises:
        UserError: see :func:`voxelize`.
    """
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise UserError(
            "coordinates hold NaN or infinity; remove these points or prepare the scene again", code="not-finite"
        )
    # float64 holds every quotient of the check, however far out the points are.
    first, last = np.floor((low / size).astype(np.float64)), np.floor((high / size).astype(np.float64))
    extent = (last - first).max() + 1
    if not extent <= MAX_EXTENT or max(np.abs(first).max(), np.abs(last).max()) >= 2**31:
        raise UserError(
            f"the points span {(high.astype(np.float64) - low).max():.6g} m (from {low.min():.6g} to "
            f"{high.max():.6g}), too far for voxels of {size:.6g} m: at most {MAX_EXTENT} fit along an axis; "
            "remove stray points, center the scene or raise voxel_size",
            code="too-far",
        )
    return first.astype(np.int64)


def _draw(voxels: Voxels, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return for each of the V voxels which of its points stands for it: a number from 0, below its count."""
    chosen = voxels.counts()
    # A piece at a time, so that no array of doubles is held. A double below 1 times a count stays below the count:
    # the product is never rounded up to it.
    for start in range(0, len(chosen), DRAWN_AT_ONCE):
        piece = chosen[start : start + DRAWN_AT_ONCE]
        piece[:] = rng.random(len(piece)) * piece
    return chosen
