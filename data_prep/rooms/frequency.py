"""What rooms hold and how often: kinds of room, their sizes, what each of them must have, and the long tail.

Beyond its essentials a room is filled class by class, drawn in proportion to how readily the class occurs in its kind
of room and to the number of instances that ScanNet200 annotates of it, so that the data set inherits the long tail of
real scans (Rozenberszki et al., ECCV 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.recipes import RECIPES
from data_prep.rooms.recipes.registry import BATHROOM, BEDROOM, CORRIDOR, KITCHEN, LIVING, OFFICE
from pointnc.benchmarks.scannet import instance_counts

EXPONENT = 0.75
"""Power to which ScanNet's instance counts are raised when classes are drawn.

1 would give the rarest class (12 instances) fewer than one instance in a hundred rooms; a smaller power lifts the tail
and keeps the order of the classes. Measured in 300 rooms at 0.75: of the instances 72 % are of head classes, 18 % of
common and 10 % of tail ones; the median class occurs 23, 7 and 6 times in 100 rooms, the rarest about 0.3 times, the
most frequent about 300 times.
"""

OPENINGS = ("door", "window")
"""Classes of which a room has those that its plan gives it, and no further ones."""

FURTHER = (20, 46)
"""Lowest and one more than the highest number of objects that are tried beyond the essentials."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Plan:
    """A kind of room.

    Attributes:
        weight: how often the kind occurs, against the others.
        long: range of its longer side, meters.
        short: range of its shorter side.
        height: range of its height.
        essentials: class, or several of which one is drawn, and range of how many are placed first, in order.
    """

    weight: float
    long: Range
    short: Range
    height: Range
    essentials: tuple[tuple[str, int, int], ...]


PLANS: Mapping[str, Plan] = {
    OFFICE: Plan(
        4, (3.2, 5.0), (2.8, 4.0), (2.5, 3.0),
        (
            ("door", 1, 1), ("doorframe", 0, 1), ("window", 0, 2), ("curtain", 0, 1), ("blinds", 0, 1),
            ("desk", 1, 3), ("office chair", 1, 3), ("monitor", 1, 4), ("keyboard", 0, 2), ("mouse", 0, 1),
            ("bookshelf", 0, 1), ("whiteboard", 0, 1), ("file cabinet", 0, 1), ("trash can", 0, 1),
            ("ceiling light", 0, 1),
        ),
    ),
    BEDROOM: Plan(
        4, (3.2, 4.8), (2.7, 4.0), (2.4, 2.8),
        (
            ("door", 1, 1), ("doorframe", 0, 1), ("bed", 1, 1), ("window", 0, 2), ("curtain", 0, 2),
            ("pillow", 1, 4), ("nightstand", 0, 2), ("lamp", 0, 2), ("closet", 0, 1), ("closet door", 0, 1),
            ("wardrobe", 0, 1), ("dresser", 0, 1), ("blanket", 0, 1), ("picture", 0, 2), ("ceiling light", 0, 1),
        ),
    ),
    KITCHEN: Plan(
        3, (3.0, 4.6), (2.4, 3.6), (2.4, 2.8),
        (
            ("door", 1, 1), ("doorframe", 0, 1), ("kitchen counter", 1, 2), ("sink", 1, 1), ("refrigerator", 1, 1),
            ("stove", 0, 1), ("dishwasher", 0, 1), ("oven", 0, 1), ("kitchen cabinet", 2, 4), ("range hood", 0, 1),
            ("window", 0, 1), ("microwave", 0, 1), ("dining table", 0, 1), ("chair", 0, 4), ("coffee maker", 0, 1),
            ("ceiling light", 0, 1),
        ),
    ),
    BATHROOM: Plan(
        3, (2.3, 3.5), (1.9, 2.8), (2.4, 2.7),
        (
            ("door", 1, 1), ("doorframe", 0, 1), ("bathtub / shower / bathroom stall", 1, 1), ("toilet", 1, 1),
            ("bathroom vanity", 1, 1), ("sink", 1, 1), ("shower curtain", 0, 1), ("bathroom stall door", 0, 1),
            ("mirror", 0, 1), ("toilet paper", 0, 2),
            ("towel", 0, 2), ("window", 0, 1), ("ceiling light", 0, 1),
        ),
    ),
    LIVING: Plan(
        4, (3.9, 5.4), (3.2, 4.2), (2.4, 2.9),
        (
            ("door", 1, 2), ("doorframe", 0, 1), ("window", 1, 3), ("curtain", 0, 2), ("couch", 1, 2),
            ("coffee table", 0, 1), ("tv stand", 0, 1), ("tv", 0, 1), ("armchair", 0, 2), ("end table", 0, 1),
            ("lamp", 0, 1), ("bookshelf", 0, 1), ("picture", 0, 2), ("cushion", 0, 1), ("pillow", 0, 3),
            ("ceiling light", 0, 1),
        ),
    ),
    CORRIDOR: Plan(
        2, (5.0, 8.0), (1.6, 2.2), (2.4, 3.0),
        (
            ("door", 2, 3), ("doorframe", 0, 3), ("window", 0, 1), ("bench", 0, 1), ("trash can", 0, 1),
            ("light", 0, 2),
            ("ceiling light", 0, 1), ("fire extinguisher", 0, 1), ("light switch", 0, 1),
        ),
    ),
}  # fmt: skip


def draw_kind(rng: np.random.Generator) -> str:
    """Return a kind of room."""
    weights = np.array([plan.weight for plan in PLANS.values()])
    return list(PLANS)[int(rng.choice(len(PLANS), p=weights / weights.sum()))]


def draw_size(kind: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return the extent of a room along x, y and z in meters; its longer side runs along either axis."""
    plan = PLANS[kind]
    long, short, height = (float(rng.uniform(*part)) for part in (plan.long, plan.short, plan.height))
    return (long, short, height) if rng.random() < 0.5 else (short, long, height)


@lru_cache
def class_weights(kind: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the classes that occur in a kind of room and (C,) how often they are drawn, against each other."""
    counts = instance_counts()
    names = tuple(name for name, recipe in RECIPES.items() if recipe.rooms.get(kind, 0) > 0 and name not in OPENINGS)
    return names, np.array([RECIPES[name].rooms[kind] * counts[name] ** EXPONENT for name in names])


@lru_cache
def bulk(name: str) -> float:
    """Return about how much floor a thing of a class takes in square meters; 0 for what does not stand on it."""
    recipe = RECIPES[name]
    if recipe.on != ("floor",) or recipe.fits:
        return 0.0
    low, high = recipe.make(np.random.default_rng(0)).mesh.bounds
    return float((high[0] - low[0]) * (high[1] - low[1]))
