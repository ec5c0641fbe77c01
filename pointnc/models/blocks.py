"""Residual blocks on sparse tensors and their layers, after He et al., Deep Residual Learning (CVPR 2016).

The arrangement is that of MinkowskiEngine's ResNets (Choy et al., 4D Spatio-Temporal ConvNets, CVPR 2019).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, cast

import torch.nn.functional as F
from torch import Tensor, nn

from pointnc.sparse.fused import Layer, is_recomputing, run_layers
from pointnc.sparse.grid import SparseTensor
from pointnc.sparse.modules import PointwiseConvolution, SparseConvolution, SubmanifoldConvolution


class Norm(NamedTuple):
    """Settings of batch normalization.

    Attributes:
        momentum: weight of a new batch in the running statistics.
        eps: added to the variance.
    """

    momentum: float = 0.1
    eps: float = 1e-5


class BatchNorm(nn.BatchNorm1d):
    """Batch normalization over all voxels of a batch.

    Fewer than two voxels have no variance: then the running statistics serve in training too, and stay as
    they are. Small scenes come to that at the coarsest resolution.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalize (V, C) channel by channel."""
        if self.training and len(features) < 2:
            return F.batch_norm(
                features, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        if self.training and is_recomputing() and self.running_mean is not None and self.running_var is not None:
            # Autograd compares what is kept now with what was kept the first time: copies stand in for the statistics.
            means, variances = self.running_mean.clone(), self.running_var.clone()
            return F.batch_norm(features, means, variances, self.weight, self.bias, True, 0.0, self.eps)
        return super().forward(features)


class NormedConvolution(nn.Module):
    """A convolution, batch normalization and, unless told otherwise, ReLU.

    Args:
        convolution: any convolution of :mod:`pointnc.sparse.modules`.
        channels: its output channels.
        norm: settings of the normalization.
        relu: whether to end in ReLU.
    """

    def __init__(
        self,
        convolution: SparseConvolution,
        channels: int,
        norm: Norm,
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = BatchNorm(channels, momentum=norm.momentum, eps=norm.eps)
        self.relu = relu

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Convolve, normalize and rectify."""
        return run_path([self], x)


def run_path(path: Sequence[NormedConvolution], x: SparseTensor, residual: Tensor | None = None) -> SparseTensor:
    """Run layers one after the other; a residual is added to the last one, and a ReLU follows.

    The CPU engine runs them fused (:mod:`pointnc.sparse.fused`), the others module by module.
    """
    fused = x.grid.engine == "cpu" and len(x.features) > 0 and all(type(layer.norm) is BatchNorm for layer in path)
    if not fused:
        for layer in path:
            x = layer.convolution(x)
            features = layer.norm(x.features)
            x = x.replace(F.relu_(features) if layer.relu else features)
        return x if residual is None else x.replace(F.relu_(x.features + residual))
    layers, grid = [], x.grid
    for layer in path:
        table, grid = layer.convolution.table(grid)
        layers.append(Layer(layer.convolution.matrices, table, layer.norm, layer.relu))
    if residual is not None:
        layers[-1] = replace(layers[-1], relu=True)
    return SparseTensor(run_layers(x.features.to(layers[0].matrices.dtype), layers, residual), grid)


class ResidualBlock(nn.Module, ABC):
    """A block whose output is ReLU(path(x) + shortcut(x)), on the voxels of its input.

    A subclass gives the layers of the path, and in ``expansion`` the output channels for each of its planes.
    Where input and output channels differ the shortcut is a normalized 1³ convolution, else the identity.

    Args:
        in_channels: channels of the input.
        planes: width of the block; the output has ``planes * expansion`` channels.
        norm: settings of batch normalization.
    """

    expansion: int

    def __init__(self, in_channels: int, planes: int, norm: Norm) -> None:
        super().__init__()
        out_channels = planes * self.expansion
        self.path = nn.Sequential(*self.layers(in_channels, planes, norm))
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            projection = PointwiseConvolution(in_channels, out_channels)
            self.shortcut = NormedConvolution(projection, out_channels, norm, relu=False)

    @abstractmethod
    def layers(self, in_channels: int, planes: int, norm: Norm) -> list[NormedConvolution]:
        """The layers of the path from ``in_channels`` to ``planes * expansion``, the last one without ReLU."""

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Map (V, in) to (V, planes · expansion)."""
        return run_path(cast(Sequence[NormedConvolution], self.path), x, self.shortcut(x).features)


class BasicBlock(ResidualBlock):
    """Two 3³ convolutions of ``planes`` channels."""

    expansion = 1

    def layers(self, in_channels: int, planes: int, norm: Norm) -> list[NormedConvolution]:
        """Both convolutions."""
        return [
            NormedConvolution(SubmanifoldConvolution(in_channels, planes, 3), planes, norm),
            NormedConvolution(SubmanifoldConvolution(planes, planes, 3), planes, norm, relu=False),
        ]


class BottleneckBlock(ResidualBlock):
    """A 1³ convolution to ``planes`` channels, a 3³ one, and a 1³ one to four times as many."""

    expansion = 4

    def layers(self, in_channels: int, planes: int, norm: Norm) -> list[NormedConvolution]:
        """The three convolutions."""
        widened = planes * self.expansion
        return [
            NormedConvolution(PointwiseConvolution(in_channels, planes), planes, norm),
            NormedConvolution(SubmanifoldConvolution(planes, planes, 3), planes, norm),
            NormedConvolution(PointwiseConvolution(planes, widened), widened, norm, relu=False),
        ]


BlockName = Literal["basic", "bottleneck"]

BLOCKS: dict[str, type[ResidualBlock]] = {"basic": BasicBlock, "bottleneck": BottleneckBlock}
"""Block name to block."""
