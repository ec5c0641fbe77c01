"""Per-point losses and the answers to class imbalance."""

from pointnc.losses.cross_entropy import CrossEntropy

__all__ = ["CrossEntropy"]
