"""What a reader of foreign names hands on: a backbone's tensors in this code base's names."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pointnc.weights.architecture import Architecture


@dataclass(frozen=True)
class Network:
    """A converted backbone.

    Attributes:
        architecture: its backbone, without a projection.
        tensors: by their names in the backbone of the architecture.
        last: weight (out, in) and bias (out,) of the layer behind the backbone, or None.
        notes: what was filled in or left out.
    """

    architecture: Architecture
    tensors: dict[str, Tensor]
    last: tuple[Tensor, Tensor] | None
    notes: tuple[str, ...]

    def backbone(self) -> dict[str, Tensor]:
        """Return the tensors by their names in a Segmentor."""
        return {f"backbone.{name}": value.contiguous() for name, value in self.tensors.items()}


def normed(convolution: Tensor, norm: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the tensors of a :class:`~pointnc.models.blocks.NormedConvolution` called ``name``."""
    return {f"{name}.convolution.weight": convolution, **{f"{name}.norm.{key}": value for key, value in norm.items()}}
