"""Heads as data: what a weights file says of its classifier.

As in :mod:`pointnc.weights.architecture`, a file may name only what is listed here.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from pointnc.errors import UserError
from pointnc.models.heads import CosineHead, ETFHead, LinearHead
from pointnc.weights.architecture import LARGEST

HEADS: dict[str, type[nn.Module]] = {"LinearHead": LinearHead, "ETFHead": ETFHead, "CosineHead": CosineHead}
"""Name of a head to its class."""

HEAD_TARGETS = {
    target: name for name, kind in HEADS.items() for target in (f"{kind.__module__}.{name}", f"pointnc.models.{name}")
}
"""What a configuration calls a head (``_target_``) to its name."""


@dataclass(frozen=True)
class HeadArchitecture:
    """A head by its name and its constructor's arguments; the sizes come from backbone and classes.

    Attributes:
        name: a key of ``HEADS``.
        arguments: of the constructor, without ``in_channels`` and ``num_classes``, in plain types.
    """

    name: str = "LinearHead"
    arguments: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in HEADS:
            raise UserError(f"unknown head {self.name!r}; pointnc has {', '.join(HEADS)}", code="unknown-name")
        parameters = dict(inspect.signature(HEADS[self.name]).parameters)
        del parameters["in_channels"], parameters["num_classes"]
        for name, value in self.arguments.items():
            if name not in parameters:
                raise UserError(
                    f"head {self.name} has no {name!r}; it has {', '.join(parameters) or 'no options'}",
                    code="unknown-name",
                )
            too_large = isinstance(value, int) and name != "seed" and abs(value) > LARGEST
            if not isinstance(value, str | bool | int | float | None) or too_large:
                raise UserError(f"head {self.name}: {name}={value} is out of range or of the wrong kind", code="option")
        for name, parameter in parameters.items():
            self.arguments.setdefault(name, parameter.default)

    @classmethod
    def of(cls, node: Mapping[str, Any] | None) -> HeadArchitecture:
        """Return the head of a configuration's ``head`` node; without one it is linear.

        Raises:
            UserError: its ``_target_`` is not one of pointnc's heads.
        """
        if node is None:
            return cls()
        target = str(node.get("_target_"))
        if target not in HEAD_TARGETS:
            raise UserError(
                f"weights with a head of {target} cannot be exchanged: pointnc knows {', '.join(HEADS)}",
                code="unsupported",
            )
        arguments = {str(key): value for key, value in node.items() if not str(key).startswith("_")}
        return cls(HEAD_TARGETS[target], arguments)

    @property
    def is_linear(self) -> bool:
        """Whether it is the plain linear head, which is what files say that do not speak of a head."""
        return self.name == "LinearHead"

    def build(self, in_channels: int, num_classes: int) -> nn.Module:
        """Build the head with fresh weights.

        Raises:
            UserError: an argument is out of range.
        """
        return HEADS[self.name](in_channels, num_classes, **self.arguments)

    def node(self) -> dict[str, Any]:
        """Return the ``head`` node of a configuration that builds this head."""
        return {"_target_": f"{HEADS[self.name].__module__}.{self.name}", **self.arguments}

    def to_dict(self) -> dict[str, Any]:
        """Return plain types only."""
        return {"name": self.name, **self.arguments}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> HeadArchitecture:
        """Read what :meth:`to_dict` wrote.

        Raises:
            UserError: it is no head of pointnc's.
        """
        return cls(str(data.get("name")), {str(key): value for key, value in data.items() if key != "name"})
