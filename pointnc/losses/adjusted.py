"""Cross-entropy of logits to which the class prior is added: the network need not learn it."""

from __future__ import annotations

from typing import get_args

from torch import Tensor

from pointnc.checks import check_number, check_option
from pointnc.losses.cross_entropy import weighted_cross_entropy
from pointnc.losses.prior import PriorLoss, Unit


class LogitAdjustedCrossEntropy(PriorLoss):
    """Mean cross-entropy of logits + τ · log π over the labeled points, π the share of each class in training.

    The plain logits, which label points later, are then those of a world where all classes are equally frequent:
    optimal for the mean of the class accuracies. Menon et al., Long-tail learning via logit adjustment, ICLR 2021;
    with τ = 1 and points counted, the balanced softmax of Ren et al., Balanced Meta-Softmax, NeurIPS 2020.

    Args:
        tau: τ ≥ 0; 0 is plain cross-entropy.
        label_smoothing: share of the target that is spread evenly over all classes.
        unit: what π counts, "points" or "scenes" that contain the class.

    Raises:
        UserError: a setting is out of range.
    """

    def __init__(self, tau: float = 1.0, label_smoothing: float = 0.0, unit: Unit = "points") -> None:
        super().__init__()
        check_number("tau", tau, least=0)
        check_number("label_smoothing", label_smoothing, least=0, below=1)
        check_option("unit", unit, *get_args(Unit))
        self.tau, self.label_smoothing, self.needs_prior = tau, label_smoothing, unit

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            logits: (V, K) floating point.
            labels: (V,) integer class in 0..K-1, or -1 to ignore the point.

        Raises:
            RuntimeError: the class counts were not set.
        """
        return weighted_cross_entropy(logits, labels, None, self.label_smoothing, self.tau * self.log_prior())
