"""What all losses share: which points count, and in which precision."""

from __future__ import annotations

from torch import Tensor

IGNORE = -1
"""Label of a point that is not learned from."""


def labeled_only(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows of logits (V, K), in float32 at least, and of labels (V,) int64 that are not ignored."""
    logits = logits if logits.itemsize >= 4 else logits.float()
    labels = labels.long()
    labeled = labels != IGNORE
    # The usual batch has few ignored points or none; a copy of the logits is only made where it must be.
    return (logits, labels) if bool(labeled.all()) else (logits[labeled], labels[labeled])


def zero_of(logits: Tensor) -> Tensor:
    """Return a 0 that backward can start from: the loss of a batch without a labeled point."""
    return logits.sum() * 0 if logits.numel() == 0 else logits[:1].float().sum() * 0
