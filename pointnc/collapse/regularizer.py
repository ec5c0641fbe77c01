"""The centre regulariser: cross-entropy of class centres against a fixed frame.

Paper: Zhong et al., "Understanding imbalanced semantic segmentation through neural collapse" (CeCo), CVPR 2023,
arXiv 2301.01100. Beyond the paper: a moving average of the centres, so that classes absent from a batch still
have one, and centres that are joined over ranks.

Legend: V points, D backbone channels, K classes, P channels of the frame.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pointnc.collapse.centers import CenterBank, batch_centers
from pointnc.collapse.frames import SimplexETF
from pointnc.collapse.projector import Projector
from pointnc.errors import UserError

PRIOR_EPSILON = 1e-12
"""Added to the class shares before their logarithm is taken: a class without scenes keeps a finite prior."""


class CenterObserver(nn.Module):
    """Keeps the moving average of the class centres for the report and adds nothing to the loss.

    This is ``regularizer=none``: plain cross-entropy, whose centres can be looked at just the same. It draws no
    random number, holds no parameter and passes no gradient, so training is bit-identical to training without it.

    Args:
        num_classes: K.
        in_channels: D.
        momentum: of the moving average.

    Attributes:
        weight: what the training loop multiplies the result of ``forward`` by; 0 here.
        bank: the moving averages.
    """

    def __init__(self, num_classes: int, in_channels: int, momentum: float = 0.9) -> None:
        super().__init__()
        self.weight = 0.0
        self.log_prior = "off"
        self.num_classes = num_classes
        self.bank = CenterBank(num_classes, in_channels, momentum)

    def forward(self, features: Tensor, labels: Tensor, prior: Tensor | None = None) -> Tensor:
        """Update the bank (in training mode) and return the scalar 0, which has no graph.

        Args:
            features: (V, D).
            labels: (V,) integer class, -1 for ignored points.
            prior: unused.
        """
        if self.training:
            self.bank.update(*batch_centers(features.detach(), labels, self.num_classes, synchronize=True))
        return torch.zeros((), device=features.device)

    def centers(self) -> tuple[Tensor, Tensor]:
        """Return the centres (K, D) in the backbone's feature space, and (K,) bool: which were ever seen."""
        return self.bank.centers.clone(), self.bank.seen

    def set_prior(self, counts: Tensor) -> None:
        """Take the class counts of the training split; see :class:`CenterRegularizer`."""


class CenterRegularizer(CenterObserver):
    """Pulls the centre of every class towards its vertex of a fixed simplex ETF.

    Loss: cross-entropy of scale * W c_k against class k, where c_k is class k's centre (projected, normalised, as
    configured) and W (K, P) the frame. Only features of present classes get a gradient. The bank is kept in every
    mode, in the backbone's feature space; only ``centers="ema"`` lets it into the loss.

    Args:
        num_classes: K.
        in_channels: D.
        centers: "batch": centres of this rank's batch; "batch_synchronized": of all ranks' joined batch; "ema":
            the moving average after it has taken in the joined batch. Classes without a centre are left out of the
            loss: absent ones ("batch...") or never seen ones ("ema"); an absent class that was seen before
            contributes the value of its average, and no gradient to the features.
        gradient: with "ema", "straight_through" passes the gradient as if the average were the batch's centre;
            "update" differentiates the update itself, which scales it by about 1 - momentum.
        momentum: of the moving average, in [0, 1).
        projector: "none", "frozen" or "trainable".
        project: "where_needed" (D < K-1) or "always".
        projector_channels: P; by default the larger of D and K-1.
        projector_relu: whether a ReLU follows the projector.
        reduce_channels: width of a linear map with batch normalisation before the projector; None for none.
        normalize: whether projected centres are scaled to unit length.
        scale: factor on the logits.
        dropout: probability of dropping a channel of a projected centre, in training mode.
        log_prior: "off", "scenes" or "points": whether the logarithm of the share of training scenes (points) that
            contain (belong to) the class is added to its logits; :meth:`set_prior` brings the counts.
        reduction: "sum" or "mean" over the classes in the loss.
        weight: the loss weight lambda; *not* applied by ``forward``.
        seed: of frame, projector and dropout. None of them touches the global random state.

    Attributes:
        weight: what the training loop multiplies the loss by.
        bank: the moving averages.
        frame: the ETF.
        projector: the projector or None.

    Raises:
        UserError: an option is unknown or out of range; the message names its config key.
    """

    prior: Tensor

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        centers: str = "ema",
        gradient: str = "straight_through",
        momentum: float = 0.9,
        projector: str = "frozen",
        project: str = "where_needed",
        projector_channels: int | None = None,
        projector_relu: bool = False,
        reduce_channels: int | None = None,
        normalize: bool = False,
        scale: float = 1.0,
        dropout: float = 0.0,
        log_prior: str | bool = "off",
        reduction: str = "mean",
        weight: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(num_classes, in_channels, momentum)
        log_prior = "off" if log_prior is False else str(log_prior)  # yaml reads an unquoted off as false
        _one_of("centers", centers, "batch", "batch_synchronized", "ema")
        _one_of("gradient", gradient, "straight_through", "update")
        _one_of("projector", projector, "none", "frozen", "trainable")
        _one_of("project", project, "where_needed", "always")
        _one_of("log_prior", log_prior, "off", "scenes", "points")
        _one_of("reduction", reduction, "sum", "mean")
        _check("scale", scale, scale > 0, "above 0")
        _check("dropout", dropout, 0 <= dropout < 1, "at least 0 and below 1")
        _check("weight", weight, weight >= 0, "at least 0")
        self.source = centers
        self.gradient = gradient
        self.normalize = normalize
        self.scale = scale
        self.dropout = dropout
        self.log_prior = log_prior
        self.reduction = reduction
        self.weight = weight
        self.seed = seed
        dim = in_channels
        self.projector: Projector | None = None
        if projector != "none" and (project == "always" or in_channels < num_classes - 1):
            dim = projector_channels or max(in_channels, num_classes - 1)
            self.projector = Projector(
                in_channels, dim, projector == "trainable", projector_relu, reduce_channels, seed + 1
            )
        self.frame = SimplexETF(num_classes, dim, seed)
        self.register_buffer("prior", torch.zeros(num_classes))
        self._has_prior = False
        self._step = 0

    def set_prior(self, counts: Tensor) -> None:
        """Set the class prior for ``log_prior``.

        Args:
            counts: (K,) number of training scenes that contain the class (``log_prior`` "scenes") or of training
                points of the class ("points"). Only the proportions matter.
        """
        counts = torch.as_tensor(counts).double()
        share = counts / counts.sum().clamp_min(1)
        self.prior.copy_((share + PRIOR_EPSILON).log())
        self._has_prior = True

    def forward(self, features: Tensor, labels: Tensor, prior: Tensor | None = None) -> Tensor:
        """Return the scalar loss, *not* multiplied by ``weight``; in training mode the bank is updated first.

        In float32 even under autocast. A batch without a labelled point gives 0 with a graph ("batch...").

        Args:
            features: (V, D) last-layer features, the input of the classifier.
            labels: (V,) integer class in 0..K-1, -1 for ignored points.
            prior: (K,) class counts or shares instead of those of :meth:`set_prior`.
        """
        with torch.autocast(features.device.type, enabled=False):
            features = features if features.dtype == torch.float64 else features.float()
            centers, included = self._centers(features, labels)
            if self.projector is not None:
                centers = self.projector(centers, features)
            if self.normalize:
                centers = F.normalize(centers, dim=1)
            logits = self.scale * F.linear(self._drop(centers), self.frame.vectors)
            if self.log_prior != "off":
                logits = logits + self._log_prior(prior)
            target = torch.arange(self.num_classes, device=logits.device)
            losses = F.cross_entropy(logits, target, reduction="none")
            total = torch.where(included, losses, 0.0).sum()
            return total / included.sum().clamp_min(1) if self.reduction == "mean" else total

    def _centers(self, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the centres (K, D) that the loss is evaluated at, and (K,) bool: which take part."""
        synchronize = self.source != "batch"
        batch, counts = batch_centers(features, labels, self.num_classes, synchronize)
        if synchronize:
            self.bank.update(batch, counts)
        else:
            super().forward(features, labels)
        if self.source != "ema":
            return batch, counts > 0
        # Value: the bank's, to the bit. Gradient: that of the batch's centre.
        through = batch - batch.detach()
        if self.gradient == "update":
            through = through * self.bank.rate()[:, None]
        return self.bank.centers.clone() + through, self.bank.seen

    def _drop(self, centers: Tensor) -> Tensor:
        """Dropout from a stream of its own, the same on every rank and after a resume."""
        if not self.training or self.dropout == 0:
            return centers
        self._step += 1
        generator = torch.Generator().manual_seed((self.seed + 2) * 1_000_003 + self._step)
        keep = torch.rand(centers.shape, generator=generator) >= self.dropout
        return centers * keep.to(centers.device) / (1 - self.dropout)

    def _log_prior(self, prior: Tensor | None) -> Tensor:
        if prior is not None:
            return (prior / prior.sum() + PRIOR_EPSILON).log()
        if not self._has_prior:
            raise RuntimeError(f"log_prior={self.log_prior} needs set_prior() before the first training step")
        return self.prior

    def get_extra_state(self) -> Tensor:
        """Return the position in the stream of dropout, for the checkpoint."""
        return torch.tensor(self._step)

    def set_extra_state(self, state: Any) -> None:
        """Take up what :meth:`get_extra_state` gave."""
        self._step = int(state)


def _one_of(key: str, value: str, *choices: str) -> None:
    if value not in choices:
        raise UserError(f"regularizer.{key}={value} is unknown; choose one of {', '.join(choices)}")


def _check(key: str, value: float, good: bool, demand: str) -> None:
    if not good:
        raise UserError(f"regularizer.{key} must be {demand}, got {value}")
