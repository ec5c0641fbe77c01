"""Objects that have their place, candidate places for others, and how both are written down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.footprints import Floats, boxes_at, part_bounds, rotate
from data_prep.rooms.recipes.registry import Model, Recipe
from data_prep.rooms.shell import wall_length, wall_pose

Rng = np.random.Generator
Indices = NDArray[np.int64]
Size = tuple[float, float, float]
TRIES = 24
"""Candidate places drawn for an object at a time."""


@dataclass(frozen=True)
class Item:
    """An object that has its place.

    Attributes:
        recipe: what it is.
        model: its shape, in its own frame.
        pose: (4,) x, y, z, angle of that frame in the room.
        support: index in the room of what carries it.
        contact: how; see :class:`data_prep.rooms.room.PlacedObject`.
        wall: number of the wall at its back, -1 without.
        companion: index of the object that it was placed at, -1 without.
        root: index of the object at the bottom of the pile in which it stands.
    """

    recipe: Recipe
    model: Model
    pose: Floats
    support: int
    contact: str
    wall: int
    companion: int
    root: int

    @cached_property
    def parts(self) -> Floats:
        """(P, 7) boxes of its parts in the room."""
        return boxes_at(part_bounds(self.model.mesh), self.pose)


@dataclass(frozen=True)
class Places:
    """K candidate places.

    Attributes:
        poses: (K, 4) poses.
        support: (K,) index in the room of what would carry the object.
        contact: how it would.
        wall: (K,) number of the wall at its back, -1 without.
        companion: (K,) index of the object that it is placed at, -1 without.
    """

    poses: Floats
    support: Indices
    contact: str
    wall: Indices
    companion: Indices


def plain(count: int, value: int = -1) -> Indices:
    """Return (count,) indices that are all ``value``; -1 says none."""
    return np.full(count, value, np.int64)


def at_wall(model: Model, size: Size, rng: Rng, corner: bool, gap: float) -> tuple[Floats, Indices]:
    """Return (K, 4) poses with the back to a wall, and the walls."""
    wall = rng.choice(4, TRIES, p=np.array([size[0], size[1]] * 2) / (2 * (size[0] + size[1])))
    half = (model.mesh.bounds[1, 0] - model.mesh.bounds[0, 0]) / 2
    room = wall_length(wall, size) - 2 * half
    share = rng.random(TRIES)
    if corner:
        share = np.where(share < 0.5, 0.0, 1.0) + (0.5 - share.round()) * np.minimum(2 * gap * rng.random(TRIES), 0.1)
    return wall_pose(wall, half + share * room.clip(0), gap * rng.random(TRIES), size), wall


def centered(middle: Floats, angle: NDArray[Any], depth: float) -> Floats:
    """Return (K, 4) poses on the floor that put the middle of a footprint where it is wanted."""
    xy = middle - rotate((0, depth / 2), angle)
    return np.concatenate([xy, np.zeros((len(xy), 1)), angle[:, None]], axis=1)
