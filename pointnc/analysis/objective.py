"""What a run minimizes, as a checkpoint left it: the loss of the points and the regularizer of the centers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from hydra.errors import HydraException
from hydra.utils import instantiate
from torch import nn

from pointnc.collapse.observer import CenterObserver
from pointnc.errors import UserError
from pointnc.weights.checkpoint import Checkpoint
from pointnc.weights.trust import check_parts


@dataclass(frozen=True)
class Objective:
    """Loss and regularizer of a run, in evaluation mode: nothing that is computed with them changes them.

    Attributes:
        loss: of (V, K) logits and (V,) labels.
        regularizer: of (V, D) features and (V,) labels; evaluated at its full size, whatever its schedule.
        batch_size: scenes in a step of a process.
        distilled: whether the run learned a teacher's labels as well, of which nothing is built here.
    """

    loss: nn.Module
    regularizer: CenterObserver
    batch_size: int
    distilled: bool = False


def read_objective(checkpoint: Checkpoint, channels: int, trust: Collection[str] = ()) -> Objective:
    """Build loss and regularizer from a checkpoint's configuration and give them its state.

    Args:
        checkpoint: of a run.
        channels: D of the network's features.
        trust: classes of other makers that may be imported and built.

    Raises:
        UserError: the file does not say what they were, asks for something else than a loss, or is of a version whose
            state does not fit.
    """
    config = checkpoint.config
    built = []
    for name, sizes in (
        ("loss", {}),
        ("regularizer", {"num_classes": len(checkpoint.taxonomy), "in_channels": channels}),
    ):
        if config.get(name) is None:
            raise UserError(f"{checkpoint.path} does not say which {name} it was trained with", code="malformed")
        check_parts(config, checkpoint.path, trust, (name,))
        prefix = f"{name}."
        state = checkpoint.data["state_dict"]
        own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        try:
            part = instantiate(config[name], **sizes)
            if isinstance(part, CenterObserver) and part.log_prior != "off":
                part.set_prior(torch.ones(len(checkpoint.taxonomy)))  # that there is one; the state brings the numbers
            part.load_state_dict(own)
        except (HydraException, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"the {name} of {checkpoint.path} cannot be built again here ({reason})", code="unsupported"
            ) from None
        built.append(part.eval())
    loss, regularizer = built
    if not isinstance(regularizer, CenterObserver):
        raise UserError(
            f"the regularizer of {checkpoint.path} is a {type(regularizer).__name__}, which is not known",
            code="unsupported",
        )
    return Objective(loss, regularizer, int(config.get("batch_size") or 1), bool(config.get("distillation")))
