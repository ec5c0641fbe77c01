"""Where things may go: candidate places for an object, by the vocabulary of the recipes.

``where`` of a recipe, by what it is ``on``:

- the floor: "wall" (back to a wall), "corner" (the same in a corner), "free" (anywhere, any turn), "middle" (near the
  middle, parallel to the walls), "around" (at a side of a thing of ``near``, facing it), "before" (at its front,
  facing it), "beside" (next to it, backs in line), "close" (within about 1.5 m, turned to it);
- another object: "top" (anywhere), "back" (toward the rear edge), "front" (toward the front edge, in line with a
  thing of ``near``), "beside" (next to a thing of ``near``);
- the wall, at ``height``: "random", "above" or "beside" a thing of ``near`` that stands against the wall;
- the ceiling: "middle", "random".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_prep.rooms.places import TRIES, Item, Places, Rng, Size, at_wall, centered, plain
from data_prep.rooms.places_floor import places_on_floor
from data_prep.rooms.places_top import places_on_top
from data_prep.rooms.recipes.registry import Model, Recipe
from data_prep.rooms.shell import CEILING, WALL, wall_pose


def find_places(recipe: Recipe, model: Model, items: dict[int, Item], size: Size, rng: Rng) -> Places | None:
    """Draw candidate places for an object; the caller picks the first that is free.

    Args:
        recipe: what is known of its class.
        model: its shape.
        items: what the room holds, by index in the room.
        size: extent of the room.
        rng: source of chance.

    Returns:
        The places, or None where nothing of the room can carry the object.
    """
    near = [index for index, item in items.items() if item.recipe.name in recipe.near]
    if recipe.on == ("floor",):
        return places_on_floor(recipe, model, items, near, size, rng)
    if recipe.on == ("wall",):
        return _on_wall(recipe, model, items, near, size, rng)
    if recipe.on == ("ceiling",):
        return _on_ceiling(recipe, model, size, rng)
    return places_on_top(recipe, model, items, near, size, rng)


def _on_wall(recipe: Recipe, model: Model, items: dict[int, Item], near: Sequence[int], size: Size, rng: Rng) -> Places:
    """Return places on the walls."""
    poses, wall = at_wall(model, size, rng, False, 0.0)
    height = model.mesh.bounds[1, 2]
    poses[:, 2] = rng.uniform(*recipe.height, TRIES)
    companion = plain(TRIES)
    near = [index for index in near if items[index].wall >= 0]
    if recipe.where in ("above", "beside") and near:
        companion = np.array(near)[rng.integers(len(near), size=TRIES)]
        wall = np.array([items[index].wall for index in companion.tolist()], np.int64)
        middle = np.stack([items[index].pose[:2] for index in companion.tolist()])
        along = np.where(wall % 2 == 0, middle[:, 0], middle[:, 1])
        half = np.array([items[index].model.mesh.bounds[1, 0] for index in companion.tolist()])
        if recipe.where == "above":
            along = along + half * rng.uniform(-0.2, 0.2, TRIES)
            tops = {index: _pile_top(items, items[index].root) for index in near}
            over = np.array([tops[index] for index in companion.tolist()]) + rng.uniform(0.02, 0.25, TRIES)
            poses[:, 2] = np.maximum(poses[:, 2], over)
        else:
            sign = np.where(rng.random(TRIES) < 0.5, -1.0, 1.0)
            along = along + sign * (half + model.mesh.bounds[1, 0] + rng.uniform(0.03, 0.5, TRIES))
        poses[:, [0, 1, 3]] = wall_pose(wall, along, np.zeros(TRIES), size)[:, [0, 1, 3]]
    if recipe.height[1] > 0:
        poses[:, 2] = np.minimum(poses[:, 2], size[2] - height - 0.02)
    return Places(poses, WALL + wall, "wall", wall, companion)


def _pile_top(items: dict[int, Item], root: int) -> float:
    """Return the greatest height of an object and what stands on it."""
    return max(item.pose[2] + item.model.mesh.bounds[1, 2] for index, item in items.items() if item.root == root)


def _on_ceiling(recipe: Recipe, model: Model, size: Size, rng: Rng) -> Places:
    """Return places under the ceiling."""
    low, high = model.mesh.bounds
    share = rng.normal(0.5, 0.08, (TRIES, 2)) if recipe.where == "middle" else rng.random((TRIES, 2))
    poses = centered(share * size[:2], rng.integers(4, size=TRIES) * (np.pi / 2), high[1] - low[1])
    poses[:, 2] = size[2] - high[2]
    return Places(poses, plain(TRIES, CEILING), "ceiling", plain(TRIES), plain(TRIES))
