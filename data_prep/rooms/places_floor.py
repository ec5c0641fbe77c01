"""Candidate places on the floor: at walls, in corners, in the middle, and at other objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.footprints import Floats, boxes_at, rotate
from data_prep.rooms.places import TRIES, Indices, Item, Places, Rng, Size, at_wall, centered, plain
from data_prep.rooms.recipes.registry import Model, Recipe
from data_prep.rooms.shell import FLOOR

KNEE_SPACE = 0.6
"""Meters above the floor from which a surface lets a seat be pushed under it."""

NARROW = 2.2
"""Ratio of a room's sides above which nothing may stand away from the walls: the room is a way."""


def places_on_floor(
    recipe: Recipe, model: Model, items: dict[int, Item], near: Sequence[int], size: Size, rng: Rng
) -> Places:
    """Return places on the floor."""
    support = plain(TRIES, FLOOR)
    where = recipe.where
    lonely = where in ("around", "before", "beside", "close") and not near
    narrow = where not in ("corner", "beside") and max(size[:2]) > NARROW * min(size[:2])
    if lonely or narrow:
        where = "wall"
    if where in ("wall", "corner"):
        poses, wall = at_wall(model, size, rng, where == "corner", 0.03)
        return Places(poses, support, "floor", wall, plain(TRIES))
    low, high = model.mesh.bounds
    depth = high[1] - low[1]
    if where in ("free", "middle"):
        room = np.array(size[:2])
        if where == "middle":
            middle = room * rng.normal(0.5, 0.12, (TRIES, 2)).clip(0, 1)
            angle = rng.integers(4, size=TRIES) * (np.pi / 2)
        else:
            middle = room * rng.random((TRIES, 2))
            # People turn tables parallel to the walls, small things any way.
            turn = np.pi / 2 if max(high[0] - low[0], depth) > 0.7 else 0.01
            angle = (rng.uniform(0, 2 * np.pi, TRIES) / turn).round() * turn
        poses = centered(middle, angle, depth)
        return Places(poses, support, "floor", plain(TRIES), plain(TRIES))
    companion = np.array(near)[rng.integers(len(near), size=TRIES)]
    if where == "beside":
        return _beside(model, items, companion, support, rng)
    chosen = [items[index] for index in companion.tolist()]
    boxes = boxes_at(np.stack([item.model.mesh.bounds for item in chosen]), np.stack([item.pose for item in chosen]))
    if where == "close":
        poses = _close(boxes, depth, rng)
    else:
        knees = np.array([any(surface.z > KNEE_SPACE for surface in item.model.surfaces) for item in chosen])
        poses = _facing(boxes, knees, where == "before", depth, rng)
    return Places(poses, support, "floor", plain(TRIES), companion)


def _close(boxes: Floats, depth: float, rng: Rng) -> Floats:
    """Return (K, 4) poses within reach of K boxes, turned to them; half of them parallel to the walls."""
    heading = rng.uniform(0, 2 * np.pi, TRIES)
    turn = heading - boxes[:, 4]
    edge = np.minimum(boxes[:, 2] / (np.abs(np.cos(turn)) + 1e-9), boxes[:, 3] / (np.abs(np.sin(turn)) + 1e-9))
    away = np.zeros((TRIES, 2))
    away[:, 0] = edge + depth / 2 + rng.uniform(0.1, 1.2, TRIES)
    step = np.where(rng.random(TRIES) < 0.5, np.pi / 2, 0.01)
    angle = ((heading + np.pi / 2) / step).round() * step + rng.normal(0, 0.08, TRIES)
    return centered(boxes[:, :2] + rotate(away, heading), angle, depth)


def _facing(boxes: Floats, knees: NDArray[np.bool_], front: bool, depth: float, rng: Rng) -> Floats:
    """Return (K, 4) poses at a side, or at the front, of K boxes, facing them.

    Args:
        boxes: (K, 7) boxes.
        knees: (K,) whether there is space for knees under the thing, so that a seat is drawn close.
        front: whether only its front will do.
        depth: depth of the object that is placed.
        rng: source of chance.
    """
    # The side, by its outward direction: 0 is the front, then counter-clockwise.
    side = np.zeros(TRIES, np.int64) if front else rng.integers(4, size=TRIES)
    ends = side % 2 == 1
    long, deep = np.where(ends, boxes[:, 3], boxes[:, 2]), np.where(ends, boxes[:, 2], boxes[:, 3])
    place = np.empty((TRIES, 2))
    place[:, 0] = rng.uniform(-1, 1, TRIES) * (long - 0.3).clip(0) * (0.5 if front else 1.0)
    place[:, 1] = deep + depth / 2 + np.where(knees, rng.uniform(-0.25, 0.2, TRIES), rng.uniform(0.28, 0.5, TRIES))
    outward = boxes[:, 4] + side * (np.pi / 2)
    angle = outward + np.pi + rng.normal(0, 1, TRIES) * np.where(knees, 0.12, 0.02)
    return centered(boxes[:, :2] + rotate(place, outward), angle, depth)


def _beside(model: Model, items: dict[int, Item], companion: Indices, support: Indices, rng: Rng) -> Places:
    """Return places beside objects, backs in line."""
    width = model.mesh.bounds[1, 0] - model.mesh.bounds[0, 0]
    poses = np.stack([items[index].pose for index in companion.tolist()])
    reach_x = np.array([items[index].model.mesh.bounds[1, 0] for index in companion.tolist()])
    sign = np.where(rng.random(TRIES) < 0.5, -1.0, 1.0)
    shift = sign * (reach_x + width / 2 + 0.002 + 0.05 * rng.random(TRIES) ** 2)
    poses[:, :2] += rotate(np.stack([shift, np.zeros(TRIES)], axis=1), poses[:, 3])
    poses[:, 2] = 0
    wall = np.array([items[index].wall for index in companion.tolist()], np.int64)
    return Places(poses, support, "floor", wall, companion)
