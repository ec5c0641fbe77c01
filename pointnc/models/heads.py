"""Classification heads: from features to logits.

Every head has ``weight``, the classifier vectors (K, D) in the space of the features, whose geometry neural collapse
speaks of, and ``bias``, (K,) or None. Shapes: V voxels, D features, K classes, P channels of a frame.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pointnc.checks import check_number, check_option, check_switch, check_whole
from pointnc.collapse.frames import FRAMES, build_frame


class LinearHead(nn.Linear):
    """One linear map from (V, D) features to (V, K) logits.

    Args:
        in_channels: D.
        num_classes: K.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)


class ETFHead(nn.Module):
    """A classifier whose vectors are fixed: those of a simplex ETF, or of the best spread frame where D < K-1.

    logits = scale * W A z, with W (K, P) the frame, A (P, D) an optional trainable map, and no bias. Nothing but the
    scale and A is learned here; the backbone must bring the features to the vectors.

    Paper: Yang et al., "Inducing neural collapse in imbalanced learning: do we really need a learnable classifier at
    the end of deep neural network?", NeurIPS 2022.

    Args:
        in_channels: D.
        num_classes: K, at least 2.
        frame: "simplex" (asks for P >= K-1), "spread", or "auto": the simplex where P >= K-1, else the spread frame.
        projector: "none": P = D and no A; "trainable": a linear map without bias comes first.
        projector_channels: P with a projector; by default the larger of D and K-1.
        scale: factor on the logits, at the start where it is learned.
        learn_scale: whether it is learned; it stays above 0.
        seed: of the frame; the global random state is not touched by it.

    Attributes:
        vectors: (K, P) float32 buffer, unit vectors.

    Raises:
        UserError: an option is unknown or out of range; the message names its config key.
    """

    vectors: Tensor
    log_scale: Tensor

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        frame: str = "auto",
        projector: str = "none",
        projector_channels: int | None = None,
        scale: float = 1.0,
        learn_scale: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_option("frame", frame, *FRAMES)
        check_option("projector", projector, "none", "trainable")
        check_whole("projector_channels", projector_channels, least=1, optional=True)
        check_switch("learn_scale", learn_scale)
        check_whole("seed", seed, least=0)
        self.bias = None
        self.projector: nn.Linear | None = None
        dim = in_channels
        if projector == "trainable":
            dim = projector_channels or max(in_channels, num_classes - 1)
            self.projector = nn.Linear(in_channels, dim, bias=False)
        self.register_buffer("vectors", torch.empty(num_classes, dim))
        # A skeleton on the meta device gets its vectors from a file: nothing is searched for sizes that a file names.
        if not self.vectors.is_meta:
            self.vectors.copy_(build_frame(frame, num_classes, dim, seed).vectors)
        _register_scale(self, scale, learn_scale)

    @property
    def weight(self) -> Tensor:
        """(K, D) the vectors that features are multiplied by: scale * W A."""
        vectors = self.log_scale.exp() * self.vectors
        return vectors if self.projector is None else vectors @ self.projector.weight

    def forward(self, features: Tensor) -> Tensor:
        """(V, D) to (V, K) logits."""
        return F.linear(features, self.weight)

    def extra_repr(self) -> str:
        """Describe the frame in the printed module."""
        return "num_classes={}, channels={}".format(*self.vectors.shape)


class CosineHead(nn.Module):
    """Scaled cosines between features and learned vectors.

    Lengths do not count, so that a frequent class cannot win by a longer vector.

    logits = scale * cos(z, w_k), with the scale (the inverse of the temperature) and w learned.
    Paper: Gidaris and Komodakis, "Dynamic few-shot visual learning without forgetting", CVPR 2018.

    Args:
        in_channels: D.
        num_classes: K.
        scale: factor on the cosines, at the start where it is learned.
        learn_scale: whether it is learned; it stays above 0.

    Attributes:
        weight: (K, D) parameter, of any length.

    Raises:
        UserError: the scale is out of range.
    """

    log_scale: Tensor

    def __init__(self, in_channels: int, num_classes: int, *, scale: float = 16.0, learn_scale: bool = True) -> None:
        super().__init__()
        check_switch("learn_scale", learn_scale)
        self.bias = None
        self.weight = nn.Parameter(torch.empty(num_classes, in_channels))
        nn.init.normal_(self.weight, std=in_channels**-0.5)
        _register_scale(self, scale, learn_scale)

    def forward(self, features: Tensor) -> Tensor:
        """(V, D) to (V, K) logits; a feature of zeros has cosine 0 with every class."""
        weight = self.log_scale.exp() * F.normalize(self.weight, dim=1)
        # Dividing the product by the lengths instead would make the (V, K) logits twice.
        return F.linear(F.normalize(features, dim=1), weight)

    def extra_repr(self) -> str:
        """Describe the sizes in the printed module."""
        return "num_classes={}, in_channels={}".format(*self.weight.shape)


def _register_scale(head: nn.Module, scale: float, learn: bool) -> None:
    """Keep the logarithm of the scale, so that no step of an optimizer makes it negative."""
    check_number("scale", scale, above=0)
    value = torch.tensor(math.log(scale))
    if learn:
        head.log_scale = nn.Parameter(value)
    else:
        head.register_buffer("log_scale", value)
