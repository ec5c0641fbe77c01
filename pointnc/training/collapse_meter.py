"""Neural collapse measured during a pass over scenes: by point, though features belong to voxels."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pointnc.collapse.nearest import NearestCenter
from pointnc.collapse.scatter import ClassScatter
from pointnc.collapse.summary import ALL, collapse_measures
from pointnc.data.batch import VoxelBatch
from pointnc.models.heads import CosineHead
from pointnc.models.segmentor import SegmentorOutput
from pointnc.scenes.taxonomy import GROUPS, Taxonomy


class CollapseMeter:
    """Gathers what the measures need while a split passes by; every rank has its own until :meth:`all_reduce`.

    Args:
        taxonomy: the K classes; head, common and tail are measured by themselves too.
        nearest: centers to compare the classifier with; None leaves NC4 out.

    Attributes:
        scatter: counts, means and scatter of the points; None before the first batch.
        nearest: agreement of classifier and nearest center.
    """

    def __init__(self, taxonomy: Taxonomy, nearest: NearestCenter | None = None) -> None:
        self.taxonomy = taxonomy
        self.nearest = nearest
        self.scatter: ClassScatter | None = None
        self.groups = {name: number for number, name in enumerate(GROUPS) if name in taxonomy.groups}

    def update(self, output: SegmentorOutput, batch: VoxelBatch) -> None:
        """Take in the network's output for a batch collated for inference, with the labels of its points."""
        features = output.features
        if self.scatter is None:
            bucket = [self.groups.get(name, len(GROUPS)) for name in self.taxonomy.groups]
            buckets = torch.tensor(bucket if self.groups else [0] * len(bucket))
            self.scatter = ClassScatter(len(self.taxonomy), features.shape[1], buckets, features.device)
        voxel, label, points = voxel_labels(batch, len(self.taxonomy))
        rows = features.index_select(0, voxel)
        self.scatter.update(rows, label, points)
        if self.nearest is not None:
            self.nearest.update(rows, output.logits.argmax(dim=1)[voxel], label, points)

    def all_reduce(self) -> None:
        """Join what all ranks have seen."""
        if self.scatter is not None:
            self.scatter.all_reduce()
        if self.nearest is not None:
            self.nearest.all_reduce()

    def compute(self, model: nn.Module) -> dict[str, dict[str, float]]:
        """Return group to measure to value; see :func:`pointnc.collapse.summary.collapse_measures`.

        Computed on the CPU, where small singular value problems in float64 are quicker than on a GPU, and where it does
        not matter which device the model is on by now.
        """
        if self.scatter is None:
            return {}
        vectors = classifier_vectors(model)
        return collapse_measures(
            self.scatter.cpu(),
            None if vectors is None else vectors.cpu(),
            None if self.nearest is None else self.nearest.cpu(),
            self.groups,
        )

    def left_out(self) -> dict[str, Any]:
        """Return the names of the classes that could not take part, and points without finite features if any."""
        missing = [] if self.scatter is None else (~self.scatter.seen).nonzero()[:, 0].tolist()
        nonfinite = {"nonfinite_points": self.scatter.nonfinite} if self.scatter and self.scatter.nonfinite else {}
        return {"classes_without_points": [self.taxonomy.names[index] for index in missing], **nonfinite}


def voxel_labels(batch: VoxelBatch, num_classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return each pair of a voxel and a class of points in it, once: voxel (M,), class (M,), number of points (M,).

    A voxel's points share its features but not their label; counted pairs say all of them without an (N, D) copy.
    Points without a label are left out.
    """
    assert batch.inverse is not None and batch.point_segment is not None and batch.segment is not None
    truth, voxel_truth = batch.point_segment, batch.segment
    # Nearly all points share the label of their voxel: those are counted, only the others need sorting.
    alike = truth == voxel_truth[batch.inverse]
    points = torch.bincount(batch.inverse[alike], minlength=len(voxel_truth))
    common = ((points > 0) & (voxel_truth >= 0)).nonzero()[:, 0]
    other = (~alike & (truth >= 0)).nonzero()[:, 0]
    pairs, numbers = torch.unique(batch.inverse[other] * num_classes + truth[other], return_counts=True)
    return (
        torch.cat([common, pairs // num_classes]),
        torch.cat([voxel_truth[common], pairs % num_classes]),
        torch.cat([points[common], numbers]),
    )


def classifier_vectors(model: nn.Module) -> Tensor | None:
    """Return the (K, D) classifier vectors of a segmentor, None where its head is no linear map with a ``weight``."""
    head = getattr(model, "head", None)
    weight = getattr(head, "weight", None)
    if isinstance(head, CosineHead):  # whose lengths are in no logit
        weight = F.normalize(head.weight, dim=1)
    return weight.detach() if isinstance(weight, Tensor) and weight.ndim == 2 else None


def scalars(measures: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the measures under one name each: ``nc1`` over all classes, ``nc1_tail`` in a group."""
    return {
        name if group == ALL else f"{name}_{group}": value
        for group, values in measures.items()
        for name, value in values.items()
    }
