"""The model card: all that a user must know of weights to run them, in the file that holds them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pointnc.errors import UserError
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.version import __version__
from pointnc.weights.architecture import Architecture
from pointnc.weights.head_architecture import HeadArchitecture

FORMAT = 2
"""2: with ``head``. A card of a linear head is still written as 1, which older versions read."""


def is_noncommercial(license: str) -> bool:  # noqa: A002
    """Whether a license allows no commercial use, as those of Creative Commons with "NC", however it is written."""
    return re.search(r"(?<![a-z])nc(?![a-z])|non.?commercial", license.lower()) is not None


@dataclass(frozen=True)
class ModelCard:
    """What weights are and what they ask for.

    Attributes:
        architecture: the backbone.
        features: input channels in order: "color" (scaled to [-1, 1]), "color_unit" ([0, 1]), "color_half"
            ([-0.5, 0.5]), "normal" (unit vectors), "coord" (meters, centered), "strength" (one channel, 0 to 1).
        voxel_size: edge of a voxel in meters.
        taxonomy: the classes in the order of the outputs; None where the weights have no classifier.
        source: code base that trained them: "pointnc", "minkowski", "pointcept", "volt" or "sonata".
        origin: name of the file they came from.
        origin_sha256: its hash.
        license: as the publisher states it.
        notes: what was assumed or filled in, a sentence each.
        sha256: hash of the tensors.
        version: version of pointnc that wrote the file.
        head: the classifier, where there is one.
        precision: in which it was trained, as Lightning names it: "32-true", "16-mixed" or "bf16-mixed".
    """

    architecture: Architecture
    features: tuple[str, ...]
    voxel_size: float
    taxonomy: Taxonomy | None
    source: str = "pointnc"
    origin: str = ""
    origin_sha256: str = ""
    license: str = "unknown"
    notes: tuple[str, ...] = ()
    sha256: str = ""
    version: str = __version__
    head: HeadArchitecture = field(default_factory=HeadArchitecture)
    precision: str = "32-true"

    def __post_init__(self) -> None:
        if not self.license:  # license=null on a command line
            object.__setattr__(self, "license", "unknown")

    def signed(self, sha256: str) -> ModelCard:
        """Return the card with the hash of the tensors and the version of the pointnc that runs."""
        return replace(self, sha256=sha256, version=__version__)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types only."""
        return {
            "format": 1 if self.head.is_linear else FORMAT,
            "version": self.version,
            "architecture": self.architecture.to_dict(),
            **({} if self.head.is_linear else {"head": self.head.to_dict()}),
            "features": list(self.features),
            "voxel_size": self.voxel_size,
            "taxonomy": self.taxonomy.to_dict() if self.taxonomy else None,
            "source": self.source,
            "origin": self.origin,
            "origin_sha256": self.origin_sha256,
            "license": self.license,
            **({} if self.precision == "32-true" else {"precision": self.precision}),
            "notes": list(self.notes),
            "sha256": self.sha256,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelCard:
        """Read what :meth:`to_dict` wrote.

        Raises:
            UserError: it is malformed, or of a later format.
        """
        try:
            if int(data["format"]) > FORMAT:
                raise UserError(
                    f"written by pointnc {data['version']}, newer than this {__version__}: upgrade pointnc",
                    code="other-version",
                )
            voxel_size = float(data["voxel_size"])
            if not (0 < voxel_size < math.inf):
                raise UserError(f"a voxel size of {voxel_size} m", code="malformed")
            return cls(
                architecture=Architecture.from_dict(data["architecture"]),
                features=tuple(str(name) for name in data["features"]),
                voxel_size=voxel_size,
                taxonomy=Taxonomy.from_dict(data["taxonomy"]) if data["taxonomy"] is not None else None,
                head=HeadArchitecture.from_dict(data["head"]) if "head" in data else HeadArchitecture(),
                notes=tuple(str(note) for note in data["notes"]),
                license=str(data["license"] or ""),
                precision=str(data.get("precision", "32-true")),
                **{key: str(data[key]) for key in ("source", "origin", "origin_sha256", "sha256", "version")},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"malformed model card: {type(error).__name__} {error}", code="malformed") from None
