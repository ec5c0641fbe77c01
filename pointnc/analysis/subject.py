"""One trained network, measured over a split: scores, class statistics, agreement of centers and classifier.

Shapes: K classes, D channels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.analysis.checkpoint_forces import ForceMeasurement
from pointnc.analysis.objective import Objective, read_objective
from pointnc.collapse.conflict import ForceTally
from pointnc.collapse.nearest import NearestCenter
from pointnc.data.batch import VoxelBatch
from pointnc.data.dataset import SceneDataset
from pointnc.data.loaders import make_loader
from pointnc.data.sampler import ResumableBatchSampler
from pointnc.errors import UserError
from pointnc.inference.labeler import label_points
from pointnc.inference.predictor import autocast
from pointnc.models.segmentor import SegmentorOutput
from pointnc.scenes.store import SceneStore
from pointnc.scoring.metric import ConfusionMatrix
from pointnc.training.collapse_meter import CollapseMeter, classifier_vectors, voxel_labels
from pointnc.weights.checkpoint import read_checkpoint
from pointnc.weights.trained import Trained, load_trained

NEAREST = ("split", "bank", "none")


@dataclass(frozen=True)
class TrainedRun:
    """A trained network and what its run has left beside it.

    Attributes:
        label: what to call it.
        trained: the network.
        history: curves of its training, name to (step, value); empty for published weights.
        bank: class centers (K, D) of the training and which of them were seen (K,), where the file has them.
        objective: what its run minimized, where the file has it.
        without_objective: why it has not.
    """

    label: str
    trained: Trained
    history: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    bank: tuple[Tensor, Tensor] | None = None
    objective: Objective | None = None
    without_objective: str = ""


@dataclass(frozen=True)
class Subject:
    """A network after its passes over a split.

    Attributes:
        source: the network.
        meter: class statistics of the split's points.
        classifier: (K, D) classifier vectors, None where the head is no linear map.
        confusion: (K, K+1) int64 counts; row: truth, column: prediction.
        least: the smallest value of a feature in the split; infinite where none is a number.
        forces: of loss and regularizer on the class centers; None without a regularizer that pulls.
    """

    source: TrainedRun
    meter: CollapseMeter
    classifier: Tensor | None
    confusion: NDArray[np.int64]
    least: float
    forces: ForceTally | None = None


def open_run(
    path: str,
    label: str | None,
    accelerator: str,
    half: bool | str = "auto",
    engine: str = "auto",
    trust: Collection[str] = (),
) -> TrainedRun:
    """Load what ``path`` means; see :func:`pointnc.weights.trained.load_trained`.

    Raises:
        UserError: there is nothing of pointnc's, or it is damaged.
    """
    trained = load_trained(path, accelerator, half, engine, trust)
    checkpoint = trained.source.checkpoint
    if checkpoint is None:
        missing = "published weights hold neither the loss nor the regularizer of the training"
        return TrainedRun(label or trained.path.parent.name, trained, without_objective=missing)
    choice = (checkpoint.config.get("choice") or {}).get("regularizer")
    state = checkpoint.data["state_dict"]
    objective, reason = None, ""
    try:
        objective = read_objective(checkpoint, trained.model.backbone.out_channels, trust)
    except UserError as error:  # all the rest can be measured without
        reason = str(error)
    centers, updates = (state.get(f"regularizer.bank.{name}") for name in ("centers", "updates"))
    return TrainedRun(
        label=label or str(choice or trained.path.parent.parent.name),
        trained=trained,
        history=_history(trained.path),
        bank=None if centers is None or updates is None else (centers, updates > 0),
        objective=objective,
        without_objective=reason,
    )


def _history(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the curves of a run; those in the last checkpoint go on after the best epoch."""
    last = path.with_name("last.ckpt")
    checkpoint = read_checkpoint(last if last.is_file() else path)
    curves = ((checkpoint.data.get("callbacks") or {}).get("History") or {}).get("curves") or {}
    try:
        return {str(name): [(int(step), float(value)) for step, value in curve] for name, curve in curves.items()}
    except (AttributeError, OverflowError, RuntimeError, TypeError, ValueError):
        raise UserError(
            f"{checkpoint.path} is damaged: the curves of its training are no numbers", code="damaged-file"
        ) from None


@torch.no_grad()
def measure(source: TrainedRun, store: SceneStore, split: str, nearest: str = "split", workers: int = 0) -> Subject:
    """Run the network over every scene of a split, once or, for ``nearest="split"``, twice.

    Args:
        source: the network.
        store: the scenes.
        split: its name.
        nearest: the centers of NC4: those of the "split" itself, of the training's "bank", or "none".
        workers: loader processes.

    Raises:
        UserError: ``nearest`` is unknown, there is no bank, or a scene lacks labels or a feature.
    """
    if nearest not in NEAREST:
        raise UserError(f"unknown nearest={nearest}; choose one of {', '.join(NEAREST)}", code="option")
    if nearest == "bank" and (source.bank is None or not source.bank[1].any()):
        raise UserError(
            f"{source.trained.path} holds no class centers of its training; use nearest=split", code="malformed"
        )
    trained, taxonomy = source.trained, source.trained.taxonomy
    near = None
    if nearest == "bank" and source.bank is not None:
        near = NearestCenter(*(tensor.to(trained.device) for tensor in source.bank))
    meter, confusion = CollapseMeter(taxonomy, near), ConfusionMatrix(len(taxonomy))
    least, objective, pulls = float("inf"), source.objective, None
    if objective is not None and objective.regularizer.weight:
        pulls = ForceMeasurement(objective, trained.model.head, len(taxonomy), trained.device)
    for batch, output in _outputs(trained, store, split, workers, f"{source.label}: points"):
        assert batch.point_segment is not None
        confusion.update(torch.cat(label_points(output.logits, batch)), batch.point_segment)
        meter.update(output, batch)
        if len(output.features):
            least = min(least, float(output.features.nan_to_num(float("inf")).amin()))
        if pulls is not None:
            pulls.update(output, batch)
    if pulls is not None:
        pulls.finish()
    if nearest == "split" and meter.scatter is not None and meter.scatter.seen.any():
        meter.nearest = NearestCenter(meter.scatter.means, meter.scatter.seen)
        for batch, output in _outputs(trained, store, split, workers, f"{source.label}: nearest centers"):
            voxel, label, points = voxel_labels(batch, len(taxonomy))
            rows = output.features.index_select(0, voxel)
            meter.nearest.update(rows, output.logits.argmax(dim=1)[voxel], label, points)
    return Subject(
        source=source,
        meter=meter,
        classifier=classifier_vectors(trained.model),
        confusion=confusion.compute().cpu().numpy(),
        least=least,
        forces=None if pulls is None else pulls.tally,
    )


def _outputs(
    trained: Trained, store: SceneStore, split: str, workers: int, title: str
) -> Iterator[tuple[VoxelBatch, SegmentorOutput]]:
    """Yield every scene of a split as validation sees it, with what the network gives for it."""
    from rich.progress import track

    dataset = SceneDataset(store, split, trained.taxonomy, trained.features, trained.voxel_size, full_resolution=True)
    sampler = ResumableBatchSampler(len(dataset), batch_size=1, shuffle=False, evaluation=True)
    device = trained.device
    trained.model.eval()
    loader = make_loader(dataset, sampler, workers, pin=device.type == "cuda")
    for batch in track(loader, description=title, total=len(dataset)):
        if batch.point_segment is None:
            raise UserError(
                f"scene {batch.names[0]} has no labels to measure by; choose a split with labels", code="no-labels"
            )
        batch = batch.to(device, non_blocking=device.type == "cuda")
        with autocast(device, trained.half):
            output = trained.model(batch)
        yield batch, output
