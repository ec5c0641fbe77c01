"""How the center regularizer pulls: every option, with its default and what it must be."""

from __future__ import annotations

from dataclasses import dataclass

from pointnc.checks import check_number, check_option, check_switch, check_whole
from pointnc.collapse.frames import FRAMES
from pointnc.collapse.schedule import Steps


@dataclass(frozen=True)
class CenterOptions:
    """Options of a :class:`~pointnc.collapse.regularizer.CenterRegularizer` of K classes and D channels.

    Attributes:
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
            of ``start_step``, to the centers that training has found by then; "rotated": the frame is turned as a
            whole then, to where it is nearest to them.
        weight: the loss weight lambda; *not* applied by ``forward``, see :meth:`strength`.
        strength: "absolute": ``weight`` is a factor; "share": the factor is such that the regularizer's force on the
            centers is ``weight`` times that of the loss, see :class:`pointnc.collapse.forces.ShareOfLoss`.
        start_step: number of training batches that only fill the bank; the loss is 0 in them. This and the next two
            may be shares of the training, between 0 and 1: :meth:`set_length` tells how long it is.
        ramp_steps: number of batches after those over which the loss rises linearly to its full size.
        end_step: the batch from which on it falls back to 0, over as many batches; None: it stays.
        min_updates: a class enters the loss with this update of its center: averages of fewer batches are noise.
        seed: of frame, projector and dropout. None of them touches the global random state.

    Raises:
        OptionError: one is unknown or out of range; the message begins with its name.
    """

    centers: str = "ema"
    gradient: str = "straight_through"
    momentum: float = 0.9
    frame: str = "auto"
    projector: str = "frozen"
    project: str = "where_needed"
    projector_channels: int | None = None
    projector_relu: bool = False
    reduce_channels: int | None = None
    recenter: bool = False
    normalize: bool = False
    scale: float = 1.0
    dropout: float = 0.0
    log_prior: str | bool = "off"
    reduction: str = "mean"
    trusted_points: float = 0.0
    repulsion: float = 0.0
    assignment: str = "drawn"
    weight: float = 1.0
    strength: str = "absolute"
    start_step: Steps = 0
    ramp_steps: Steps = 0
    end_step: Steps | None = None
    min_updates: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.log_prior is False:  # yaml reads an unquoted off as false
            object.__setattr__(self, "log_prior", "off")
        check_option("centers", self.centers, "batch", "batch_synchronized", "ema")
        check_option("gradient", self.gradient, "straight_through", "update")
        check_option("frame", self.frame, *FRAMES)
        check_option("projector", self.projector, "none", "frozen", "trainable", "mlp")
        check_option("project", self.project, "where_needed", "always")
        check_option("log_prior", self.log_prior, "off", "scenes", "points")
        check_option("reduction", self.reduction, "sum", "mean")
        check_switch("projector_relu", self.projector_relu)
        check_switch("recenter", self.recenter)
        check_switch("normalize", self.normalize)
        check_option("assignment", self.assignment, "drawn", "warm_up", "rotated")
        check_option("strength", self.strength, "absolute", "share")
        check_number("trusted_points", self.trusted_points, least=0)
        check_number("repulsion", self.repulsion, least=0)
        check_number("scale", self.scale, above=0)
        check_number("dropout", self.dropout, least=0, below=1)
        check_number("weight", self.weight, least=0)
        check_whole("min_updates", self.min_updates, least=1)
        check_whole("projector_channels", self.projector_channels, least=1, optional=True)
        check_whole("reduce_channels", self.reduce_channels, least=1, optional=True)
        check_whole("seed", self.seed, least=0)
