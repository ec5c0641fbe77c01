"""What is examined, a device with an engine of sparse convolutions, and what comes out."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from pointnc.errors import UserError
from pointnc.sparse.engines import HALF_PRECISION, EngineName, choose_engine

FLOAT32 = 1e-4
"""Largest relative error of float32 against float64, in the Euclidean norm: rounding gives 1e-7 to 1e-5."""

HALF = 3e-2
"""The same for float16 and bfloat16. spconv's fastest kernels add up in float16 (its ``fp32_accum`` has no effect in
2.3.8), which alone gives up to 1e-2 over some thousand products."""


@dataclass(frozen=True)
class Subject:
    """A device and an engine that computes on it.

    Attributes:
        device: where tensors are put.
        engine: of the sparse convolutions.
    """

    device: torch.device
    engine: EngineName

    @property
    def name(self) -> str:
        """For people: "cuda, spconv"."""
        return f"{self.device.type}, {self.engine}"

    @property
    def is_small(self) -> bool:
        """Whether it is a CPU, which gets smaller tasks."""
        return self.device.type == "cpu"

    @property
    def precisions(self) -> tuple[torch.dtype | None, ...]:
        """What it is examined in: None for float32, and the half precisions of its engine."""
        # No processor is quick in float16, and no engine uses it there.
        return (None, *(h for h in HALF_PRECISION[self.engine] if not (self.is_small and h == torch.float16)))

    def autocast(self, half: torch.dtype | None) -> AbstractContextManager[Any]:
        """Return the context in which it computes in that precision."""
        return nullcontext() if half is None else torch.autocast(self.device.type, dtype=half)


@dataclass(frozen=True)
class Outcome:
    """What a check has found.

    Attributes:
        name: of the check.
        subject: what was examined, "" for the whole installation.
        passed: whether it is as it should be.
        text: what was seen, in a line.
        figures: the same as numbers and words, for a report of a bug.
        seconds: that it took.
    """

    name: str
    subject: str
    passed: bool
    text: str
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain types only."""
        return asdict(self)


def subjects() -> list[Subject]:
    """Return every device of this machine that torch can use (of several alike the first) with every engine it has."""
    kinds = ["cpu"]
    if torch.cuda.is_available():
        kinds.insert(0, "cuda")
    if torch.backends.mps.is_available():
        kinds.insert(0, "mps")
    found = []
    for kind in kinds:
        device = torch.device(kind)
        engines: tuple[EngineName, ...] = ("cpu", "torch") if kind == "cpu" else ("spconv", "torch")
        for engine in engines:
            try:
                choose_engine(engine, device)
            except UserError:
                continue
            found.append(Subject(device, engine))
    return found


def relative_error(ours: Tensor, exact: Tensor) -> float:
    """Return |ours - exact| / |exact| in the Euclidean norm; 0 for two empty tensors, infinite for other shapes."""
    if ours.shape != exact.shape:
        return float("inf")
    difference = (ours.detach().cpu().double() - exact.detach().cpu().double()).norm()
    return float(difference / exact.detach().double().norm().clamp_min(1e-12))


def bound(half: torch.dtype | None) -> float:
    """Return the largest relative error that is rounding."""
    return FLOAT32 if half is None else HALF


def precision_name(half: torch.dtype | None) -> str:
    """Return "float32", "float16" or "bfloat16"."""
    return "float32" if half is None else str(half).removeprefix("torch.")


def room_voxels(count: int, samples: int = 1, seed: int = 0) -> Tensor:
    """Return (samples · count, 4) int32 voxels: so many a sample on the faces of a box, shuffled."""
    edge = 4
    while len(_shell(edge)) < count:
        edge = edge * 5 // 4
    cells, generator = _shell(edge), torch.Generator().manual_seed(seed)
    parts = []
    for sample in range(samples):
        chosen = cells[torch.randperm(len(cells), generator=generator)[:count]]
        parts.append(torch.cat([torch.full((count, 1), sample, dtype=torch.int32), chosen], dim=1))
    return torch.cat(parts)


def _shell(edge: int) -> Tensor:
    """Return the (M, 3) int32 cells on the faces of a box of edge × edge × edge/2."""
    height = edge // 2
    inside = torch.zeros(edge, edge, height, dtype=torch.bool)
    inside[1:-1, 1:-1, 1:-1] = True
    return (~inside).nonzero().int()
