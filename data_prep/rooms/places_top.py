"""Candidate places on top of other objects: on tables, in shelves, on beds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.footprints import Floats, boxes_at, rotate
from data_prep.rooms.places import TRIES, Item, Places, Rng, Size, plain
from data_prep.rooms.recipes.registry import Model, Recipe

SMALL_TURN = 0.1
"""Standard deviation of the turn against the carrier, radians."""


def places_on_top(
    recipe: Recipe, model: Model, items: dict[int, Item], near: Sequence[int], size: Size, rng: Rng
) -> Places | None:
    """Return candidate places on surfaces of other objects; see :func:`data_prep.rooms.placement.find_places`.

    Args:
        recipe: what is known of the object's class.
        model: its shape.
        items: what the room holds, by index in the room.
        near: those of them that the recipe names.
        size: extent of the room.
        rng: source of chance.

    Returns:
        The places, or None where no surface is large enough.
    """
    low, high = model.mesh.bounds
    half = (high[:2] - low[:2]) / 2
    beside = [items[index] for index in near if items[index].contact == "top"]
    carriers = [item.support for item in beside]
    found = [
        (index, (*surface.x, *surface.y, surface.z, surface.clear), item.pose)
        for index, item in items.items()
        if item.recipe.name in recipe.on and (recipe.where != "beside" or not carriers or index in carriers)
        for surface in item.model.surfaces
    ]
    if not found:
        return None
    surfaces, frames = np.array([surface for _, surface, _ in found]), np.array([pose for _, _, pose in found])
    extent = (surfaces[:, [1, 3]] - surfaces[:, [0, 2]]) / 2
    fits = (half <= extent).all(axis=1) | (half[::-1] <= extent).all(axis=1)
    fits &= (surfaces[:, 5] >= high[2]) & (frames[:, 2] + surfaces[:, 4] + high[2] < size[2])
    if not fits.any():
        return None
    # The root: a large table gets more things than a small one, but not all of them.
    area = np.sqrt(extent.prod(axis=1)) * fits
    chosen = rng.choice(len(found), TRIES, p=area / area.sum())
    carrier = np.array([index for index, _, _ in found], np.int64)[chosen]
    frames, surfaces, extent = frames[chosen], surfaces[chosen], extent[chosen]
    angle, wide = _turns(half, extent, recipe.where == "top", rng)
    slack = (extent - wide).clip(0)
    lowest = surfaces[:, [0, 2]] + extent - slack
    middle = lowest + 2 * slack * rng.random((TRIES, 2))
    if recipe.where == "back":
        middle[:, 1] = lowest[:, 1] + np.minimum(2 * slack[:, 1], rng.uniform(0, 0.08, TRIES))
    elif recipe.where == "front":
        middle[:, 1] = lowest[:, 1] + (2 * slack[:, 1] - rng.uniform(0, 0.12, TRIES)).clip(0)
    companion = plain(TRIES)
    if beside and recipe.where in ("front", "beside"):
        companion = _join(recipe, items, near, carrier, frames, surfaces[:, 4], middle, wide, rng)
        middle = np.clip(middle, lowest, lowest + 2 * slack)
    poses = np.empty((TRIES, 4))
    poses[:, :2] = frames[:, :2] + rotate(middle - rotate((0, half[1]), angle), frames[:, 3])
    poses[:, 2] = frames[:, 2] + surfaces[:, 4]
    poses[:, 3] = frames[:, 3] + angle
    return Places(poses, carrier, "top", plain(TRIES), companion)


def _turns(half: Floats, extent: Floats, free: bool, rng: Rng) -> tuple[Floats, Floats]:
    """Return (K,) turns against the carrier by which a rectangle fits on K surfaces, and (K, 2) its reach then.

    Args:
        half: (2,) half extents of the rectangle.
        extent: (K, 2) half extents of the surfaces.
        free: whether small things may be turned in any way.
        rng: source of chance.
    """
    parallel = np.where((half <= extent).all(axis=1), 0.0, np.pi / 2)
    wanted = parallel + rng.normal(0, SMALL_TURN, TRIES)
    if free and half.max() < 0.15:
        wanted += np.where(rng.random(TRIES) < 0.3, rng.uniform(-np.pi, np.pi, TRIES), 0)
    # A turned rectangle is wider: where it then does not fit, it stays parallel.
    angle = np.where((_reach(half, wanted) <= extent).all(axis=1), wanted, parallel)
    return angle, _reach(half, angle)


def _reach(half: Floats, angle: Floats) -> Floats:
    """Return (K, 2) half extents along x and y of a rectangle that is turned."""
    cos, sin = np.abs(np.cos(angle)), np.abs(np.sin(angle))
    return np.stack([half[0] * cos + half[1] * sin, half[0] * sin + half[1] * cos], axis=1)


def _join(
    recipe: Recipe,
    items: dict[int, Item],
    near: Sequence[int],
    carrier: NDArray[np.int64],
    frames: Floats,
    height: Floats,
    middle: Floats,
    wide: Floats,
    rng: Rng,
) -> NDArray[np.int64]:
    """Move the places whose surface holds a thing of ``near`` before or beside it; return (K,) that thing, or -1."""
    companion = plain(TRIES)
    for row in range(TRIES):
        z = frames[row, 2] + height[row]
        there = [i for i in near if items[i].support == carrier[row] and abs(items[i].pose[2] - z) < 0.01]
        if not there:
            continue
        companion[row] = there[int(rng.integers(len(there)))]
        other = items[int(companion[row])]
        box = boxes_at(other.model.mesh.bounds, other.pose)
        x, y = rotate(box[:2] - frames[row, :2], -frames[row, 3])
        if recipe.where == "front":
            middle[row, 0] = x + rng.normal(0, 0.03)
        else:
            # Most people use the mouse with the right hand; a carrier's front is +y, so that right is -x.
            side = 1 if rng.random() < 0.15 else -1
            middle[row] = x + side * (box[2] + wide[row, 0] + rng.uniform(0.02, 0.15)), y + rng.normal(0, 0.03)
    return companion
