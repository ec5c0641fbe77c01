"""The whole network: a backbone that gives every voxel a feature vector, and a head that classifies it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from pointnc.models.heads import LinearHead


class VoxelInput(Protocol):
    """What a segmentor reads of a batch of voxels."""

    @property
    def coord(self) -> Tensor:
        """(V, 4) int32: sample, x, y, z in voxels."""

    @property
    def features(self) -> Tensor:
        """(V, F) float32."""

    @property
    def batch_size(self) -> int:
        """Number of samples."""


class Backbone(Protocol):
    """What a segmentor asks of its backbone, a module such as :class:`pointnc.models.minkunet.MinkUNet`."""

    @property
    def out_channels(self) -> int:
        """D, the channels of the output."""

    def __call__(self, coord: Tensor, features: Tensor, batch_size: int) -> Tensor:
        """Compute a feature vector for every voxel.

        Args:
            coord: (V, 4) int32: sample, x, y, z in voxels; not negative, distinct rows, any order.
            features: (V, F) float.
            batch_size: number of samples; some may have no voxels.

        Returns:
            (V, D) float32, in the order of the input.
        """


class SegmentorOutput(NamedTuple):
    """Result of a forward pass, row by row the voxels of the batch.

    Attributes:
        features: (V, D) float32, what the head has seen.
        logits: (V, K) float32.
    """

    features: Tensor
    logits: Tensor


class Segmentor(nn.Module):
    """A backbone and a head.

    Args:
        backbone: from voxels to D features each.
        num_classes: K.
        head: from (V, D) features to (V, K) logits; by default linear.

    Attributes:
        card: the :class:`~pointnc.weights.card.ModelCard` of published weights that were loaded: what they are and
            which input they expect.
    """

    card: Any = None

    def __init__(self, backbone: Backbone, num_classes: int, head: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head if head is not None else LinearHead(backbone.out_channels, num_classes)

    def forward(self, batch: VoxelInput) -> SegmentorOutput:
        """Features and logits of every voxel, in float32 under autocast too."""
        features = self.backbone(batch.coord, batch.features, batch.batch_size).float()
        with torch.autocast(features.device.type, enabled=False):
            return SegmentorOutput(features, self.head(features))
