"""pointnc: 3-D point-cloud segmentation under heavy class imbalance.

    import pointnc
    model = pointnc.load("runs/…")
    result = model.predict(coord, color=rgb)
    pointnc.visualize(coord, rgb, result)
    scores = pointnc.evaluate(model, pointnc.SceneStore("store")["val"])

Importing the package is cheap: torch, spconv and Lightning are loaded by the rooms that need them.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pointnc.runtime import signals
from pointnc.version import __version__ as __version__

if TYPE_CHECKING:
    from pointnc.api import Model, Result, View, evaluate, load, visualize
    from pointnc.errors import UserError
    from pointnc.scenes import Scene, SceneStore, Taxonomy

__all__ = [
    "Model",
    "Result",
    "Scene",
    "SceneStore",
    "Taxonomy",
    "UserError",
    "View",
    "evaluate",
    "load",
    "visualize",
]

_ROOMS = {"Scene": "scenes", "SceneStore": "scenes", "Taxonomy": "scenes", "UserError": "errors"}
"""Where a name is at home; ``api`` for the others."""


class _Package(ModuleType):
    """Fetches a name of ``__all__`` when it is used first, and keeps it where a command has the same name."""

    def __getattr__(self, name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_ROOMS.get(name, 'api')}"), name)
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing the command pointnc.visualize would put its module in the place of the function.
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*__all__, *(name for name in super().__dir__() if name.startswith("__"))})


sys.modules[__name__].__class__ = _Package

if signals.is_command():  # at the first moment that is ours; whoever imports the package keeps his handlers
    signals.end_at_once()
