"""Several scenes' points as tensors, one scene after the other."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pointnc.data.movable import Movable


@dataclass(frozen=True)
class Layout(Movable):
    """Where each of S scenes is among N points. The lengths are known on the host: nothing waits for the device.

    Attributes:
        lengths: the S numbers of points.
        offsets: (S + 1,) int64: the points of scene s are ``offsets[s]`` to ``offsets[s + 1]``.
    """

    lengths: tuple[int, ...]
    offsets: Tensor

    @classmethod
    def of(cls, lengths: tuple[int, ...]) -> Layout:
        """Return the layout of scenes of these lengths, on the CPU."""
        return cls(lengths, torch.tensor((0, *lengths)).cumsum(0))

    def __len__(self) -> int:
        """Return the number of points N."""
        return sum(self.lengths)

    @cached_property
    def segment(self) -> Tensor:
        """(N,) int64: the scene of each point."""
        scenes = torch.arange(len(self.lengths), device=self.offsets.device)
        # With its length given, the result can be allocated without a look at the offsets.
        return scenes.repeat_interleave(self.offsets.diff(), output_size=len(self))

    def extremes(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return each scene's least and greatest row by column, (S, C) each, of (N, C) values.

        A loop over scenes: each is one long reduction, for which a device has a fast kernel, while a scatter would
        have all points fight for the same few cells.
        """
        each = [torch.aminmax(part, dim=0) for part in values.split(self.lengths)]
        return torch.stack([low for low, _ in each]), torch.stack([high for _, high in each])


@dataclass(frozen=True)
class PointBatch(Movable):
    """The points of S scenes: N in all. Immutable, as :class:`~pointnc.scenes.Scene` is.

    Attributes:
        layout: where each scene is.
        coord: (N, 3) float32 meters.
        semantic: (N,) int32 train index, -1 = ignore.
        color: (N, 3) uint8 or float32 in [0, 255]; None where color is not asked for.
        normal: (N, 3) float32 unit vectors; None where normals are not asked for.
        strength: (N, 1) float32 in [0, 1]; None where it is not asked for.
        instance: (N,) int32, negative where a point belongs to no instance; None where no transform asks for them.
    """

    layout: Layout
    coord: Tensor
    semantic: Tensor
    color: Tensor | None = None
    normal: Tensor | None = None
    strength: Tensor | None = None
    instance: Tensor | None = None

    def __len__(self) -> int:
        """Return the number of points N."""
        return len(self.layout)

    def replace(self, **changes: Any) -> PointBatch:
        """Return a copy in which the named attributes are exchanged."""
        return dataclasses.replace(self, **changes)

    def rows(self) -> dict[str, Tensor]:
        """Return the tensors that are present, by attribute name."""
        return {key: value for key, value in vars(self).items() if isinstance(value, Tensor)}

    def spread(self, values: Tensor) -> Tensor:
        """Return (N, ...) the row of each point's scene, of (S, ...) values."""
        return values.index_select(0, self.layout.segment)

    def take(self, index: Tensor, layout: Layout) -> PointBatch:
        """Return the points at ``index`` (M,) int64, which are as ``layout`` says."""
        return PointBatch(layout, **{key: value.index_select(0, index) for key, value in self.rows().items()})
