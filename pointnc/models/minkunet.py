"""MinkUNet: the sparse residual U-Net of Choy et al., 4D Spatio-Temporal ConvNets (CVPR 2019).

Layer by layer the ``Res16UNet`` of MinkowskiEngine's examples, with any number of resolutions. The named
sizes (14A, 18A, 34C and one for CPUs) are files of channel plans in ``conf/model``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointnc.errors import UserError
from pointnc.models.blocks import BasicBlock, NormedConvolution, ResidualBlock
from pointnc.models.grid import SparseTensor
from pointnc.models.sparse import DownConvolution, SubmanifoldConvolution, UpConvolution


class EncoderStage(nn.Module):
    """Half the resolution (2³ convolution, stride 2), then residual blocks."""

    def __init__(self, in_channels: int, planes: int, layers: int, block: type[ResidualBlock], momentum: float) -> None:
        super().__init__()
        self.down = NormedConvolution(DownConvolution(in_channels, in_channels), in_channels, momentum)
        self.blocks = _residual_blocks(in_channels, planes, layers, block, momentum)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Map (V, in) to (V / ~3.5, planes · expansion)."""
        return self.blocks(self.down(x))


class DecoderStage(nn.Module):
    """Twice the resolution (transposed 2³ convolution), the encoder's features beside, then residual blocks."""

    def __init__(
        self,
        in_channels: int,
        skip_channels: int,
        planes: int,
        layers: int,
        block: type[ResidualBlock],
        momentum: float,
    ) -> None:
        super().__init__()
        self.up = NormedConvolution(UpConvolution(in_channels, planes), planes, momentum)
        self.blocks = _residual_blocks(planes + skip_channels, planes, layers, block, momentum)

    def forward(self, x: SparseTensor, skip: SparseTensor) -> SparseTensor:
        """Map coarse features and those of the encoder at this resolution, ``skip``, to the voxels of ``skip``."""
        x = self.up(x)
        return self.blocks(x.replace(torch.cat([x.features, skip.features], dim=1)))


class MinkUNet(nn.Module):
    """Sparse residual U-Net from voxel features to voxel features.

    Args:
        in_channels: channels F of the input features.
        planes: channels of the stages: the encoder's from fine to coarse, then the decoder's back. With 2 L
            entries the network halves the resolution L times.
        layers: residual blocks of each stage, as many entries.
        stem_channels: channels of the first convolution, and of its skip connection to the last stage.
        stem_kernel: edge of the first convolution, odd.
        block: the residual block.
        batch_norm_momentum: weight of a new batch in the running statistics.

    Attributes:
        in_channels: F.
        out_channels: D, the channels of the output.

    Raises:
        UserError: if the plan is not one of a U-Net.
    """

    def __init__(
        self,
        in_channels: int,
        planes: Sequence[int],
        layers: Sequence[int],
        stem_channels: int = 32,
        stem_kernel: int = 5,
        block: type[ResidualBlock] = BasicBlock,
        batch_norm_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        _check_plan(planes, layers, stem_kernel)
        self.in_channels = in_channels
        levels = len(planes) // 2
        widths = [width * block.expansion for width in planes]
        self.out_channels = widths[-1]

        stem = SubmanifoldConvolution(in_channels, stem_channels, stem_kernel)
        self.stem = NormedConvolution(stem, stem_channels, batch_norm_momentum)
        encoder_widths = [stem_channels, *widths[:levels]]
        self.encoder = nn.ModuleList(
            EncoderStage(encoder_widths[level], planes[level], layers[level], block, batch_norm_momentum)
            for level in range(levels)
        )
        self.decoder = nn.ModuleList(
            DecoderStage(
                widths[stage - 1],
                encoder_widths[-2 - index],
                planes[stage],
                layers[stage],
                block,
                batch_norm_momentum,
            )
            for index, stage in enumerate(range(levels, 2 * levels))
        )

    def forward(self, coord: Tensor, features: Tensor, batch_size: int) -> Tensor:
        """Compute a feature vector for every voxel.

        Args:
            coord: (V, 4) int32: sample, x, y, z in voxels; not negative, distinct rows, any order.
            features: (V, F) float.
            batch_size: number of samples; some may have no voxels.

        Returns:
            (V, D) float32, in the order of the input.

        Raises:
            UserError: if F is not the number of channels that the network was built for.
        """
        if features.shape[1] != self.in_channels:
            raise UserError(
                f"the model was built for {self.in_channels} input channels, the batch has {features.shape[1]}: "
                "make model.in_channels and the features of the data set agree"
            )
        x = self.stem(SparseTensor.from_voxels(coord, features, batch_size, divisor=2 ** len(self.encoder)))
        skips = []
        for stage in self.encoder:
            skips.append(x)
            x = stage(x)
        for stage in self.decoder:
            x = stage(x, skips.pop())
        return x.features.float()


def _residual_blocks(
    in_channels: int, planes: int, layers: int, block: type[ResidualBlock], momentum: float
) -> nn.Sequential:
    width = planes * block.expansion
    inputs = [in_channels] + [width] * (layers - 1)
    return nn.Sequential(*(block(channels, planes, momentum) for channels in inputs))


def _check_plan(planes: Sequence[int], layers: Sequence[int], stem_kernel: int) -> None:
    if len(planes) < 2 or len(planes) % 2:
        raise UserError(f"model.planes has {len(planes)} entries: give as many for the decoder as for the encoder")
    if len(layers) != len(planes):
        raise UserError(f"model.layers has {len(layers)} entries but model.planes {len(planes)}: give one a stage")
    if min(*planes, *layers) < 1:
        raise UserError("model.planes and model.layers must be at least 1 everywhere")
    if stem_kernel % 2 == 0:
        raise UserError(f"model.stem_kernel={stem_kernel} has no centre: use an odd number")
