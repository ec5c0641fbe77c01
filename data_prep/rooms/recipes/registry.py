"""The dictionary of recipes, what a recipe states about its class, and the models it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.room import KINDS
from data_prep.rooms.shapes import Mesh, paint

OFFICE, BEDROOM, KITCHEN, BATHROOM, LIVING, CORRIDOR = KINDS
EVERYWHERE: Mapping[str, float] = dict.fromkeys(KINDS, 1.0)
COLOR_NOISE = 4.0
"""Standard deviation of a face's color about its part's, in 8-bit steps."""


@dataclass(frozen=True)
class Surface:
    """A level rectangle on which things may stand, in the model's frame, meters.

    Attributes:
        x: lowest and highest x.
        y: lowest and highest y.
        z: its height.
        clear: free height above it.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    z: float
    clear: float = 10.0


@dataclass(frozen=True)
class Model:
    """A mesh and the surfaces on it that carry other objects."""

    mesh: Mesh
    surfaces: tuple[Surface, ...] = ()

    def moved(self, x: float, y: float, z: float) -> Model:
        """Return the model shifted by meters."""
        return Model(
            self.mesh.moved(x, y, z),
            tuple(Surface((s.x[0] + x, s.x[1] + x), (s.y[0] + y, s.y[1] + y), s.z + z, s.clear) for s in self.surfaces),
        )

    def settled(self) -> Model:
        """Return the model with its lowest point at z = 0, its back at y = 0 and its middle at x = 0."""
        low, high = self.mesh.bounds
        return self.moved(-(low[0] + high[0]) / 2, -low[1], -low[2])

    def stretched(self, height: float) -> Model:
        """Return the model scaled along z to ``height`` meters."""
        scale = height / self.mesh.bounds[1, 2]
        mesh = Mesh(self.mesh.vertices * (1, 1, scale), self.mesh.faces, self.mesh.color)
        return Model(mesh, tuple(Surface(s.x, s.y, s.z * scale, s.clear * scale) for s in self.surfaces))


@dataclass(frozen=True)
class Recipe:
    """What is known about a class: how to make one, and where it belongs.

    Attributes:
        name: ScanNet200 class name.
        build: makes one from a generator (and the size of what it fits to, where ``fits`` is given).
        nyu40: the NYU40 id to which ScanNet's label table maps the class.
        rooms: the kinds of room it occurs in, and how readily.
        on: what it rests on or is fixed to: "floor", "wall", "ceiling", or classes with surfaces.
        where: how its place is chosen; see :mod:`data_prep.rooms.layout`.
        near: the classes that ``where`` refers to.
        needs: whether it is left out of a room without any of ``near``.
        height: range of the height of its lowest point above the floor, of a thing on a wall.
        most: how many a room may hold.
        fits: classes to one of which it is made to measure: it shares that object's frame and support.
        tall: whether it is stretched from the floor to the ceiling.
        free: clear depth in meters that must remain in front of it.
    """

    name: str
    build: Callable[..., Mesh | Model]
    nyu40: int
    rooms: Mapping[str, float]
    on: tuple[str, ...]
    where: str
    near: tuple[str, ...] = ()
    needs: bool = False
    height: tuple[float, float] = (0.0, 0.0)
    most: int = 3
    fits: tuple[str, ...] = ()
    tall: bool = False
    free: float = 0.0

    def make(self, rng: np.random.Generator, anchor: NDArray[np.float64] | None = None) -> Model:
        """Make one.

        Its lowest point is at z = 0, its back at y = 0, its front looks along +y, its middle is at x = 0;
        what fits to another object is in that object's frame instead.

        Args:
            rng: source of its size, shape and colors.
            anchor: (3,) extent of the object that it fits to.
        """
        made = self.build(rng, anchor) if self.fits else self.build(rng)
        model = made if isinstance(made, Model) else Model(made)
        if not self.fits:
            model = model.settled()
        mesh = model.mesh
        noise = rng.normal(0, COLOR_NOISE, (len(mesh.faces), 1))
        return Model(Mesh(mesh.vertices, mesh.faces, paint(mesh.color + noise, len(mesh.faces))), model.surfaces)


RECIPES: dict[str, Recipe] = {}
"""Every recipe by class name, in the order of definition."""


def recipe(
    name: str,
    nyu40: int,
    *,
    rooms: Mapping[str, float] = EVERYWHERE,
    on: str | Sequence[str] = "floor",
    where: str = "wall",
    near: Sequence[str] = (),
    needs: bool = False,
    height: tuple[float, float] = (0.0, 0.0),
    most: int = 3,
    fits: Sequence[str] = (),
    tall: bool = False,
    free: float = 0.0,
) -> Callable[[Callable[..., Mesh | Model]], Callable[..., Mesh | Model]]:
    """Register the decorated function as the recipe of class ``name``; see :class:`Recipe` for the arguments."""

    def register(build: Callable[..., Mesh | Model]) -> Callable[..., Mesh | Model]:
        if name in RECIPES:
            raise ValueError(f"two recipes for {name!r}")
        RECIPES[name] = Recipe(
            name=name,
            build=build,
            nyu40=nyu40,
            rooms=rooms,
            on=(on,) if isinstance(on, str) else tuple(on),
            where=where,
            near=tuple(near),
            needs=needs,
            height=height,
            most=most,
            fits=tuple(fits),
            tall=tall,
            free=free,
        )
        return build

    return register
