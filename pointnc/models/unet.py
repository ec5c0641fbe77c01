"""The sparse residual U-Net behind MinkUNet and SpUNet: stem, encoder, decoder with skip connections."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pointnc.checks import OptionError, check_switch, check_whole
from pointnc.models.blocks import BLOCKS, BlockName, Norm, NormedConvolution, ResidualBlock
from pointnc.models.inputs import check_channels
from pointnc.models.neck import Neck
from pointnc.sparse.engines import choose_engine
from pointnc.sparse.fused import recomputing
from pointnc.sparse.grid import SparseTensor
from pointnc.sparse.modules import DownConvolution, PointwiseConvolution, SubmanifoldConvolution, UpConvolution


class EncoderStage(nn.Module):
    """Half the resolution (2³ convolution, stride 2, to ``down_channels``), then residual blocks."""

    def __init__(
        self,
        in_channels: int,
        down_channels: int,
        planes: int,
        layers: int,
        block: type[ResidualBlock],
        norm: Norm,
    ) -> None:
        super().__init__()
        self.down = NormedConvolution(DownConvolution(in_channels, down_channels), down_channels, norm)
        self.blocks = _residual_blocks(down_channels, planes, layers, block, norm)

    def forward(self, x: SparseTensor, checkpointing: bool = False) -> SparseTensor:
        """Map (V, in) to (V / ~3.5, planes · expansion)."""
        x = self.down(x)
        for block in self.blocks:
            x = checkpointed(block, x) if checkpointing else block(x)
        return x


class DecoderStage(nn.Module):
    """Twice the resolution (transposed 2³ convolution), the encoder's features beside, then residual blocks."""

    def __init__(
        self,
        in_channels: int,
        skip_channels: int,
        planes: int,
        layers: int,
        block: type[ResidualBlock],
        norm: Norm,
    ) -> None:
        super().__init__()
        self.up = NormedConvolution(UpConvolution(in_channels, planes), planes, norm)
        self.blocks = _residual_blocks(planes + skip_channels, planes, layers, block, norm)

    def forward(self, x: SparseTensor, skip: SparseTensor, checkpointing: bool = False) -> SparseTensor:
        """Map coarse features and those of the encoder at this resolution, ``skip``, to the voxels of ``skip``."""
        x = checkpointed(self._join, x, skip) if checkpointing else self._join(x, skip)
        for block in list(self.blocks)[1:]:
            x = checkpointed(block, x) if checkpointing else block(x)
        return x

    def _join(self, x: SparseTensor, skip: SparseTensor) -> SparseTensor:
        """The way up, the concatenation, and the first block."""
        x = self.up(x)
        return self.blocks[0](x.replace(torch.cat([x.features, skip.features], dim=1)))


def checkpointed(part: Callable[..., SparseTensor], *inputs: SparseTensor) -> SparseTensor:
    """Run a part of a network so that its inside is computed again in the backward pass instead of kept."""
    grids = []

    def run(*features: Tensor) -> Tensor:
        out = part(*(x.replace(values) for x, values in zip(inputs, features)))
        grids.append(out.grid)
        return out.features

    features = checkpoint(
        run,
        *(x.features for x in inputs),
        use_reentrant=False,
        preserve_rng_state=False,  # nothing here is random
        context_fn=lambda: (nullcontext(), recomputing()),
    )
    return SparseTensor(features, grids[0])


class SparseUNet(nn.Module):
    """Sparse residual U-Net from voxel features to voxel features; a subclass settles the details.

    Args:
        in_channels: channels F of the input features.
        planes: channels of the stages: the encoder's from fine to coarse, then the decoder's back. With 2 L
            entries the network halves the resolution L times.
        layers: residual blocks of each stage, as many entries.
        stem_channels: channels of the first convolution, and of its skip connection to the last stage.
        stem_kernel: edge of the first convolution, odd.
        block: the residual block: "basic" or "bottleneck".
        out_channels: None: the features are those of the last stage. Otherwise a linear map to so many channels
            follows, as in networks that were trained to meet the embedding of another one.
        neck: None, or the channels of a :class:`~pointnc.models.neck.Neck` behind all this: the features then.
        norm: how features are normalized.
        checkpointing: whether training keeps only what goes into each residual block, and computes the inside of the
            blocks again in the backward pass: about half the memory for a third more time.
        engine: who computes: "auto" (the CPU engine on a CPU, spconv on CUDA where it is installed and fits, else plain
            torch), "cpu", "spconv" or "torch"; see :mod:`pointnc.sparse.engines`.
        widen_on_descent: whether the convolution that halves the resolution has the width of the coarser stage
            already; otherwise it keeps that of the finer one.

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
        stem_channels: int,
        stem_kernel: int,
        block: BlockName,
        out_channels: int | None,
        neck: int | None,
        norm: Norm,
        checkpointing: bool,
        engine: str,
        widen_on_descent: bool,
    ) -> None:
        super().__init__()
        check_switch("checkpointing", checkpointing)
        self.checkpointing = checkpointing
        self.engine = engine
        _check_plan(planes, layers, stem_kernel, block)
        self.in_channels = in_channels
        kind = BLOCKS[block]
        levels = len(planes) // 2
        widths = [width * kind.expansion for width in planes]

        stem = SubmanifoldConvolution(in_channels, stem_channels, stem_kernel)
        self.stem = NormedConvolution(stem, stem_channels, norm)
        skips = [stem_channels, *widths[:levels]]
        downs = planes[:levels] if widen_on_descent else skips
        self.encoder = nn.ModuleList(
            EncoderStage(skips[level], downs[level], planes[level], layers[level], kind, norm)
            for level in range(levels)
        )
        self.decoder = nn.ModuleList(
            DecoderStage(widths[stage - 1], skips[-2 - index], planes[stage], layers[stage], kind, norm)
            for index, stage in enumerate(range(levels, 2 * levels))
        )
        self.out_channels = widths[-1]
        self.projection: nn.Module = nn.Identity()
        if out_channels is not None:
            self.projection = PointwiseConvolution(widths[-1], out_channels, bias=True)
            self.out_channels = out_channels
        self.neck: nn.Module = nn.Identity()
        if neck is not None:
            check_whole("neck", neck, least=1)
            self.neck = Neck(self.out_channels, neck, norm)
            self.out_channels = neck

    def forward(self, coord: Tensor, features: Tensor, batch_size: int) -> Tensor:
        """Compute a feature vector for every voxel, see :class:`pointnc.models.segmentor.Backbone`.

        Raises:
            UserError: F is not the number of channels that the network was built for, or the engine cannot compute on
                the device of the features.
        """
        check_channels(features, self.in_channels)
        engine = choose_engine(self.engine, features.device).name
        divisor = 2 ** len(self.encoder)
        x = self.stem(SparseTensor.from_voxels(coord, features, batch_size, divisor, engine))
        checkpointing = self.checkpointing and torch.is_grad_enabled()
        skips = []
        for stage in self.encoder:
            skips.append(x)
            x = stage(x, checkpointing)
        for stage in self.decoder:
            x = stage(x, skips.pop(), checkpointing)
        x = self.neck(self.projection(x))
        return x.grid.restore(x.features).float()

    def last_map(self) -> Tensor | None:
        """Return (D, C) the matrix of the linear map that the features come out of; None where it is a ReLU."""
        last = self.neck.project if isinstance(self.neck, Neck) else self.projection
        return last.matrices[0].T.detach() if isinstance(last, PointwiseConvolution) else None


def _residual_blocks(
    in_channels: int, planes: int, layers: int, block: type[ResidualBlock], norm: Norm
) -> nn.Sequential:
    width = planes * block.expansion
    inputs = [in_channels] + [width] * (layers - 1)
    return nn.Sequential(*(block(channels, planes, norm) for channels in inputs))


def _check_plan(planes: Sequence[int], layers: Sequence[int], stem_kernel: int, block: str) -> None:
    if len(planes) < 2 or len(planes) % 2:
        raise OptionError(f"planes has {len(planes)} entries: give as many for the decoder as for the encoder")
    if len(layers) != len(planes):
        raise OptionError(f"layers has {len(layers)} entries but planes {len(planes)}: give one a stage")
    if min(*planes, *layers) < 1:
        raise OptionError("planes and layers must be at least 1 everywhere")
    if max(layers) > 1000:
        raise OptionError(f"layers asks for {max(layers)} blocks in a stage: at most 1000")
    if stem_kernel % 2 == 0:
        raise OptionError(f"stem_kernel={stem_kernel} has no center: use an odd number")
    if block not in BLOCKS:
        raise OptionError(f"block={block} is unknown; choose {' or '.join(BLOCKS)}")
