"""Candidate places on the floor: at walls, in corners, in the middle, and at other objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_prep.rooms.footprints import Floats, boxes_at, rotate
from data_prep.rooms.places import TRIES, Indices, Item, Places, Rng, Size, at_wall, centred, plain
from data_prep.rooms.recipes.registry import Model, Recipe
from data_prep.rooms.shell import FLOOR

KNEE_SPACE = 0.6
"""Metres above the floor from which a surface lets a seat be pushed under it."""


def places_on_floor(
    recipe: Recipe, model: Model, items: dict[int, Item], near: Sequence[int], size: Size, rng: Rng
) -> Places:
    """Return places on the floor."""
    support = plain(TRIES, FLOOR)
    where = recipe.where
    if where in ("around", "before", "beside", "close") and not near:
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
        poses = centred(middle, angle, depth)
        return Places(poses, support, "floor", plain(TRIES), plain(TRIES))
    companion = np.array(near)[rng.integers(len(near), size=TRIES)]
    if where == "beside":
        return _beside(model, items, companion, support, rng)
    poses = np.concatenate(
        [_at_companion(where, depth, items[index], rng) for index in companion.tolist()]
    )
    return Places(poses, support, "floor", plain(TRIES), companion)


def _at_companion(where: str, depth: float, companion: Item, rng: Rng) -> Floats:
    """Return a (1, 4) pose around, before or close to an object, facing it."""
    box = boxes_at(companion.model.mesh.bounds, companion.pose)
    if where == "close":
        heading = rng.uniform(0, 2 * np.pi)
        cos, sin = np.abs(rotate((1, 0), heading - box[4])) + 1e-9
        edge = min(box[2] / cos, box[3] / sin)
        middle = box[:2] + rotate((edge + depth / 2 + rng.uniform(0.1, 1.2), 0), heading)
        angle = heading + np.pi / 2
        turn = np.pi / 2 if rng.random() < 0.5 else 0.01
        angle = round(angle / turn) * turn + rng.normal(0, 0.08)
        return centred(middle[None], np.array([angle]), depth)
    # The side, by its outward direction from the companion's middle: 0 is the front, then counter-clockwise.
    side = 0 if where == "before" else int(rng.integers(4))
    long, deep = (box[2], box[3]) if side % 2 == 0 else (box[3], box[2])
    along = rng.uniform(-1, 1) * max(long - 0.3, 0) * (0.5 if where == "before" else 1)
    seat_fits = any(surface.z > KNEE_SPACE for surface in companion.model.surfaces)
    gap = rng.uniform(-0.25, 0.2) if seat_fits else rng.uniform(0.28, 0.5)
    outward = box[4] + side * (np.pi / 2)
    middle = box[:2] + rotate((along, deep + gap + depth / 2), outward)
    angle = outward + np.pi + rng.normal(0, 0.12 if seat_fits else 0.02)
    return centred(middle[None], np.array([angle]), depth)


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
