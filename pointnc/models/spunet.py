"""SpUNet: the sparse U-Net of Pointcept (model ``SpUNet-v1m1``), a Res16UNet over spconv with two differences.

The convolution that halves the resolution widens the features already, so that no encoder block needs a projection;
and batch normalization has an epsilon of 1e-3 and a momentum of 0.01.
"""

from collections.abc import Sequence

from pointnc.models.blocks import Norm
from pointnc.models.unet import SparseUNet


class SpUNet(SparseUNet):
    """Sparse residual U-Net whose encoder widens on the way down.

    Args:
        in_channels: channels F of the input features.
        planes: channels of the stages, encoder from fine to coarse, then decoder back.
        layers: basic residual blocks of each stage, as many entries.
        stem_channels: channels of the first convolution.
        stem_kernel: edge of the first convolution, odd.
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
        out_channels: int | None = None,
        batch_norm_momentum: float = 0.01,
        batch_norm_eps: float = 1e-3,
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
            "basic",
            out_channels,
            neck,
            norm,
            checkpointing,
            engine,
            widen_on_descent=True,
        )
