"""Cross-entropy per point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pointnc.checks import OptionError, check_number
from pointnc.losses.points import IGNORE


class CrossEntropy(nn.Module):
    """Mean cross-entropy over the labeled points, in float32 even under autocast.

    A batch without a labeled point gives 0 with a graph, where PyTorch's mean gives NaN: a crop may hold only
    ignored points, and one such batch must not end a training run.

    Args:
        class_weights: K weights w_k; the mean is then sum(w_y * loss) / sum(w_y). None weighs all alike.
        label_smoothing: share of the target that is spread evenly over all classes (Szegedy et al., CVPR 2016).

    Raises:
        UserError: the smoothing or a weight is out of range, or all weights are 0.
    """

    told = ("class_weights",)  # not learned: a training that is resumed has its own
    class_weights: Tensor | None

    def __init__(self, class_weights: Sequence[float] | Tensor | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("class_weights", None if class_weights is None else _checked(class_weights))
        check_number("label_smoothing", label_smoothing, least=0, below=1)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            logits: (V, K) floating point.
            labels: (V,) integer class in 0..K-1, or -1 to ignore the point.

        Raises:
            UserError: there are not K class weights.
        """
        if self.class_weights is not None and len(self.class_weights) != logits.shape[1]:
            raise OptionError(
                f"class_weights has {len(self.class_weights)} numbers for {logits.shape[1]} classes: give one each"
            )
        return weighted_cross_entropy(logits, labels, self.class_weights, self.label_smoothing)


def _checked(class_weights: Sequence[float] | Tensor) -> Tensor:
    """Return (K,) float32 weights.

    Raises:
        UserError: they are no list of finite numbers >= 0, or all 0.
    """
    if isinstance(class_weights, Tensor):
        class_weights = class_weights.tolist()
    if isinstance(class_weights, str) or not isinstance(class_weights, Sequence):
        raise OptionError(f"class_weights must be a list of numbers, one for each class, got {class_weights}")
    for number, weight in enumerate(class_weights):
        check_number(f"class_weights[{number}]", weight, least=0)
    if not any(class_weights):
        raise OptionError("class_weights are all 0: nothing would be learned")
    return torch.tensor(list(class_weights), dtype=torch.float32)


def weighted_cross_entropy(
    logits: Tensor, labels: Tensor, class_weights: Tensor | None, label_smoothing: float, bias: Tensor | None = None
) -> Tensor:
    """Return the weighted mean over the labeled points, 0 with a graph where there are none; see above.

    ``bias`` (K,) is added to the logits.
    """
    with torch.autocast(logits.device.type, enabled=False):
        logits = logits if logits.dtype == torch.float64 else logits.float()
        value: Tensor = _CrossEntropy.apply(
            logits,
            labels.long(),
            None if class_weights is None else class_weights.to(logits.dtype),
            label_smoothing,
            None if bias is None else bias.to(logits.dtype),
        )
        return value


class _CrossEntropy(torch.autograd.Function):
    """The loss with its gradient by hand.

    The graph of the formula would make and keep (V, K) numbers at each of its nodes; here the probabilities become the
    gradient in place.
    """

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        labels: Tensor,
        class_weights: Tensor | None,
        smoothing: float,
        bias: Tensor | None,
    ) -> Tensor:
        """Return the scalar loss."""
        logits = logits if bias is None else logits + bias
        p = logits.softmax(dim=1)
        # The largest probability is at least 1 / K: its logarithm is exact where those of others would be of 0.
        normalizer = logits.amax(dim=1) - p.amax(dim=1).log()
        labeled = (labels != IGNORE).to(logits.dtype)
        own = labels.clamp_min(0)
        weights = labeled if class_weights is None else class_weights[own] * labeled
        if smoothing and class_weights is not None:  # where all weigh 0 the mean is 0, and so is what is spread
            labeled = labeled * (weights.sum() > 0)
        share = weights.sum().clamp_min(1 if class_weights is None else torch.finfo(logits.dtype).tiny)
        hard, soft = (1 - smoothing) * weights, 0 * labeled
        total = hard @ (normalizer - logits.gather(1, own[:, None])[:, 0])
        if smoothing:
            spread = p.new_ones(p.shape[1]) if class_weights is None else class_weights
            spread = smoothing / len(spread) * spread
            soft = spread.sum() * labeled
            total = total + soft @ normalizer - labeled @ (logits @ spread)
        if ctx.needs_input_grad[0]:
            gradient = p.mul_(((hard + soft) / share)[:, None])
            gradient.scatter_add_(1, own[:, None], (-hard / share)[:, None])
            if smoothing:
                gradient.addr_(labeled / share, spread, alpha=-1)
            ctx.save_for_backward(gradient)
        return total / share

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of the logits."""
        return gradient * ctx.saved_tensors[0], None, None, None, None
