"""How often each class occurs: what losses against imbalance are told before training."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Unit = Literal["points", "scenes"]


class PriorLoss(nn.Module):
    """A per-point loss that knows how often each class occurs in the training split.

    Attributes:
        needs_prior: what is to be counted for it: labeled "points", or "scenes" that contain the class.
        counts: (K,) float32 buffer of what :meth:`set_prior` was given; empty before.
        told: names of buffers that hold what it is told, not what it learns: a training that is resumed has its own.
    """

    needs_prior: Unit = "points"
    told = ("counts",)
    counts: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(0))

    def set_prior(self, counts: Tensor) -> None:
        """Take the counts (K,); some may be 0, not all.

        Raises:
            ValueError: nothing was counted, or a count is negative.
        """
        if counts.ndim != 1 or counts.min() < 0 or counts.sum() <= 0:
            raise ValueError(f"class counts must be a vector of numbers >= 0, not all 0; got {counts}")
        self.counts = counts.to(self.counts.device, torch.float32)

    def log_prior(self) -> Tensor:
        """Return (K,) the logarithm of each class's share.

        A class that the training split lacks counts as one point: its logarithm stays finite.

        Raises:
            RuntimeError: nothing was counted yet.
        """
        if len(self.counts) == 0:
            raise RuntimeError(f"{type(self).__name__} needs set_prior() before the first step")
        counts = self.exact_counts().clamp_min(1)
        return (counts / counts.sum()).log().float()

    def exact_counts(self) -> Tensor:
        """Return (K,) the counts in the widest floating point of their device: float32 on MPS, else float64."""
        return self.counts if self.counts.device.type == "mps" else self.counts.double()

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: object) -> None:
        # The counts of a checkpoint, however many classes it had.
        if prefix + "counts" in state_dict:
            self.counts = torch.empty_like(state_dict[prefix + "counts"], device=self.counts.device)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def losses_with_prior(loss: nn.Module) -> list[PriorLoss]:
    """Return the parts of a loss, itself included, that must be told the class counts."""
    return [module for module in loss.modules() if isinstance(module, PriorLoss)]
