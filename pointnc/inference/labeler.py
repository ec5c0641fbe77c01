"""The one place where scores of voxels become labels of points.

Validation, evaluation, submission and prediction all call it, so they cannot disagree.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pointnc.data.batch import VoxelBatch
from pointnc.errors import UserError


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
        raise UserError("the batch lacks its point-to-voxel index; load the split with full_resolution=true")
    labels = logits_VK.argmax(dim=1)[batch.inverse]
    sizes = torch.diff(batch.point_offsets).tolist()
    return list(labels.split(sizes))
