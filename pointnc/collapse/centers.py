"""Class centers: of one batch (on one rank or over all), and their moving average over training.

Shapes: V points, D channels, K classes; a label of -1 is ignored.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn

from pointnc.checks import check_number, check_whole
from pointnc.collapse.precision import widest
from pointnc.errors import UserError


def batch_centers(
    features: Tensor, labels: Tensor, num_classes: int, synchronize: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the mean feature of every class of a batch; differentiable, in float32 even under autocast.

    With ``synchronize`` and a process group, sums and counts are added up over the ranks, so that every rank
    gets the centers of the joined batch. The sum's backward adds the gradients of all ranks: each of the R
    ranks evaluates the same loss L, so a rank's features receive R times dL/dz; DDP then divides the parameter
    gradients by R and adds them, which leaves exactly the gradient of L on the joined batch. Every rank must
    therefore run both forward and backward.

    Args:
        features: (V, D) floating point; halves are computed with in float32.
        labels: (V,) integer class in 0..K-1, or -1.
        num_classes: K.
        synchronize: whether to join the batches of all ranks.

    Raises:
        UserError: a label is none of these. Asked on a CPU only, where it costs little: a GPU would be waited for.

    Returns:
        centers (K, D), float32 (float64 for float64 features), zero for absent classes; counts (K,) int64.
    """
    with torch.autocast(features.device.type, enabled=False):
        features = features if features.dtype == torch.float64 else features.float()
        row = labels.long() + 1
        if row.device.type == "cpu" and len(row) and not (row.min() >= 0 and row.max() <= num_classes):
            strange = labels[(row < 0) | (row > num_classes)][0]
            raise UserError(
                f"label {int(strange)} is none of the {num_classes} classes, nor -1, which means no class",
                code="unknown-label",
            )
        # Row 0 collects the ignored points: no mask, no copy of the features, no wait for a GPU.
        sums = features.new_zeros(num_classes + 1, features.shape[1]).index_add(0, row, features)[1:]
        counts = row.new_zeros(num_classes + 1).index_add(0, row, torch.ones_like(row))[1:]
        if synchronize and rank_count() > 1:
            sums = _SumOverRanks.apply(sums)
            counts = counts.clone()
            dist.all_reduce(counts)
        return sums / counts.clamp_min(1)[:, None], counts


def rank_count() -> int:
    """Return the number of processes that train together; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _SumOverRanks(torch.autograd.Function):
    """All-reduce whose backward is an all-reduce too; see :func:`batch_centers` for why."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, tensor: Tensor) -> Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


class CenterBank(nn.Module):
    """Exponential moving average of every class's center, free of the bias toward its start.

    The plain average m_k <- mu m_k + (1 - mu) z_k, begun at zero, is too small by 1 - mu^t after t updates of
    the class. What is kept here is the corrected value c_k = m_k / (1 - mu^t) itself; it obeys

        c_k <- c_k + r_t (z_k - c_k),    r_t = (1 - mu) / (1 - mu^t),

    which equals the division in exact arithmetic and leaves a constant center untouched in floating point.
    A class advances only in batches that contain it; its t is its own.

    Args:
        num_classes: K.
        dim: D.
        momentum: mu in [0, 1); 0 keeps the centers of the latest batch.

    Attributes:
        centers: (K, D) float32 buffer, bias-corrected; zero for classes never seen.
        updates: (K,) int64 buffer, number of updates t of each class.
        points: (K,) int64 buffer, number of points that went into each class.

    Raises:
        UserError: an argument is out of range.
    """

    centers: Tensor
    updates: Tensor
    points: Tensor

    def __init__(self, num_classes: int, dim: int, momentum: float = 0.9) -> None:
        super().__init__()
        check_whole("the number of classes", num_classes, least=1)
        check_whole("the number of channels", dim, least=1)
        check_number("momentum", momentum, least=0, below=1)
        self.momentum = momentum
        self.register_buffer("centers", torch.zeros(num_classes, dim))
        self.register_buffer("updates", torch.zeros(num_classes, dtype=torch.int64))
        self.register_buffer("points", torch.zeros(num_classes, dtype=torch.int64))

    @property
    def seen(self) -> Tensor:
        """(K,) bool: classes with at least one update. The others have no center and belong into no loss."""
        return self.updates > 0

    def rate(self) -> Tensor:
        """Return (K,) the step r_t of each class's latest update; 1 where there was none."""
        t = self.updates.clamp_min(1).to(widest(self.updates.device))
        return ((1 - self.momentum) / (1 - self.momentum**t)).to(self.centers.dtype)

    @torch.no_grad()
    def update(self, centers: Tensor, counts: Tensor) -> None:
        """Take in the centers of one batch; does nothing in evaluation mode.

        Centers that are not finite are passed over: half precision overflows now and then, the gradient scaler
        skips that step, and the bank must not stay NaN ever after.

        Args:
            centers: (K, D) centers of the batch, the same on every rank.
            counts: (K,) number of points of each class; 0 leaves the class as it is.
        """
        if not self.training:
            return
        taken = (counts > 0) & centers.isfinite().all(dim=1)
        self.updates += taken
        self.points += torch.where(taken, counts, 0)
        step = self.rate()[:, None] * (centers.to(self.centers.dtype) - self.centers)
        self.centers += torch.where(taken[:, None], step, 0)

    def extra_repr(self) -> str:
        """Describe the bank in the printed module."""
        return "num_classes={}, dim={}, momentum={}".format(*self.centers.shape, self.momentum)
