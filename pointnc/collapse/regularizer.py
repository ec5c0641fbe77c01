"""The center regularizer: cross-entropy of class centers against a fixed frame. See docs/neural_collapse.md.

Paper: Zhong et al., "Understanding imbalanced semantic segmentation through neural collapse" (CeCo), CVPR 2023,
arXiv 2301.01100. Beyond the paper: a moving average of the centers, so that classes absent from a batch still
have one, and centers that are joined over ranks.

Shapes: V points, D backbone channels, K classes, P channels of the frame.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pointnc.checks import check_number, check_option, check_switch, check_whole
from pointnc.collapse.assignment import assign
from pointnc.collapse.centers import batch_centers, rank_count
from pointnc.collapse.forces import EVERY, ShareOfLoss
from pointnc.collapse.frames import FRAMES, build_frame
from pointnc.collapse.lower_bounds import largest_cosine
from pointnc.collapse.observer import CenterObserver
from pointnc.collapse.projector import Projector
from pointnc.collapse.repulsion import repulsion
from pointnc.collapse.schedule import Steps, StrengthSchedule

PRIOR_EPSILON = 1e-12
"""Added to the class shares before their logarithm is taken: a class without scenes keeps a finite prior."""


class CenterRegularizer(CenterObserver):
    """Pulls the center of every class towards its vertex of a fixed frame: a simplex ETF, or the best spread frame.

    Loss: cross-entropy of scale * W c_k against class k, where c_k is class k's center (projected, normalized, as
    configured) and W (K, P) the frame. Only features of present classes get a gradient. The bank is kept in every
    mode, in the backbone's feature space; only ``centers="ema"`` lets it into the loss.

    Args:
        num_classes: K.
        in_channels: D.
        centers: "batch": centers of this rank's batch; "batch_synchronized": of all ranks' joined batch; "ema":
            the moving average after it has taken in the joined batch. Classes without a center are left out of the
            loss: absent ones ("batch...") or never seen ones ("ema"); an absent class that was seen before
            contributes the value of its average, and no gradient to the features.
        gradient: with "ema", "straight_through" passes the gradient as if the average were the batch's center;
            "update" differentiates the update itself, which scales it by about 1 - momentum.
        momentum: of the moving average, in [0, 1).
        frame: "simplex" (asks for P >= K-1), "spread" (for any P; the simplex where that exists), or "auto": the
            simplex where P >= K-1, else the spread frame.
        projector: "none"; "frozen" or "trainable", linear; or "mlp", trainable with a hidden layer.
        project: "where_needed" (D < K-1, and the frame is not "spread") or "always".
        projector_channels: P; by default the larger of D and K-1. Without projector P is D.
        projector_relu: whether a ReLU follows the projector.
        reduce_channels: width of a linear map with batch normalization before the projector; None for none.
        recenter: whether the mean of the bank's centers, over all classes seen, is taken off first: neural collapse
            speaks of centers as seen from there. The mean is a constant for the gradient.
        normalize: whether projected centers are scaled to unit length.
        scale: factor on the logits.
        dropout: probability of dropping a channel of a projected center, in training mode.
        log_prior: "off", "scenes" or "points": whether the logarithm of the share of training scenes (points) that
            contain (belong to) the class is added to its logits; :meth:`set_prior` brings the counts.
        reduction: "sum" over the classes in the loss, or "mean": that divided by the number of classes in the batch.
        trusted_points: n > 0: a class with m points in the batch pulls by m/(m + n), since the centers of few points
            are noise; 0: every class of the batch pulls alike.
        repulsion: r > 0 adds r times the repulsion of the batch's centers from the bank's centers of absent classes,
            see :func:`pointnc.collapse.repulsion.repulsion`.
        assignment: "drawn": class k has vertex k of the frame; "warm_up": the vertices are dealt out once, at the end
            of ``start_step``, to the centers that training has found by then.
        weight: the loss weight lambda; *not* applied by ``forward``, see :meth:`strength`.
        strength: "absolute": ``weight`` is a factor; "share": the factor is such that the regularizer's force on the
            centers is ``weight`` times that of the loss, see :class:`pointnc.collapse.forces.ShareOfLoss`.
        start_step: number of training batches that only fill the bank; the loss is 0 in them. This and the next two
            may be shares of the training, between 0 and 1: :meth:`set_length` tells how long it is.
        ramp_steps: number of batches after those over which the loss rises linearly to its full size.
        end_step: the batch from which on it falls back to 0, over as many batches; None: it stays.
        min_updates: a class enters the loss with this update of its center: averages of fewer batches are noise.
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
        recenter: bool = False,
        normalize: bool = False,
        scale: float = 1.0,
        dropout: float = 0.0,
        log_prior: str | bool = "off",
        reduction: str = "mean",
        trusted_points: float = 0.0,
        repulsion: float = 0.0,
        assignment: str = "drawn",
        weight: float = 1.0,
        strength: str = "absolute",
        start_step: Steps = 0,
        ramp_steps: Steps = 0,
        end_step: Steps | None = None,
        min_updates: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(num_classes, in_channels, momentum)
        log_prior = "off" if log_prior is False else str(log_prior)  # yaml reads an unquoted off as false
        check_option("centers", centers, "batch", "batch_synchronized", "ema")
        check_option("gradient", gradient, "straight_through", "update")
        check_option("frame", frame, *FRAMES)
        check_option("projector", projector, "none", "frozen", "trainable", "mlp")
        check_option("project", project, "where_needed", "always")
        check_option("log_prior", log_prior, "off", "scenes", "points")
        check_option("reduction", reduction, "sum", "mean")
        check_switch("projector_relu", projector_relu)
        check_switch("recenter", recenter)
        check_switch("normalize", normalize)
        check_option("assignment", assignment, "drawn", "warm_up")
        check_option("strength", strength, "absolute", "share")
        check_number("trusted_points", trusted_points, least=0)
        check_number("repulsion", repulsion, least=0)
        check_number("scale", scale, above=0)
        check_number("dropout", dropout, least=0, below=1)
        check_number("weight", weight, least=0)
        check_whole("min_updates", min_updates, least=1)
        check_whole("projector_channels", projector_channels, least=1, optional=True)
        check_whole("reduce_channels", reduce_channels, least=1, optional=True)
        check_whole("seed", seed, least=0)
        self.source = centers
        self.gradient = gradient
        self.recenter = recenter
        self.normalize = normalize
        self.trusted_points = trusted_points
        self.repulsion = repulsion
        self.scale = scale
        self.dropout = dropout
        self.log_prior = log_prior
        self.reduction = reduction
        self.weight = weight
        self.schedule = StrengthSchedule(start_step, ramp_steps, end_step)
        self.min_updates = min_updates
        self.seed = seed
        self.share = ShareOfLoss(weight) if strength == "share" else None
        dim = in_channels
        narrow = in_channels < num_classes - 1 and frame != "spread"
        self.projector: Projector | None = None
        if projector != "none" and (project == "always" or narrow):
            dim = projector_channels or max(in_channels, num_classes - 1)
            # With weight 0 nothing reaches it, and DDP would wait for its gradient.
            trainable = projector != "frozen" and weight > 0
            hidden = dim if projector == "mlp" else None
            self.projector = Projector(in_channels, dim, trainable, projector_relu, reduce_channels, seed + 1, hidden)
        self.frame = build_frame(frame, num_classes, dim, seed)
        self.to_assign = assignment == "warm_up"
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

        While it warms up the loss is multiplied by :meth:`warm_up_factor`; it keeps its graph then too, so that every
        rank finds a gradient for every parameter. In float32 even under autocast. A batch without a labeled point
        gives 0 with a graph ("batch...").

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
            centers, counts, included = self._centers(features, labels)
            middle = self._middle()
            pushed = self._repulsion(centers - middle, counts > 0, middle)
            if self.recenter:
                centers = centers - middle
            if self.projector is not None:
                centers = self.projector(centers, features, self.source != "batch")
            if self.training and self.to_assign and self._step > self.schedule.start:
                self._assign(centers)
            if self.normalize:
                centers = F.normalize(centers, dim=1)
            logits = self.scale * F.linear(self._drop(centers), self.frame.vectors)
            if self.log_prior != "off":
                logits = logits + self._log_prior(prior)
            target = torch.arange(self.num_classes, device=logits.device)
            losses = F.cross_entropy(logits, target, reduction="none")
            if self.trusted_points:
                losses = losses * (counts / (counts + self.trusted_points))
            total = (torch.where(included, losses, 0.0).sum() + pushed) * self.warm_up_factor()
            return total / (included & (counts > 0)).sum().clamp_min(1) if self.reduction == "mean" else total

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
        synchronize = self.source != "batch"
        batch, counts = batch_centers(features, labels, self.num_classes, synchronize)
        if synchronize or rank_count() == 1:
            self.bank.update(batch, counts)
        else:
            super().forward(features, labels)
        # Asked for only where it says more than having been seen: a center that is NaN must show in the loss.
        grown = self.bank.updates >= self.min_updates if self.min_updates > 1 else None
        if self.source != "ema":
            return batch, counts, counts > 0 if grown is None else (counts > 0) & grown
        # Value: the bank's, to the bit. Gradient: that of the batch's center.
        through = batch - batch.detach()
        if self.gradient == "update":
            through = through * self.bank.rate()[:, None]
        return self.bank.centers.clone() + through, counts, self.bank.seen if grown is None else grown

    def _middle(self) -> Tensor:
        """Return (D,) the mean of the bank's centers over the classes seen; 0 where nothing asks for it."""
        if not (self.recenter or self.repulsion):
            return self.bank.centers.new_zeros(())
        seen = self.bank.seen[:, None]
        return torch.where(seen, self.bank.centers, 0.0).sum(dim=0) / seen.sum().clamp_min(1)

    def _repulsion(self, centers: Tensor, present: Tensor, middle: Tensor) -> Tensor | float:
        if not self.repulsion:
            return 0.0
        absent = self.bank.seen & ~present
        return self.repulsion * repulsion(centers, present, self.bank.centers - middle, absent)

    @torch.no_grad()
    def _assign(self, centers: Tensor) -> None:
        """Deal the vertices out to the bank's centers, in the space of the frame."""
        own = self.bank.centers - self._middle()
        if self.projector is not None:
            own = self.projector.by_averages(own)
        self.frame.vectors.copy_(assign(own, self.frame.vectors, self.bank.seen))
        self.to_assign = False

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
        """Return what depends on the number of training batches, for the checkpoint: it, and whether to assign."""
        return torch.tensor([self._step, int(self.to_assign)])

    def set_extra_state(self, state: Any) -> None:
        """Take up what :meth:`get_extra_state` gave; earlier versions gave the number alone."""
        numbers = torch.as_tensor(state).flatten().tolist()
        self._step = int(numbers[0])
        self.to_assign = self.to_assign and (len(numbers) < 2 or bool(numbers[1]))
