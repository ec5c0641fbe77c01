"""The center regularizer: cross-entropy of class centers against a fixed frame. See docs/neural_collapse.md.

Paper: Zhong et al., "Understanding imbalanced semantic segmentation through neural collapse" (CeCo), CVPR 2023,
arXiv 2301.01100. Beyond the paper: a moving average of the centers, so that classes absent from a batch still
have one, and centers that are joined over ranks.

Shapes: V points, D backbone channels, K classes, P channels of the frame.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from pointnc.collapse.assignment import assign, rotate
from pointnc.collapse.centers import batch_centers, rank_count
from pointnc.collapse.forces import EVERY, ShareOfLoss
from pointnc.collapse.frames import build_frame
from pointnc.collapse.lower_bounds import largest_cosine
from pointnc.collapse.observer import CenterObserver
from pointnc.collapse.options import CenterOptions
from pointnc.collapse.projector import Projector
from pointnc.collapse.repulsion import SHORTEST, repulsion
from pointnc.collapse.schedule import StrengthSchedule
from pointnc.errors import UserError

PRIOR_EPSILON = 1e-12
"""Added to the class shares before their logarithm is taken: a class without scenes keeps a finite prior."""


class CenterRegularizer(CenterObserver):
    """Pulls the center of every class toward its vertex of a fixed frame: a simplex ETF, or the best spread frame.

    Loss: cross-entropy of scale * W c_k against class k, where c_k is class k's center (projected, normalized, as
    configured) and W (K, P) the frame. Only features of present classes get a gradient. The bank is kept in every
    mode, in the backbone's feature space; only ``centers="ema"`` lets it into the loss.

    Args:
        num_classes: K.
        in_channels: D.
        options: those of :class:`~pointnc.collapse.options.CenterOptions`, by their names.

    Attributes:
        options: as given, with the defaults of the others.
        weight: what the training loop multiplies the loss by, or the share of the loss's force that it is to have; see
            :meth:`strength`.
        bank: the moving averages.
        frame: the fixed vectors.
        projector: the projector or None.

    Raises:
        OptionError: an option is unknown or out of range; the message begins with its name.
    """

    told = ("prior",)  # not learned: a training that is resumed has its own
    prior: Tensor

    def __init__(self, num_classes: int, in_channels: int, **options: Any) -> None:
        chosen = CenterOptions(**options)
        super().__init__(num_classes, in_channels, chosen.momentum)
        self.options = chosen
        self.weight, self.log_prior = chosen.weight, str(chosen.log_prior)
        self.schedule = StrengthSchedule(chosen.start_step, chosen.ramp_steps, chosen.end_step)
        self.share = ShareOfLoss(chosen.weight) if chosen.strength == "share" else None
        self.projector = _projector(chosen, num_classes, in_channels)
        dim = in_channels if self.projector is None else len(self.projector.gain)
        self.frame = build_frame(chosen.frame, num_classes, dim, chosen.seed)
        self.to_assign = chosen.assignment != "drawn"
        self.register_buffer("prior", torch.zeros(num_classes))
        self._has_prior = False
        self._step = 0

    def set_prior(self, counts: Tensor) -> None:
        """Set the class prior for ``log_prior``.

        Args:
            counts: (K,) number of training scenes that contain the class (``log_prior`` "scenes") or of training
                points of the class ("points"). Only the proportions matter.
        """
        counts = torch.as_tensor(counts).cpu().double()
        share = counts / counts.sum().clamp_min(1)
        self.prior.copy_((share + PRIOR_EPSILON).log())
        self._has_prior = True

    def forward(
        self, features: Tensor, labels: Tensor, prior: Tensor | None = None, offsets: Tensor | None = None
    ) -> Tensor:
        """Return the scalar loss, *not* multiplied by ``weight``; in training mode the bank is updated first.

        While it warms up the loss is multiplied by :meth:`warm_up_factor`; it keeps its graph then too, so that every
        rank finds a gradient for every parameter. In float32 even under autocast. A batch without a labeled point
        gives 0 with a graph ("batch...").

        Args:
            features: (V, D) last-layer features, the input of the classifier.
            labels: (V,) integer class in 0..K-1, -1 for ignored points.
            prior: (K,) class counts or shares instead of those of :meth:`set_prior`.
            offsets: (B + 1,) where each scene of the batch begins; unused.

        Raises:
            UserError: the features have other channels.
        """
        if features.shape[1:] != self.bank.centers.shape[1:]:
            raise UserError(
                f"features of the shape {tuple(features.shape)}: the regularizer was built with "
                f"in_channels={self.bank.centers.shape[1]}",
                code="shape",
            )
        if self.training:
            self._step += 1
        with torch.autocast(features.device.type, enabled=False):
            features = features if features.dtype == torch.float64 else features.float()
            centers, counts, included = self._centers(features, labels)
            middle = self._middle()
            pushed = self._repulsion(centers - middle, counts > 0, middle)
            origin = middle if self.options.recenter else torch.zeros_like(middle)
            centers = centers - origin
            if self.projector is not None:
                centers = self.projector(centers, features, self.options.centers != "batch", origin)
            if self.training and self.to_assign and self._step > self.schedule.start:
                self._assign(centers)
            if self.options.normalize:
                centers = F.normalize(centers, dim=1, eps=SHORTEST)
            logits = self.options.scale * F.linear(self._drop(centers), self.frame.vectors)
            if self.log_prior != "off":
                logits = logits + self._log_prior(prior)
            target = torch.arange(self.num_classes, device=logits.device)
            losses = F.cross_entropy(logits, target, reduction="none")
            if self.options.trusted_points:
                losses = losses * (counts / (counts + self.options.trusted_points))
            total = (torch.where(included, losses, 0.0).sum() + pushed) * self.warm_up_factor()
            return total / (included & (counts > 0)).sum().clamp_min(1) if self.options.reduction == "mean" else total

    def strength(self, loss: Tensor, penalty: Tensor, features: Tensor, labels: Tensor) -> Tensor | float:
        """Return what ``penalty``, the result of :meth:`forward`, is to be multiplied by in this step.

        Args:
            loss: of the points, with a graph to ``features``.
            penalty: of this batch.
            features: (V, D) that both were computed from.
            labels: (V,).
        """
        if self.share is None:
            return self.weight
        warm_up_factor = self.warm_up_factor()
        if warm_up_factor > 0 and (self._step - self.schedule.start) % EVERY == 1 and loss.requires_grad:
            self.share.measure(loss, penalty / warm_up_factor, features, labels, self.num_classes)
        return self.share.weight()

    def present_weight(self) -> float:
        """Return what the loss is multiplied by as things stand, measuring nothing: the weight, or the latest share."""
        return self.weight if self.share is None else float(self.share.weight())

    def warm_up_factor(self) -> float:
        """Return the factor in [0, 1] on the loss of the latest training batch; always 1 in evaluation mode."""
        return self.schedule.factor(self._step) if self.training else 1.0

    def set_length(self, steps: int) -> None:
        """Take the number of batches of the whole training, for steps that are given as a share of it."""
        self.schedule.set_length(steps)

    def remarks(self) -> list[str]:
        """Return a line where a frozen projector makes random directions of an exact simplex."""
        dim = self.bank.centers.shape[1]
        frozen = self.projector is not None and not self.projector.gain.requires_grad
        if not frozen or not self.weight or dim >= self.num_classes - 1:
            return []
        targets = self.targets()
        if targets is None:
            return []
        return [
            f"regularizer: {self.num_classes} targets in {dim} channels: through the frozen projector the simplex "
            f"becomes random directions (largest cosine {largest_cosine(targets):.2f}); "
            f"model.neck={max(256, self.num_classes)} holds it, regularizer.projector=none takes the best frame of "
            f"{dim} channels"
        ]

    def targets(self) -> Tensor | None:
        """Return (K, D) what the frame's vectors are in the space of the features; None where a ReLU is in between.

        A logit is the inner product of a center and its target: these are the directions that centers are pulled to.
        """
        vectors = self.frame.vectors.detach()
        if self.projector is None:
            return vectors
        matrix = self.projector.matrix()
        return None if matrix is None else vectors @ matrix

    def _centers(self, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the centers (K, D) that the loss is evaluated at, (K,) their points, (K,) bool: which take part."""
        synchronize = self.options.centers != "batch"
        batch, counts = batch_centers(features, labels, self.num_classes, synchronize)
        if synchronize or rank_count() == 1:
            self.bank.update(batch, counts)
        else:
            super().forward(features, labels)
        # Asked for only where it says more than having been seen: a center that is NaN must show in the loss.
        grown = self.bank.updates >= self.options.min_updates if self.options.min_updates > 1 else None
        if self.options.centers != "ema":
            return batch, counts, counts > 0 if grown is None else (counts > 0) & grown
        # Value: the bank's, to the bit. Gradient: that of the batch's center.
        through = batch - batch.detach()
        if self.options.gradient == "update":
            through = through * self.bank.rate()[:, None]
        return self.bank.centers.clone() + through, counts, self.bank.seen if grown is None else grown

    def _middle(self) -> Tensor:
        """Return (D,) the mean of the bank's centers over the classes seen; 0 where nothing asks for it."""
        if not (self.options.recenter or self.options.repulsion):
            return self.bank.centers.new_zeros(())
        seen = self.bank.seen[:, None]
        return torch.where(seen, self.bank.centers, 0.0).sum(dim=0) / seen.sum().clamp_min(1)

    def _repulsion(self, centers: Tensor, present: Tensor, middle: Tensor) -> Tensor | float:
        if not self.options.repulsion:
            return 0.0
        absent = self.bank.seen & ~present
        return self.options.repulsion * repulsion(centers, present, self.bank.centers - middle, absent)

    @torch.no_grad()
    def _assign(self, centers: Tensor) -> None:
        """Bring the vertices to the bank's centers, in the space of the frame."""
        own = self.bank.centers - self._middle() if self.options.recenter else self.bank.centers
        if self.projector is not None:
            own = self.projector.by_averages(own)
        place = rotate if self.options.assignment == "rotated" else assign
        self.frame.vectors.copy_(place(own, self.frame.vectors, self.bank.seen))
        if rank_count() > 1:  # running statistics of a reduction are each rank's own
            dist.broadcast(self.frame.vectors, src=0)
        self.to_assign = False

    def _drop(self, centers: Tensor) -> Tensor:
        """Dropout from a stream of its own, the same on every rank and after a resume."""
        if not self.training or self.options.dropout == 0:
            return centers
        generator = torch.Generator().manual_seed((self.options.seed + 2) * 1_000_003 + self._step)
        keep = torch.rand(centers.shape, generator=generator) >= self.options.dropout
        return centers * keep.to(centers.device) / (1 - self.options.dropout)

    def _log_prior(self, prior: Tensor | None) -> Tensor:
        if prior is not None:
            return (prior / prior.sum() + PRIOR_EPSILON).log()
        if not self._has_prior:
            raise RuntimeError(f"log_prior={self.log_prior} needs set_prior() before the first training step")
        return self.prior

    def get_extra_state(self) -> Tensor:
        """Return what depends on the number of training batches, for the checkpoint: it, and whether to assign."""
        return torch.tensor([self._step, int(self.to_assign)])

    def set_extra_state(self, state: Any) -> None:
        """Take up what :meth:`get_extra_state` gave; earlier versions gave the number alone."""
        numbers = torch.as_tensor(state).flatten().tolist()
        self._step = int(numbers[0])
        self.to_assign = self.to_assign and (len(numbers) < 2 or bool(numbers[1]))


def _projector(options: CenterOptions, num_classes: int, in_channels: int) -> Projector | None:
    """Return what brings centers into the space of the frame, None where it is that of the features."""
    narrow = in_channels < num_classes - 1 and options.frame != "spread"
    if options.projector == "none" or not (options.project == "always" or narrow):
        return None
    dim = options.projector_channels or max(in_channels, num_classes - 1)
    # With weight 0 nothing reaches it, and DDP would wait for its gradient.
    trainable = options.projector != "frozen" and options.weight > 0
    hidden = dim if options.projector == "mlp" else None
    return Projector(
        in_channels, dim, trainable, options.projector_relu, options.reduce_channels, options.seed + 1, hidden
    )
