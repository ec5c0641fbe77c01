"""A transform in two halves: the random numbers are drawn on the host, scene by scene; the device applies them.

The numbers come from the generator that :class:`~pointnc.data.dataset.SceneDataset` keys by (seed, epoch, index), in
the order in which the transform of the host draws them. So both ways make the same sample, and what holds for the
host's (any number of workers, resuming in mid-epoch) holds for the device's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.data.device.points import Layout, PointBatch


@dataclass(frozen=True)
class Draw:
    """What a step drew for one scene.

    Attributes:
        length: how many points the scene has after the step.
        chosen: whether the step changes the scene at all.
        values: numbers of the scene, of the same shape for every scene of a step, chosen or not.
        rows: numbers of its points, one row each; of the same width for every scene of a step.
        seed: of noise that only the extent of the scene decides the amount of.
    """

    length: int
    chosen: bool = True
    values: NDArray[Any] | None = None
    rows: NDArray[Any] | None = None
    seed: int = 0


@dataclass(frozen=True)
class Parameters:
    """What a step drew for S scenes.

    Attributes:
        layout: where the scenes lie after the step.
        chosen: for each scene whether the step changes it.
        mask: the same as (S,) bool.
        seeds: for each scene, as in :class:`Draw`; they stay on the host.
        values: (S, ...) the scenes' values.
        rows: the scenes' rows, one scene after the other.
    """

    layout: Layout
    chosen: tuple[bool, ...]
    mask: Tensor
    seeds: tuple[int, ...]
    values: Tensor | None = None
    rows: Tensor | None = None

    @classmethod
    def of(cls, draws: Sequence[Draw]) -> Parameters:
        """Put the draws of several scenes together."""
        chosen = tuple(draw.chosen for draw in draws)
        values = [draw.values for draw in draws if draw.values is not None and any(chosen)]
        rows = [draw.rows for draw in draws if draw.rows is not None and any(chosen)]
        return cls(
            layout=Layout.of(tuple(draw.length for draw in draws)),
            chosen=chosen,
            mask=torch.tensor(chosen),
            seeds=tuple(draw.seed for draw in draws),
            values=torch.from_numpy(np.stack(values)) if values else None,
            rows=torch.from_numpy(np.concatenate(rows)) if rows else None,
        )

    def only_chosen(self, points: PointBatch, changed: Tensor, before: Tensor) -> Tensor:
        """Return ``changed`` (N, 3) for the points of chosen scenes and ``before`` for the others."""
        return changed if all(self.chosen) else torch.where(points.spread(self.mask)[:, None], changed, before)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Parameters:
        """Return the parameters with their tensors on ``device``."""
        changes: dict[str, Any] = {
            key: value.to(device, non_blocking=non_blocking) for key, value in self._movable().items()
        }
        return dataclasses.replace(self, **changes)

    def pin_memory(self) -> Parameters:
        """Return the parameters in page-locked memory."""
        changes: dict[str, Any] = {key: value.pin_memory() for key, value in self._movable().items()}
        return dataclasses.replace(self, **changes)

    def _movable(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if isinstance(value, Tensor | Layout)}


class DeviceTransform(Protocol):
    """A transform of batches. A host transform of your own gets one by a method ``on_device()`` that returns it."""

    def draw(self, length: int, colored: bool, rng: np.random.Generator) -> Draw:
        """Draw from ``rng`` what the host's transform would, on the host, for one scene.

        Args:
            length: the number of the scene's points before the step.
            colored: whether the scene has colors, whether or not the network sees them.
            rng: the scene's generator.
        """
        ...

    def __call__(self, points: PointBatch, parameters: Parameters) -> PointBatch:
        """Return the changed scenes; ``points`` stays as it is. The tensors may lie on any device."""
        ...
