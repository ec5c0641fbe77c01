"""Cross-entropy with class weights that follow from the class frequencies."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from pointnc.checks import check_number, check_option
from pointnc.losses.cross_entropy import weighted_cross_entropy
from pointnc.losses.prior import PriorLoss, Unit

Scheme = Literal["inverse", "square_root", "effective_number"]


class WeightedCrossEntropy(PriorLoss):
    """Mean of w_y · cross-entropy over the labeled points, divided by the mean of w_y.

    The weights of a class with n points are 1/n ("inverse"), 1/√n ("square_root"), or (1 − β)/(1 − βⁿ)
    ("effective_number": Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019). A class
    without a training point has weight 0.

    Args:
        scheme: which of them.
        beta: β in [0, 1), for "effective_number" only; the weights level off at about 1/(1 − β) points.
        label_smoothing: share of the target that is spread evenly over all classes.
        unit: what n counts, "points" or "scenes".

    Raises:
        UserError: a setting is out of range.
    """

    def __init__(
        self,
        scheme: Scheme = "inverse",
        beta: float = 0.9999,
        label_smoothing: float = 0.0,
        unit: Unit = "points",
    ) -> None:
        super().__init__()
        check_option("scheme", scheme, *get_args(Scheme))
        check_number("beta", beta, least=0, below=1)
        check_number("label_smoothing", label_smoothing, least=0, below=1)
        check_option("unit", unit, *get_args(Unit))
        self.scheme, self.beta, self.label_smoothing, self.needs_prior = scheme, beta, label_smoothing, unit

    def weights(self) -> Tensor:
        """Return (K,) float32 weights with a mean of 1 over the classes that occur."""
        counts = self.exact_counts()
        seen = counts > 0
        counts = counts.clamp_min(1)
        if self.scheme == "inverse":
            weights = 1 / counts
        elif self.scheme == "square_root":
            weights = counts.rsqrt()
        else:
            # 1 − βⁿ by expm1: β is so near to 1 that the power would lose the digits that matter.
            beta = torch.tensor(self.beta, dtype=counts.dtype, device=counts.device)
            weights = (1 - beta) / -torch.expm1(counts * beta.log())
        weights = weights * seen
        return (weights * seen.sum() / weights.sum()).float()

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            logits: (V, K) floating point.
            labels: (V,) integer class in 0..K-1, or -1 to ignore the point.

        Raises:
            RuntimeError: the class counts were not set.
        """
        self.log_prior()  # says so where nothing was counted
        return weighted_cross_entropy(logits, labels, self.weights(), self.label_smoothing)
