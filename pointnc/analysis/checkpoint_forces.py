"""Forces of loss and regularizer on the centers at a checkpoint, over a split.

Shapes: V voxels, K classes, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointnc.analysis.objective import Objective
from pointnc.collapse.conflict import ForceTally
from pointnc.collapse.forces import forces_of
from pointnc.data.batch import VoxelBatch
from pointnc.models.segmentor import SegmentorOutput

LARGEST = 1_000_000
"""Voxels of a batch: where as many scenes as in a step of the training have more, fewer are joined."""


class ForceMeasurement:
    """Joins scenes to batches like those of the training and compares the forces on each class's center.

    Loss and regularizer are functions of the features here: the gradient goes through the classifier and no further.

    Args:
        objective: of the run.
        head: the classifier.
        num_classes: K.
        device: that computes.

    Attributes:
        tally: of the batches so far; None before the first.
    """

    def __init__(self, objective: Objective, head: nn.Module, num_classes: int, device: torch.device) -> None:
        self.loss, self.regularizer = objective.loss.to(device), objective.regularizer.to(device)
        self.weight = self.regularizer.present_weight()
        self.batch_size = objective.batch_size
        self.head, self.num_classes = head, num_classes
        self.tally: ForceTally | None = None
        self._scenes: list[tuple[Tensor, Tensor]] = []

    def update(self, output: SegmentorOutput, batch: VoxelBatch) -> None:
        """Take in the network's output for a scene; voxels whose features are not finite are left out."""
        assert batch.segment is not None
        finite = torch.isfinite(output.features).all(dim=1)
        features = torch.where(finite[:, None], output.features, 0.0)
        scene = features, torch.where(finite, batch.segment.long(), -1)
        if self._scenes and sum(len(labels) for _, labels in self._scenes) + len(features) > LARGEST:
            self.finish()
        self._scenes.append(scene)
        if len(self._scenes) == self.batch_size:
            self.finish()

    def finish(self) -> None:
        """Measure the scenes that wait for more."""
        if not self._scenes:
            return
        sizes = torch.tensor([0, *(len(labels) for _, labels in self._scenes)])
        features, labels = (torch.cat(parts) for parts in zip(*self._scenes))
        self._scenes = []
        with torch.enable_grad():
            features = features.detach().requires_grad_()
            loss = self.loss(self.head(features), labels)
            penalty = self.weight * self.regularizer(features, labels, offsets=sizes.cumsum(0))
            forces = [forces_of(value, features, labels, self.num_classes) for value in (loss, penalty)]
        tally = ForceTally.of(*(force.cpu().double() for force in forces))
        self.tally = tally if self.tally is None else self.tally + tally
