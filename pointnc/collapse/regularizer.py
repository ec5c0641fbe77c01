"""The centre regulariser: cross-entropy of class centres against a fixed frame. See docs/neural_collapse.md.

Paper: Zhong et al., "Understanding imbalanced semantic segmentation through neural collapse" (CeCo), CVPR 2023,
arXiv 2301.01100. Beyond the paper: a moving average of the centres, so that classes absent from a batch still
have one, and centres that are joined over ranks.

Legend: V points, D backbone channels, K classes, P channels of the frame.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pointnc.checks import check_number, check_option, check_switch, check_whole
from pointnc.collapse.centers import batch_centers, rank_count
from pointnc.collapse.frames import FRAMES, build_frame
from pointnc.collapse.observer import CenterObserver
from pointnc.collapse.projector import Projector

PRIOR_EPSILON = 1e-12
"""Added to the class shares before their logarithm is taken: a class without scenes keeps a finite prior."""


class CenterRegularizer(CenterObserver):
    """Pulls the centre of every class towards its vertex of a fixed frame: a simplex ETF, or the best spread frame.

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
        frame: "simplex" (asks for P >= K-1), "spread" (for any P; the simplex where that exists), or "auto": the
            simplex where P >= K-1, else the spread frame.
        projector: "none", "frozen" or "trainable".
        project: "where_needed" (D < K-1, and the frame is not "spread") or "always".
        projector_channels: P; by default the larger of D and K-1. Without projector P is D.
        projector_relu: whether a ReLU follows the projector.
        reduce_channels: width of a linear map with batch normalisation before the projector; None for none.
        normalize: whether projected centres are scaled to unit length.
        scale: factor on the logits.
        dropout: probability of dropping a channel of a projected centre, in training mode.
        log_prior: "off", "scenes" or "points": whether the logarithm of the share of training scenes (points) that
            contain (belong to) the class is added to its logits; :meth:`set_prior` brings the counts.
        reduction: "sum" or "mean" over the classes in the loss.
        weight: the loss weight lambda; *not* applied by ``forward``.
        start_step: number of training batches that only fill the bank; the loss is 0 in them.
        ramp_steps: number of batches after those over which the loss rises linearly to its full size.
        min_updates: a class enters the loss with this update of its centre: averages of fewer batches are noise.
        seed: of frame, projector and dropout. None of them touches the global random state.

    Attributes:
        weight: what the training loop multiplies the loss by.
        bank: the moving averages.
        frame: the fixed vectors.
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
        frame: str = "auto",
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
        start_step: int = 0,
        ramp_steps: int = 0,
        min_updates: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(num_classes, in_channels, momentum)
        log_prior = "off" if log_prior is False else str(log_prior)  # yaml reads an unquoted off as false
        check_option("regularizer.centers", centers, "batch", "batch_synchronized", "ema")
        check_option("regularizer.gradient", gradient, "straight_through", "update")
        check_option("regularizer.frame", frame, *FRAMES)
        check_option("regularizer.projector", projector, "none", "frozen", "trainable")
        check_option("regularizer.project", project, "where_needed", "always")
        check_option("regularizer.log_prior", log_prior, "off", "scenes", "points")
        check_option("regularizer.reduction", reduction, "sum", "mean")
        check_switch("regularizer.projector_relu", projector_relu)
        check_switch("regularizer.normalize", normalize)
        check_number("regularizer.scale", scale, above=0)
        check_number("regularizer.dropout", dropout, least=0, below=1)
        check_number("regularizer.weight", weight, least=0)
        check_whole("regularizer.start_step", start_step, least=0)
        check_whole("regularizer.ramp_steps", ramp_steps, least=0)
        check_whole("regularizer.min_updates", min_updates, least=1)
        check_whole("regularizer.projector_channels", projector_channels, least=1, optional=True)
        check_whole("regularizer.reduce_channels", reduce_channels, least=1, optional=True)
        check_whole("regularizer.seed", seed, least=0)
        self.source = centers
        self.gradient = gradient
        self.normalize = normalize
        self.scale = scale
        self.dropout = dropout
        self.log_prior = log_prior
        self.reduction = reduction
        self.weight = weight
        self.start_step = start_step
        self.ramp_steps = ramp_steps
        self.min_updates = min_updates
        self.seed = seed
        dim = in_channels
        narrow = in_channels < num_classes - 1 and frame != "spread"
        self.projector: Projector | None = None
        if projector != "none" and (project == "always" or narrow):
            dim = projector_channels or max(in_channels, num_classes - 1)
            # With weight 0 nothing reaches it, and DDP would wait for its gradient.
            trainable = projector == "trainable" and weight > 0
            self.projector = Projector(in_channels, dim, trainable, projector_relu, reduce_channels, seed + 1)
        self.frame = build_frame(frame, num_classes, dim, seed)
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

    def forward(
        self, features: Tensor, labels: Tensor, prior: Tensor | None = None, offsets: Tensor | None = None
    ) -> Tensor:
        """Return the scalar loss, *not* multiplied by ``weight``; in training mode the bank is updated first.

        While it warms up the loss is multiplied by :meth:`warmth`; it keeps its graph then too, so that every rank
        finds a gradient for every parameter. In float32 even under autocast. A batch without a labelled point gives 0
        with a graph ("batch...").

        Args:
            features: (V, D) last-layer features, the input of the classifier.
            labels: (V,) integer class in 0..K-1, -1 for ignored points.
            prior: (K,) class counts or shares instead of those of :meth:`set_prior`.
            offsets: (B + 1,) where each scene of the batch begins; unused.
        """
        if self.training:
            self._step += 1
        with torch.autocast(features.device.type, enabled=False):
            features = features if features.dtype == torch.float64 else features.float()
            centers, included = self._centers(features, labels)
            if self.projector is not None:
                centers = self.projector(centers, features, self.source != "batch")
            if self.normalize:
                centers = F.normalize(centers, dim=1)
            logits = self.scale * F.linear(self._drop(centers), self.frame.vectors)
            if self.log_prior != "off":
                logits = logits + self._log_prior(prior)
            target = torch.arange(self.num_classes, device=logits.device)
            losses = F.cross_entropy(logits, target, reduction="none")
            total = torch.where(included, losses, 0.0).sum() * self.warmth()
            return total / included.sum().clamp_min(1) if self.reduction == "mean" else total

    def warmth(self) -> float:
        """Return the factor in [0, 1] on the loss of the latest training batch; always 1 in evaluation mode."""
        if not self.training or self._step > self.start_step + self.ramp_steps:
            return 1.0
        return max(self._step - self.start_step, 0) / (self.ramp_steps + 1)

    def _centers(self, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the centres (K, D) that the loss is evaluated at, and (K,) bool: which take part."""
        synchronize = self.source != "batch"
        batch, counts = batch_centers(features, labels, self.num_classes, synchronize)
        if synchronize or rank_count() == 1:
            self.bank.update(batch, counts)
        else:
            super().forward(features, labels)
        # Asked for only where it says more than having been seen: a centre that is NaN must show in the loss.
        grown = self.bank.updates >= self.min_updates if self.min_updates > 1 else None
        if self.source != "ema":
            return batch, counts > 0 if grown is None else (counts > 0) & grown
        # Value: the bank's, to the bit. Gradient: that of the batch's centre.
        through = batch - batch.detach()
        if self.gradient == "update":
            through = through * self.bank.rate()[:, None]
        return self.bank.centers.clone() + through, self.bank.seen if grown is None else grown

    def _drop(self, centers: Tensor) -> Tensor:
        """Dropout from a stream of its own, the same on every rank and after a resume."""
        if not self.training or self.dropout == 0:
            return centers
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
        """Return the number of training batches, on which dropout and warm-up depend, for the checkpoint."""
        return torch.tensor(self._step)

    def set_extra_state(self, state: Any) -> None:
        """Take up what :meth:`get_extra_state` gave."""
        self._step = int(state)
