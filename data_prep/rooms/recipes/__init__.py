"""Parametric furniture: one short function for each class, drawn again for each object.

To add a class, write a function in the module of its theme (or in a new module) and decorate it with
:func:`~data_prep.rooms.recipes.registry.recipe`: the ScanNet200 name, the NYU40 id, and where such a thing stands.
The function takes a generator and returns a closed mesh composed of the solids of :mod:`data_prep.rooms.shapes`, its
back at y = 0 and its front along +y, in meters; it returns a ``Model`` where other things may stand on it. Draw sizes,
proportions, number of parts and colors widely enough that the class overlaps its neighbors as the real one does.
Nothing else needs to change: the layout, the tables of labels and the tests all read :data:`RECIPES`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from data_prep.rooms.recipes.registry import RECIPES, Model, Recipe, Surface

__all__ = ["RECIPES", "Model", "Recipe", "Surface", "nyu40"]

# Every module of this package is imported, by name, so that its recipes register.
for _module in sorted(found.name for found in iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")


def nyu40() -> dict[str, int]:
    """Return the NYU40 id of every class that occurs in a room: walls, floor, ceiling and all recipes."""
    return {"wall": 1, "floor": 2, "ceiling": 22} | {name: made.nyu40 for name, made in RECIPES.items()}
