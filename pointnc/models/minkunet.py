"""MinkUNet: the sparse residual U-Net of Choy et al., 4D Spatio-Temporal ConvNets (CVPR 2019).

Layer by layer the ``Res16UNet`` of the authors' code, with any number of resolutions. The named sizes (14 to 101
and one for CPUs) are files of channel plans in ``conf/model``.
"""

from collections.abc import Sequence

from pointnc.models.blocks import BlockName, Norm
from pointnc.models.unet import SparseUNet


class MinkUNet(SparseUNet):
    """Sparse residual U-Net whose encoder widens in the residual blocks.

    Args:
        in_channels: channels F of the input features.
        planes: channels of the stages, encoder from fine to coarse, then decoder back; bottleneck blocks give four
            times as many.
        layers: residual blocks of each stage, as many entries.
        stem_channels: channels of the first convolution.
        stem_kernel: edge of the first convolution, odd.
        block: "basic" or "bottleneck".
        out_channels: None, or the channels of a linear map behind the last stage.
        batch_norm_momentum: weight of a new batch in the running statistics.
        batch_norm_eps: added to the variance.
        checkpointing: half the memory of training for a third more time; see :class:`SparseUNet`.
        neck: None, or the channels of features that a frame of all classes fits into; see :class:`SparseUNet`.
        engine: "auto", "cpu", "spconv" or "torch"; see :class:`SparseUNet`.

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
        block: BlockName = "basic",
        out_channels: int | None = None,
        batch_norm_momentum: float = 0.1,
        batch_norm_eps: float = 1e-5,
        checkpointing: bool = False,
        engine: str = "auto",
        neck: int | None = None,
    ) -> None:
        norm = Norm(batch_norm_momentum, batch_norm_eps)
        super().__init__(
            in_channels,
            planes,
            layers,
            stem_channels,
            stem_kernel,
            block,
            out_channels,
            neck,
            norm,
            checkpointing,
            engine,
            widen_on_descent=False,
        )
