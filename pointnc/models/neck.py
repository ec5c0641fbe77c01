"""The neck: room for a frame of K classes between a narrow backbone and its classifier."""

from __future__ import annotations

from torch import nn

from pointnc.models.blocks import Norm, NormedConvolution
from pointnc.sparse.grid import SparseTensor
from pointnc.sparse.modules import PointwiseConvolution


class Neck(nn.Module):
    """A 1³ convolution, batch normalization, ReLU, and another 1³ convolution, to ``channels`` features.

    A simplex ETF of K vectors needs K-1 dimensions, and a ReLU leaves of each only the half that is not negative. A
    backbone that ends in 48 or 96 channels behind a ReLU can hold neither. What comes out of a neck of K-1 or more
    channels can lie anywhere in all of them, so that classifier and center regularizer have the room that they ask for.

    Args:
        in_channels: of the backbone's last stage.
        channels: D, of the features.
        norm: settings of the batch normalization.
    """

    def __init__(self, in_channels: int, channels: int, norm: Norm) -> None:
        super().__init__()
        self.expand = NormedConvolution(PointwiseConvolution(in_channels, channels), channels, norm)
        self.project = PointwiseConvolution(channels, channels, bias=True)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Map (V, in) to (V, D)."""
        return self.project(self.expand(x))
