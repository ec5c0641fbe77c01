"""The random numbers of a transform: of one scene, and of the scenes of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.data.movable import Movable
from pointnc.data.transforms.points import Layout, PointBatch


class Outline(NamedTuple):
    """What is known of a scene when random numbers are drawn for it, before anything is computed.

    Attributes:
        length: the number of its points.
        colored: whether it has colors, whether or not the network sees them.
        instance: (N,) the instance of each point, negative where it belongs to none; None where the scene has none, or
            no transform asks for them.
        cropped: whether the device alone knows which points are left; the instances are then not known either.
    """

    length: int
    colored: bool
    instance: NDArray[Any] | None = None
    cropped: bool = False

    def after(self, draw: Draw) -> Outline:
        """Return what is known of the scene after a transform, before it is computed."""
        cropped = self.cropped or (draw.length != self.length and draw.kept is None)
        instance = None if cropped else self.instance
        if instance is not None and draw.kept is not None:
            instance = instance.take(draw.kept)
        return Outline(draw.length, self.colored, instance, cropped)


@dataclass(frozen=True)
class Draw:
    """What a transform drew for one scene.

    Attributes:
        length: how many points the scene has after the transform.
        chosen: whether the transform changes the scene at all; where it does not, the rest stays empty.
        values: numbers of the scene, of one shape for every scene that is chosen.
        noise: (N, 3) float32 unit noise of its points.
        kept: (length,) int64 the points that stay, sorted.
        seed: of noise that only the extent of the scene decides the amount of.
    """

    length: int
    chosen: bool = True
    values: NDArray[Any] | Any = None  # Any: a transform knows what it drew, and need not ask for None
    noise: NDArray[np.float32] | Any = None
    kept: NDArray[np.int64] | Any = None
    seed: int = 0


@dataclass(frozen=True)
class Draws(Movable):
    """What a transform drew for S scenes. Of scenes that are not chosen all points are kept, and numbers are 0.

    Attributes:
        layout: where the scenes are after the transform.
        chosen: for each scene whether the transform changes it.
        mask: the same as (S,) bool.
        seeds: for each scene, as in :class:`Draw`; they stay on the host.
        values: (S, ...) the scenes' values.
        noise: (N, 3) the scenes' noise, one scene after the other.
        kept: the points that stay, counted in each scene from 0.
    """

    layout: Layout
    chosen: tuple[bool, ...]
    mask: Tensor
    seeds: tuple[int, ...]
    values: Tensor | Any = None
    noise: Tensor | Any = None
    kept: Tensor | Any = None

    @classmethod
    def of(cls, draws: Sequence[Draw]) -> Draws:
        """Put the draws of several scenes together."""
        lengths = tuple(draw.length for draw in draws)
        values, noise, kept = ([getattr(draw, key) for draw in draws] for key in ("values", "noise", "kept"))
        zeros = next((np.zeros_like(value) for value in values if value is not None), None)
        return cls(
            layout=Layout.of(lengths),
            chosen=tuple(draw.chosen for draw in draws),
            mask=torch.tensor([draw.chosen for draw in draws]),
            seeds=tuple(draw.seed for draw in draws),
            values=_joined(np.stack, values, lambda scene: zeros),
            noise=_joined(np.concatenate, noise, lambda scene: np.zeros((lengths[scene], 3), np.float32)),
            kept=_joined(np.concatenate, kept, lambda scene: np.arange(lengths[scene])),
        )

    def only_chosen(self, before: PointBatch, after: PointBatch) -> PointBatch:
        """Return ``after`` with the scenes that are not chosen as they were ``before``."""
        if all(self.chosen) or after.layout.lengths != before.layout.lengths:
            return after
        old, mask = before.rows(), before.spread(self.mask)
        changed = {key: value for key, value in after.rows().items() if value is not old[key]}
        return after.replace(
            **{
                key: torch.where(mask.view(-1, *(1,) * (value.dim() - 1)), value, old[key])
                for key, value in changed.items()
            }
        )


def _joined(
    join: Callable[..., NDArray[Any]], arrays: Sequence[NDArray[Any] | None], rest: Callable[[int], Any]
) -> Tensor | None:
    if all(array is None for array in arrays):
        return None
    return torch.from_numpy(join([rest(scene) if array is None else array for scene, array in enumerate(arrays)]))
