"""Furnishing: from a generator to a room in which everything stands, rests or hangs where such things do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.footprints import Floats, boxes_at, inside, overlap, part_bounds
from data_prep.rooms.frequency import FURTHER, PLANS, bulk, class_weights, draw_kind, draw_size
from data_prep.rooms.placement import find_places
from data_prep.rooms.places import Item, Places, Rng, Size
from data_prep.rooms.recipes import RECIPES, Model, Recipe
from data_prep.rooms.room import KINDS, PlacedObject, Room
from data_prep.rooms.shell import make_shell
from pointnc.errors import UserError

ZONE = (0.05, 1.8)
"""Heights between which the way before a door or a cupboard is kept clear."""
INSISTENCE = 3
"""How often an essential of a room is tried."""
ROUNDS = 12
"""How often classes are drawn for what the room still lacks."""
CLOSE_LOOKS = 6
"""Places at which the parts of an object are tried against those of its neighbors."""


def make_room(name: str, rng: Rng, kind: str | None = None) -> Room:
    """Make a furnished room: equal generators give equal rooms.

    Args:
        name: the scene's name.
        rng: the only source of chance.
        kind: one of :data:`data_prep.rooms.room.KINDS`; drawn without.

    Raises:
        UserError: another kind.
    """
    if kind is None:
        kind = draw_kind(rng)
    if kind not in PLANS:
        raise UserError(f"unknown kind of room {kind!r}; choose one of {', '.join(KINDS)}", code="unknown-name")
    size = draw_size(kind, rng)
    furnishing = Furnishing(size, make_shell(size, rng))
    for labels, low, high in PLANS[kind].essentials:
        for _ in range(int(rng.integers(low, high + 1))):
            choice = labels.split(" / ")
            furnishing.insist(RECIPES[choice[int(rng.integers(len(choice)))]], rng)
    _fill(furnishing, kind, rng)
    return Room(name, kind, size, tuple(furnishing.objects))


def _fill(furnishing: Furnishing, kind: str, rng: Rng) -> None:
    """Add further objects, drawn by frequency among the classes that have a place in the room as it is."""
    names, weights = class_weights(kind)
    cumulative = weights.cumsum()
    missing = int(rng.integers(*FURTHER))
    failed: Counter[str] = Counter()
    for _ in range(ROUNDS):
        # Draws of a class that has no place are dropped, which keeps the proportions among the others.
        drawn = np.searchsorted(cumulative, rng.random(missing) * cumulative[-1], side="right")
        # The large pieces come first, as when people move in: later there is no place for them.
        for label in sorted((names[index] for index in drawn.tolist()), key=bulk, reverse=True):
            if failed[label] == 0 and furnishing.allows(RECIPES[label]):
                if furnishing.add(RECIPES[label], rng):
                    missing -= 1
                else:
                    failed[label] += 1


@dataclass
class Furnishing:
    """A room while it is filled.

    Attributes:
        size: its extent.
        objects: what it holds, floor, ceiling and walls first.
        items: how the objects were placed, by index in ``objects``; not of floor, ceiling and walls.
        held: how many of each class it holds.
    """

    size: Size
    objects: list[PlacedObject]
    items: dict[int, Item] = field(default_factory=dict)
    held: Counter[str] = field(default_factory=Counter)
    # Boxes of the items in order, and the zones that are kept clear before some of them.
    _boxes: Floats = field(default_factory=lambda: np.empty((0, 7)))
    _zones: Floats = field(default_factory=lambda: np.empty((0, 7)))
    _zone_owners: list[int] = field(default_factory=list)

    def allows(self, recipe: Recipe) -> bool:
        """Return whether the room holds what an object needs and not yet too many of its class."""
        if self.held[recipe.name] >= recipe.most:
            return False
        if recipe.needs and not any(self.held[name] for name in recipe.near):
            return False
        carriers = recipe.fits or recipe.on
        return carriers[0] in ("floor", "wall", "ceiling") or any(self.held[name] for name in carriers)

    def add(self, recipe: Recipe, rng: Rng) -> bool:
        """Make an object and put it where it belongs; return whether there was a place."""
        if recipe.fits:
            return self._fit(recipe, rng)
        model = recipe.make(rng)
        if recipe.tall:
            model = model.stretched(self.size[2])
        places = find_places(recipe, model, self.items, self.size, rng)
        row = None if places is None else self._first_free(recipe, model, places)
        if places is None or row is None:
            return False
        support = int(places.support[row])
        root = self.items[support].root if support in self.items else len(self.objects)
        wall, companion = int(places.wall[row]), int(places.companion[row])
        self._put(Item(recipe, model, places.poses[row], support, places.contact, wall, companion, root))
        return True

    def insist(self, recipe: Recipe, rng: Rng) -> bool:
        """Add an object that the room should hold: where there is no place, try others of other sizes."""
        return any(self.allows(recipe) and self.add(recipe, rng) for _ in range(INSISTENCE))

    def _fit(self, recipe: Recipe, rng: Rng) -> bool:
        """Make an object to the measure of one that the room holds; return whether there was room for it."""
        taken = [item.companion for item in self.items.values() if item.recipe is recipe]
        anchors = [i for i, item in self.items.items() if item.recipe.name in recipe.fits and i not in taken]
        for index in rng.permutation(anchors).tolist():
            anchor = self.items[index]
            low, high = anchor.model.mesh.bounds
            model = recipe.make(rng, high - low)
            support, contact = anchor.support, anchor.contact
            if contact == "floor" and model.mesh.bounds[0, 2] > 0.01:
                support, contact = index, "top"
            item = Item(recipe, model, anchor.pose, support, contact, anchor.wall, index, anchor.root)
            one = np.array([index])
            places = Places(anchor.pose[None], np.array([support]), contact, np.array([anchor.wall]), one)
            if self._first_free(recipe, model, places) is not None:
                self._put(item)
                return True
        return False

    def _put(self, item: Item) -> None:
        """Add an object whose place is free."""
        index = len(self.objects)
        x, y, z, angle = item.pose.tolist()
        mesh = item.model.mesh.turned(angle).moved(x, y, z)
        self.objects.append(PlacedObject(item.recipe.name, mesh, item.support, item.contact))
        self.items[index] = item
        self.held[item.recipe.name] += 1
        box = boxes_at(item.model.mesh.bounds, item.pose)
        self._boxes = np.concatenate([self._boxes, box[None]])
        if item.recipe.free > 0:
            self._zones = np.concatenate([self._zones, _zone(item.model, item.pose[None], item.recipe.free)])
            self._zone_owners.append(index)

    def _first_free(self, recipe: Recipe, model: Model, places: Places) -> int | None:
        """Return the first place at which an object runs into nothing, or None."""
        boxes = boxes_at(model.mesh.bounds, places.poses)
        rows = np.flatnonzero(inside(boxes, self.size))
        if places.contact == "floor" or (places.contact == "wall" and recipe.height[1] == 0 and not recipe.fits):
            owners = np.array(self._zone_owners, np.int64)
            foreign = owners != places.companion[rows, None]
            rows = rows[~(overlap(boxes[rows], self._zones) & foreign).any(axis=1)]
            if recipe.free > 0:
                zones = _zone(model, places.poses[rows], recipe.free)
                rows = rows[inside(zones, self.size) & ~overlap(zones, self._boxes).any(axis=1)]
        hits = overlap(boxes[rows], self._boxes)
        open_ = ~(hits & ~self._kin(recipe, places)[rows]).any(axis=1)
        for row, hit in zip(rows[open_][:CLOSE_LOOKS].tolist(), hits[open_]):
            if not self._runs_into(recipe, model, places, row, np.flatnonzero(hit)):
                return row
        return None

    def _runs_into(self, recipe: Recipe, model: Model, places: Places, row: int, relatives: NDArray[np.int64]) -> bool:
        """Return whether parts of an object at a place run into parts of the items given, by number."""
        if not len(relatives):
            return False
        # What carries an object, or is what it was made to measure for, does not count.
        support, anchor = int(places.support[row]), int(places.companion[row]) if recipe.fits else -1
        parts = boxes_at(part_bounds(model.mesh), places.poses[row])
        items = [(index, item) for column, (index, item) in enumerate(self.items.items()) if column in relatives]
        return any(overlap(parts, item.parts).any() for index, item in items if index not in (support, anchor))

    def _kin(self, recipe: Recipe, places: Places) -> NDArray[np.bool_]:
        """Return (K, N) which items may reach into the object's box, as a table into that of a chair at it.

        With them it is not the boxes that must not overlap but those of the parts.
        """
        roots = np.array([item.root for item in self.items.values()], np.int64)
        piles = np.array([self.items[i].root for i in places.support.tolist()]) if places.contact == "top" else None
        if piles is None:
            own = places.companion if places.contact == "floor" or recipe.fits else np.full(len(places.poses), -2)
            return roots == own[:, None]
        seats = np.array([self.items[root].companion for root in roots.tolist()], np.int64)
        kin: NDArray[np.bool_] = (roots == piles[:, None]) | (seats == piles[:, None])
        return kin


def _zone(model: Model, poses: Floats, depth: float) -> Floats:
    """Return (K, 7) boxes of the space before a model that must stay clear."""
    low, high = model.mesh.bounds
    return boxes_at(np.array([[low[0], high[1], ZONE[0]], [high[0], high[1] + depth, ZONE[1]]]), poses * (1, 1, 0, 1))
