"""Distillation: a second head learns what a frozen teacher sees in the very voxels that the network trains on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pointnc.checks import check_number, of_node
from pointnc.data.batch import VoxelBatch
from pointnc.data.features import CHANNELS, COLOR_RANGES, scene_array
from pointnc.errors import UserError
from pointnc.models.heads import LinearHead
from pointnc.models.segmentor import Segmentor
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.weights.source import Source, open_source


class Distillation(nn.Module):
    """The teacher, and a linear head beside the network's own.

    The teacher labels the augmented voxels; the second head is trained on the classes that it gives most, by the losses
    of the run. It stands in checkpoints but not in the network: nothing of it is exported.

    Args:
        teacher: in evaluation mode; it gets no gradient and stands in no checkpoint.
        view: what the teacher takes of the run's input channels.
        channels: D of the network that learns.
        num_classes: K.
        weight: share of the teacher in the loss.
    """

    def __init__(
        self, teacher: Segmentor, view: ChannelView, channels: int, num_classes: int, weight: float = 0.5
    ) -> None:
        super().__init__()
        check_number("weight", weight, least=0, below=1)
        self.weight = weight
        self.head = LinearHead(channels, num_classes)
        self.view = view
        self._teacher = [teacher.eval().requires_grad_(False)]  # in a list: no part of the state

    def labels(self, batch: VoxelBatch) -> Tensor:
        """Return (V,) int64 the classes that the teacher gives most."""
        teacher = self._teacher[0]
        if next(teacher.parameters()).device != batch.features.device:
            teacher.to(batch.features.device)
        with torch.no_grad():
            seen = _Voxels(batch.coord, self.view(batch.features), batch.batch_size)
            return teacher(seen).logits.argmax(dim=1)

    def forward(self, features: Tensor, batch: VoxelBatch, loss: nn.Module) -> Tensor:
        """Return the loss of the second head.

        Args:
            features: (V, D) of the network.
            batch: its voxels.
            loss: of (logits, labels).
        """
        labels = self.labels(batch)
        with torch.autocast(features.device.type, enabled=False):
            logits = self.head(features)
        return loss(logits, labels)


class _Voxels:
    def __init__(self, coord: Tensor, features: Tensor, batch_size: int) -> None:
        self.coord, self.features, self.batch_size = coord, features, batch_size


class ChannelView(nn.Module):
    """The channels that one network wants, out of those that another one gets; colors are moved to the wanted range.

    Args:
        given: names of the features that there are, see :data:`pointnc.data.features.CHANNELS`.
        wanted: of those that are asked for.

    Raises:
        UserError: one is missing; the message names it.
    """

    columns: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(self, given: Sequence[str], wanted: Sequence[str]) -> None:
        super().__init__()
        starts, start = {}, 0
        for name in given:
            starts[scene_array(name)] = (start, name)
            start += CHANNELS[name]
        columns: list[int] = []
        scale: list[float] = []
        shift: list[float] = []
        for name in wanted:
            if scene_array(name) not in starts:
                raise UserError(
                    f"the teacher wants {name}, which dataset.features=[{','.join(given)}] lacks: add it, or take "
                    "another teacher",
                    code="channels",
                )
            start, own = starts[scene_array(name)]
            columns += range(start, start + CHANNELS[name])
            (low, high), (to_low, to_high) = (COLOR_RANGES.get(each, (0.0, 1.0)) for each in (own, name))
            factor = (to_high - to_low) / (high - low)
            scale += [factor] * CHANNELS[name]
            shift += [to_low - factor * low] * CHANNELS[name]
        # Buffers go to the device once; the settings say them again, so that no checkpoint holds them.
        for name, values in {"columns": columns, "scale": scale, "shift": shift}.items():
            self.register_buffer(name, torch.tensor(values), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """(V, F) as they are to (V, F') as they are wanted."""
        return features.index_select(1, self.columns) * self.scale.to(features.dtype) + self.shift.to(features.dtype)


def build_distillation(
    node: Mapping[str, Any],
    taxonomy: Taxonomy,
    features: Sequence[str],
    voxel_size: float,
    channels: int,
    trust: Collection[str] = (),
) -> Distillation:
    """Return what ``distillation=teacher`` asks for.

    Args:
        node: its settings: ``checkpoint``, ``weight``.
        taxonomy: the run's classes.
        features: its input channels.
        voxel_size: edge of its voxels in meters.
        channels: D of its network.
        trust: networks of other makers that may be imported and built.

    Raises:
        UserError: there is no such teacher, or it knows other classes, other voxels or other channels.
    """
    if not isinstance(node.get("checkpoint"), str):
        raise UserError(
            "distillation=teacher needs distillation.checkpoint=PATH: a run, a checkpoint or weights",
            code="missing-setting",
        )
    teacher = open_source(node["checkpoint"], trust)
    _check_teacher(teacher, taxonomy, voxel_size)
    view = ChannelView(features, teacher.features)
    with of_node("distillation"):
        return Distillation(teacher.build(), view, channels, len(taxonomy), node.get("weight", 0.5))


def _check_teacher(teacher: Source, taxonomy: Taxonomy, voxel_size: float) -> None:
    if teacher.taxonomy is None:
        raise UserError(f"the teacher {teacher.path} has no classifier: it labels nothing", code="no-classifier")
    difference = teacher.taxonomy.difference(taxonomy)
    if difference:
        raise UserError(
            f"the teacher {teacher.path} knows other classes than this run: {difference}", code="other-taxonomy"
        )
    if teacher.voxel_size != voxel_size:
        raise UserError(
            f"the teacher {teacher.path} knows voxels of {100 * teacher.voxel_size:g} cm, this run has "
            f"{100 * voxel_size:g} cm: set dataset.voxel_size={teacher.voxel_size:g}, or take another teacher",
            code="other-settings",
        )
