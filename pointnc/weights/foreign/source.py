"""A foreign state while it is being taken apart: what was asked for, what is missing, what is left over."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pointnc.errors import UserError

NORM_BUFFERS = ("running_mean", "running_var")


class Source:
    """The tensors of one network, each to be taken once.

    Args:
        state: the tensors by their names in the checkpoint.
        anchor: end of a name that every network of this kind has; what stands before it is the prefix of the
            network's names.
    """

    def __init__(self, state: Mapping[str, Tensor], anchor: str) -> None:
        prefix = prefix_of(state, anchor)
        if prefix is None:
            raise UserError(f"the checkpoint has no {anchor}: it is no network of this kind", code="missing-tensor")
        if state[prefix + anchor].ndim == 0:
            raise UserError(f"{prefix}{anchor} is a single number: this is no network of this kind", code="unsupported")
        self.prefix = prefix
        self.left = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        self.outside = [key for key in state if not key.startswith(prefix)]
        self.without_affine = 0
        self.not_finite: list[str] = []

    def has(self, name: str) -> bool:
        """Whether a tensor of that name is left."""
        return name in self.left

    def count(self, pattern: str) -> int:
        """Return how many of ``pattern.format(0)``, ``pattern.format(1)``… begin the name of a tensor that is left."""
        number = 0
        while any(key.startswith(pattern.format(number)) for key in self.left):
            number += 1
        return number

    def take(self, name: str, dimensions: tuple[int, ...]) -> Tensor:
        """Return a tensor in float32 and cross it off.

        Raises:
            UserError: it is missing, has none of the allowed numbers of dimensions, or is no dense tensor of real
                numbers.
        """
        if name not in self.left:
            raise UserError(
                f"the checkpoint lacks {self.prefix}{name}: it is truncated, or another network", code="missing-tensor"
            )
        return self.real(f"{self.prefix}{name}", self.left.pop(name), dimensions)

    def take_like(self, name: str, expected: Tensor) -> Tensor:
        """Return a tensor of an expected shape, as :meth:`take` does.

        Raises:
            UserError: as :meth:`take`; or it has another shape.
        """
        value = self.take(name, (expected.ndim,))
        if value.shape != expected.shape:
            raise UserError(
                f"{self.prefix}{name} has the shape {tuple(value.shape)}, {tuple(expected.shape)} is expected: it is a "
                "variant that is not supported",
                code="unsupported",
            )
        return value

    def real(self, name: str, value: Tensor, dimensions: tuple[int, ...]) -> Tensor:
        """Return a tensor in float32, and remember whether all of it is finite.

        Raises:
            UserError: as :meth:`take`.
        """
        if value.ndim not in dimensions:
            raise UserError(f"{name} has the shape {tuple(value.shape)}, which is not supported", code="unsupported")
        if value.layout != torch.strided or value.is_quantized or value.is_meta or not value.is_floating_point():
            kind = str(value.layout if value.layout != torch.strided else value.dtype).removeprefix("torch.")
            raise UserError(
                f"{name} is of the kind {kind}: only dense tensors of real numbers are supported", code="unsupported"
            )
        value = value.float()
        if not bool(value.isfinite().all()):
            self.not_finite.append(name)
        return value

    def norm(self, name: str, channels: int) -> dict[str, Tensor]:
        """Return the parameters and statistics of a batch normalization; a missing scale is 1 and a shift 0.

        Raises:
            UserError: it has no running statistics, as instance normalization, or another number of channels.
        """
        if not self.has(f"{name}.running_mean"):
            raise UserError(
                f"{self.prefix}{name}.running_mean is missing: networks without batch normalization (instance norm, "
                "group norm) are not supported",
                code="unsupported",
            )
        taken = {key: self.take(f"{name}.{key}", (1,)) for key in NORM_BUFFERS}
        affine = [self.has(f"{name}.{key}") for key in ("weight", "bias")]
        self.without_affine += not all(affine)
        taken["weight"] = self.take(f"{name}.weight", (1,)) if affine[0] else torch.ones(channels)
        taken["bias"] = self.take(f"{name}.bias", (1,)) if affine[1] else torch.zeros(channels)
        counted = self._count(f"{name}.num_batches_tracked")
        for key, value in taken.items():
            if len(value) != channels:
                raise UserError(
                    f"{self.prefix}{name}.{key} has {len(value)} channels, {channels} are expected", code="unsupported"
                )
        return {**taken, "num_batches_tracked": counted}

    def _count(self, name: str) -> Tensor:
        """Return the number of batches that a normalization has seen, 0 where it is not told."""
        value = self.left.pop(name, torch.tensor(0))
        if value.numel() != 1 or value.layout != torch.strided or value.dtype.is_complex or value.is_meta:
            raise UserError(f"{self.prefix}{name} is no number", code="unsupported")
        return value.reshape(()).long()

    def finish(self) -> tuple[str, ...]:
        """Return what a reader of the result should know.

        Raises:
            UserError: tensors are left over.
        """
        if self.left:
            more = f" and {len(self.left) - 1} more" if len(self.left) > 1 else ""
            raise UserError(
                f"the checkpoint has {self.prefix}{next(iter(self.left))}{more}, which this network has no place for: "
                "it is a variant that is not supported",
                code="unsupported",
            )
        notes = []
        if self.without_affine:
            notes.append(f"{self.without_affine} batch norms had no scale or shift: 1 and 0 were filled in.")
        if self.not_finite:
            notes.append(
                f"{len(self.not_finite)} tensors hold values that are not finite, such as {self.not_finite[0]}: "
                "the network cannot be right."
            )
        if self.outside:
            notes.append(f"{len(self.outside)} tensors outside the network were left out, such as {self.outside[0]}.")
        return tuple(notes)


def refuse_own(source: Source, state: Mapping[str, Tensor]) -> None:
    """Refuse a network of pointnc, whose transformers have the names that their authors gave them.

    Raises:
        UserError: it is one.
    """
    if f"{source.prefix.removesuffix('backbone.')}head.weight" in state:
        raise UserError(
            "this is a network of pointnc already (export=RUN publishes a run): not supported", code="unsupported"
        )


def prefix_of(state: Mapping[str, Tensor], anchor: str) -> str | None:
    """Return what stands before ``anchor`` in the one name that ends with it; None where there is none.

    Raises:
        UserError: several names end with it, as where a file holds a student and a teacher.
    """
    found = [key.removesuffix(anchor) for key in state if key == anchor or key.endswith(f".{anchor}")]
    if len(found) > 1:
        raise UserError(
            f"the checkpoint holds {len(found)} networks ({', '.join(map(repr, found))}): leave one", code="ambiguous"
        )
    return found[0] if found else None
