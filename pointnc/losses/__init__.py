"""Per-point losses and the answers to class imbalance."""

from pointnc.losses.adjusted import LogitAdjustedCrossEntropy
from pointnc.losses.cross_entropy import CrossEntropy
from pointnc.losses.focal import FocalLoss
from pointnc.losses.overlap import DiceLoss, LovaszSoftmax
from pointnc.losses.prior import PriorLoss, losses_with_prior
from pointnc.losses.summed import SumOfLosses
from pointnc.losses.weighted import WeightedCrossEntropy

__all__ = [
    "CrossEntropy",
    "DiceLoss",
    "FocalLoss",
    "LogitAdjustedCrossEntropy",
    "LovaszSoftmax",
    "PriorLoss",
    "SumOfLosses",
    "WeightedCrossEntropy",
    "losses_with_prior",
]
