"""One scan as arrays: the type that travels from the store through the transforms."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError

IGNORE = -1
"""Train index of a point that has no class: it is neither learned from nor scored."""

FARTHEST = 1e8
"""Meters: coordinates beyond it, ten thousand kilometers from any surveyor's origin, are damage."""

RANGES = {"coord": (-FARTHEST, FARTHEST), "color": (0, 255), "normal": (-100, 100), "strength": (-1e6, 1e6)}
"""What values may be: normals and strengths, which other tools scale in their own ways, but for damage."""

PER_POINT = ("coord", "color", "normal", "strength", "semantic", "instance")


@dataclass(frozen=True)
class Scene:
    """A point cloud with N points. Immutable: a transform returns a new scene.

    Attributes:
        name: the scene's name, unique within its split.
        coord: (N, 3) float32, meters, relative to ``origin``.
        origin: (3,) float64, meters; added to ``coord`` it gives world coordinates.
        color: (N, 3) uint8 RGB from a store; float32 in [0, 255] once a transform has changed it.
        normal: (N, 3) float32 unit vectors.
        semantic: (N,) integer train index, -1 where a point has no class.
        instance: (N,) integer instance number, -1 where a point belongs to none.
        strength: (N, 1) float32 in [0, 1], how much of a laser scanner's pulse came back.
    """

    name: str
    coord: NDArray[np.float32]
    color: NDArray[Any] | None = None
    normal: NDArray[np.float32] | None = None
    semantic: NDArray[Any] | None = None
    instance: NDArray[Any] | None = None
    origin: NDArray[np.float64] = dataclasses.field(default_factory=lambda: np.zeros(3))
    strength: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        """Return the number of points N."""
        return len(self.coord)

    def __repr__(self) -> str:
        return f"Scene({self.name}, {len(self):,} points: {', '.join(self.arrays())})"

    def replace(self, **changes: Any) -> Scene:
        """Return a copy in which the named attributes are exchanged."""
        return dataclasses.replace(self, **changes)

    def select(self, index: NDArray[Any] | slice) -> Scene:
        """Return the scene of the points that ``index`` (indices, mask or slice) picks, in its order."""
        if isinstance(index, np.ndarray) and index.dtype.kind in "iu":  # take is several times as fast as brackets
            return self.replace(**{key: value.take(index, axis=0) for key, value in self.arrays().items()})
        return self.replace(**{key: value[index] for key, value in self.arrays().items()})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the per-point arrays that are present, by attribute name."""
        return {key: getattr(self, key) for key in PER_POINT if getattr(self, key) is not None}

    def validate(self) -> Scene:
        """Return the scene itself.

        Raises:
            UserError: no points, arrays of different lengths, or values that are not finite or beyond :data:`RANGES`.
        """
        if len(self) == 0:
            raise UserError(f"scene {self.name} has no points; remove it or prepare it again", code="no-points")
        for key, value in self.arrays().items():
            if len(value) != len(self):
                raise UserError(
                    f"scene {self.name}: {key} has {len(value)} rows but coord has {len(self)}; "
                    "prepare the scene again",
                    code="other-length",
                )
            least, most = RANGES.get(key, (-np.inf, np.inf))
            if key not in RANGES or value.dtype == np.uint8 or value.size == 0:
                continue
            low, high = value.min(), value.max()
            if least <= low and high <= most:  # false for NaN
                continue
            if not np.isfinite(value).all():
                bad = int((~np.isfinite(value)).reshape(len(self), -1).any(1).sum())
                raise UserError(
                    f"scene {self.name}: {key} holds NaN or infinity at {bad} of {len(self)} points; "
                    "remove these points or prepare the scene again",
                    code="not-finite",
                )
            raise UserError(
                f"scene {self.name}: {key} goes from {low:g} to {high:g}, beyond {least:g} to {most:g}; "
                "prepare the scene again",
                code="out-of-range",
            )
        return self
