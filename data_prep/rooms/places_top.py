"""Candidate places on top of other objects: on tables, in shelves, on beds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_prep.rooms.footprints import Floats, rotate
from data_prep.rooms.places import TRIES, Item, Places, Rng, Size, plain
from data_prep.rooms.recipes.registry import Model, Recipe, Surface

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
    found = [
        (index, surface)
        for index, item in items.items()
        if item.recipe.name in recipe.on
        for surface in item.model.surfaces
        if surface.clear >= high[2] and item.pose[2] + surface.z + high[2] < size[2] and _turn(surface, half) is not None
    ]
    if recipe.where == "beside" and near:
        carriers = [items[index].support for index in near if items[index].contact == "top"]
        found = [(carrier, surface) for carrier, surface in found if carrier in carriers]
    if not found:
        return None
    # The root: a large table gets more things than a small one, but not all of them.
    area = np.array([(s.x[1] - s.x[0]) * (s.y[1] - s.y[0]) for _, s in found]) ** 0.5
    chosen = rng.choice(len(found), TRIES, p=area / area.sum())
    poses, support, companions = np.empty((TRIES, 4)), plain(TRIES), plain(TRIES)
    for row, index in enumerate(chosen.tolist()):
        carrier, surface = found[index]
        beside = [
            other for other in near
            if items[other].support == carrier and abs(items[other].pose[2] - items[carrier].pose[2] - surface.z) < 0.01
        ]  # fmt: skip
        companion = beside[int(rng.integers(len(beside)))] if beside else -1
        local = _on_surface(recipe.where, half, surface, items[carrier], items.get(companion), rng)
        frame = items[carrier].pose
        poses[row, :2] = frame[:2] + rotate(local[:2], frame[3])
        poses[row, 2:] = frame[2] + surface.z, frame[3] + local[2]
        support[row], companions[row] = carrier, companion
    return Places(poses, support, "top", plain(TRIES), companions)


def _turn(surface: Surface, half: Floats) -> float | None:
    """Return the turn, 0 or a quarter, by which a rectangle of (2,) half extents fits on a surface."""
    x, y = (surface.x[1] - surface.x[0]) / 2, (surface.y[1] - surface.y[0]) / 2
    if half[0] <= x and half[1] <= y:
        return 0.0
    return np.pi / 2 if half[1] <= x and half[0] <= y else None


def _on_surface(where: str, half: Floats, surface: Surface, carrier: Item, companion: Item | None, rng: Rng) -> Floats:
    """Return x, y and turn of the object's origin in the carrier's frame, its footprint inside the surface."""
    turn = _turn(surface, half) or 0.0
    if where == "top" and max(half) < 0.15:
        turn += rng.uniform(-np.pi, np.pi) if rng.random() < 0.3 else 0.0
    small = rng.normal(0, SMALL_TURN)
    low, high = np.array([surface.x, surface.y]).T
    # A turned rectangle is wider: where it then does not fit, it stays parallel.
    for angle in (turn + small, turn, _turn(surface, half) or 0.0):
        cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
        wide = np.array([half[0] * cos + half[1] * sin, half[0] * sin + half[1] * cos])
        if (2 * wide <= high - low + 1e-9).all():
            break
    first, last = low + wide, np.maximum(high - wide, low + wide)
    middle = first + (last - first) * rng.random(2)
    if where == "back":
        middle[1] = min(first[1] + rng.uniform(0, 0.08), last[1])
    elif where == "front":
        middle[1] = max(last[1] - rng.uniform(0, 0.12), first[1])
    if companion is not None and where in ("front", "beside"):
        there = rotate(companion.pose[:2] - carrier.pose[:2], -carrier.pose[3])
        bounds = companion.model.mesh.bounds
        there = there + rotate((0, bounds[1, 1] / 2), companion.pose[3] - carrier.pose[3])
        if where == "front":
            middle[0] = there[0] + rng.normal(0, 0.03)
        else:
            gap = bounds[1, 0] + wide[0] + rng.uniform(0.02, 0.15)
            # Most people use the mouse with the right hand; the front is towards +y, so the right is -x.
            middle = there + (gap * (1 if rng.random() < 0.15 else -1), rng.normal(0, 0.03))
        middle = np.clip(middle, first, last)
    return np.append(middle - rotate((0, half[1]), angle), angle)
