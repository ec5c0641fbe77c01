"""The one place where scores of voxels become labels of points.

Validation, evaluation, submission and prediction all come here, so they cannot disagree.
"""

from __future__ import annotations

from types import ModuleType

import torch
from torch import Tensor

from pointnc.data.batch import VoxelBatch
from pointnc.errors import UserError
from pointnc.runtime.compiled import loops
from pointnc.runtime.threads import pieces, run_all

CHUNK = 2048
"""Points whose K probabilities torch looks up at a time on a CPU: few enough to stay in its cache."""

MOST_ROWS = 1 << 18
"""The same on a GPU, where every piece costs a launch: few enough not to matter beside the network's memory."""


class PointVotes:
    """What the passes over N points say of their classes, without gradients; every pass has the same weight.

    A single pass is kept as it came, voxel by voxel: its labels need no (N, K) array, and are those of the highest
    logit, not of a probability in which two logits may have become equal.
    """

    def __init__(self) -> None:
        self._single: tuple[Tensor, Tensor] | None = None
        self._total: Tensor | None = None
        self._highest: Tensor | None = None

    def add(self, logits_VK: Tensor, voxel_N: Tensor) -> None:
        """Count a pass: every point takes the probabilities of its voxel.

        Args:
            logits_VK: (V, K) float32 scores of the voxels.
            voxel_N: (N,) int64 the voxel of each point.
        """
        logits_VK = logits_VK.detach()
        if self._single is None and self._total is None:
            self._single = logits_VK, voxel_N
            return
        total = self._open(len(voxel_N), logits_VK)
        _look_up(logits_VK, voxel_N, total)

    def add_some(self, logits_MK: Tensor, point_M: Tensor, num_points: int) -> None:
        """Count a part of a pass: the scores of M of the points, each named once.

        Args:
            logits_MK: (M, K) float32 scores of the points.
            point_M: (M,) int64 which points they are.
            num_points: N, of all points.
        """
        self._open(num_points, logits_MK)[point_M] += logits_MK.detach().softmax(dim=1)

    def labels(self) -> Tensor:
        """Return the (N,) int64 class of each point."""
        if self._single is not None:
            logits, voxel = self._single
            return best_class(logits, logits.amax(dim=1))[voxel]
        return best_class(self._sums(), self._highest_sums())

    def confidence(self) -> Tensor:
        """Return the (N,) float32 mean probability of each point's class."""
        if self._single is not None:
            logits, voxel = self._single
            return logits.softmax(dim=1).amax(dim=1)[voxel]
        return self._highest_sums() / self._sums().sum(dim=1)

    def probabilities(self) -> Tensor:
        """Return the (N, K) float32 mean probabilities of all classes."""
        if self._single is not None:
            logits, voxel = self._single
            return logits.softmax(dim=1)[voxel]
        total = self._sums()
        return total / total.sum(dim=1, keepdim=True)

    def _sums(self) -> Tensor:
        if self._total is None:
            raise ValueError("no pass was counted")
        return self._total

    def _highest_sums(self) -> Tensor:
        """Return the (N,) highest sum of each point; labels and confidence both need it."""
        if self._highest is None:
            self._highest = self._sums().amax(dim=1)
        return self._highest

    def _open(self, num_points: int, logits: Tensor) -> Tensor:
        """Return the (N, K) sums to add to, which hold the pass that was kept by itself until now."""
        self._highest = None
        if self._single is not None:
            first, voxel = self._single
            self._total, self._single = first.softmax(dim=1).index_select(0, voxel), None
        if self._total is None:
            self._total = logits.new_zeros(num_points, logits.shape[1])
        return self._total


def _loops_for(scores: Tensor) -> ModuleType | None:
    """Return the compiled loops where they can read the scores: not on a GPU, and in no type that numpy lacks."""
    if scores.device.type != "cpu" or scores.dtype not in (torch.float32, torch.float64):
        return None
    return loops("pointnc.inference.vote_loops")


def _look_up(logits_VK: Tensor, voxel_N: Tensor, total_NK: Tensor) -> None:
    """Add the probabilities of each point's voxel."""
    probability_VK = logits_VK.softmax(dim=1)
    compiled = _loops_for(total_NK)
    if compiled is None:
        size = CHUNK if total_NK.device.type == "cpu" else MOST_ROWS
        for rows, voxel in zip(total_NK.split(size), voxel_N.split(size)):
            rows += probability_VK.index_select(0, voxel)  # twice as fast as indexing
        return
    arrays = total_NK.numpy(), probability_VK.numpy(), voxel_N.numpy()
    run_all(compiled.add_rows, [(*arrays, first, last) for first, last in pieces(len(total_NK))])


def best_class(scores_NK: Tensor, highest_N: Tensor) -> Tensor:
    """Return the (N,) int64 class whose score is the highest, the first where several are.

    Args:
        scores_NK: (N, K) scores.
        highest_N: (N,) the highest of each row.
    """
    compiled = _loops_for(scores_NK)
    if compiled is None:
        return scores_NK.argmax(dim=1)
    label = torch.empty(len(scores_NK), dtype=torch.int64)
    arrays = scores_NK.detach().numpy(), highest_N.detach().numpy(), label.numpy()
    run_all(compiled.find_highest, [(*arrays, first, last) for first, last in pieces(len(label))])
    return label


def label_points(logits_VK: Tensor, batch: VoxelBatch) -> list[Tensor]:
    """Return the class of every point of the original scenes: that of the voxel it lies in.

    The argmax is taken before points are looked up, so no (N, K) array is made.

    Args:
        logits_VK: (V, K) scores of the batch's voxels.
        batch: a batch collated for inference: with its point-to-voxel index.

    Returns:
        One (N,) int64 tensor of train indices for each scene.

    Raises:
        UserError: the batch has no point-to-voxel index.
    """
    if batch.inverse is None or batch.point_offsets is None:
        raise UserError(
            "the batch lacks its point-to-voxel index; load the split with full_resolution=true", code="missing-array"
        )
    votes = PointVotes()
    votes.add(logits_VK, batch.inverse)
    sizes = torch.diff(batch.point_offsets).tolist()
    return list(votes.labels().split(sizes))
