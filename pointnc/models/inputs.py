"""What a backbone is given, checked."""

from __future__ import annotations

from torch import Tensor

from pointnc.errors import UserError


def check_channels(features: Tensor, in_channels: int) -> None:
    """Refuse features that a backbone was not built for.

    Args:
        features: (V, F).
        in_channels: the F that it was built for.

    Raises:
        UserError: they have another number of channels.
    """
    if features.shape[1] != in_channels:
        raise UserError(
            f"the model was built for {in_channels} input channels, the batch has {features.shape[1]}: make "
            "model.in_channels and the features of the data set agree",
            code="channels",
        )
