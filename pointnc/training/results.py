"""What a finished run leaves behind: ``metrics.json``, the printed tables, ``report.html``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from pointnc.collapse.measures import center_distance, cosine_matrix
from pointnc.data.batch import collate
from pointnc.files.atomic import write_json
from pointnc.inference.labeler import label_points
from pointnc.reporting.report import Report, SceneView, write_report
from pointnc.scoring.tables import Scores, majority_score
from pointnc.scoring.terminal import score_text, scores_table
from pointnc.training.data import RunData
from pointnc.training.module import SegmentationModule
from pointnc.training.refit_phase import Outcome
from pointnc.training.stopwatch import Stopwatch

PICTURES = 2
"""Validation scenes that the report shows."""


def write(
    folder: Path,
    choice: Mapping[str, str],
    config_yaml: str,
    data: RunData,
    module: SegmentationModule,
    curves: Mapping[str, Sequence[tuple[int, float]]],
    watch: Stopwatch,
    outcome: Outcome,
) -> None:
    """Write metrics and report of a module that was just validated, and print the summary.

    Args:
        folder: of the run.
        choice: names of data set, model and regularizer.
        config_yaml: the whole configuration.
        data: that it was trained and validated on.
        module: as it is now.
        curves: name to (step, value) for the report.
        watch: with the seconds so far.
        outcome: what became of the refit of its classifier.
    """
    scores = module.scores
    assert scores is not None
    histogram = data.store.histogram(data.split, data.taxonomy)
    centers, seen = (tensor.cpu() for tensor in module.regularizer.centers())
    metrics = collect(scores, majority_score(histogram, scores.truth_points, data.taxonomy), watch.seconds)
    # Who reads them while the rest is computed, or after a kill in the midst of that, sees that they are not all.
    metrics |= {"model": choice["model"], "steps": int(module.trainer.global_step), "unfinished": True}
    refit = {"before_refit": outcome.checkpoint.before_refit, "rejected_refit": outcome.rejected}
    metrics |= {name: scores for name, scores in refit.items() if scores is not None}
    # First the numbers of days of training, then what is computed from them, then the pictures.
    write_json(folder / "metrics.json", metrics)
    if seen.sum() > 2:
        distance = center_distance(centers, seen)
        metrics["centers"] = {name: float(value) for name, value in vars(distance).items()}
    if module.collapse is not None:
        metrics["collapse"] = module.collapse
    write_json(folder / "metrics.json", metrics)
    with watch.phase("report"):
        write_report(
            folder / "report.html",
            Report(
                title=" · ".join([choice["dataset"], choice["model"], choice["regularizer"]]),
                summary={**_summary(choice, data, module), **_refit_line(metrics)},
                metrics=metrics,
                taxonomy=data.taxonomy,
                train_histogram=histogram,
                history={name: list(curve) for name, curve in curves.items()},
                centers_cosine=cosine_matrix(centers, seen).numpy() if seen.sum() > 2 else None,
                center_classes=seen.nonzero()[:, 0].numpy(),
                scenes=_views(module, data),
                config_yaml=config_yaml,
            ),
        )
    metrics["seconds"] = _rounded(watch.seconds)
    del metrics["unfinished"]
    write_json(folder / "metrics.json", metrics)
    _print(folder, scores, metrics, histogram)


def collect(scores: Scores, majority: Scores, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return the content of ``metrics.json``: scores in percent, what predicting one class gives, seconds."""
    return {**scores.to_dict(), "majority_miou": majority.to_dict()["miou"], "seconds": _rounded(seconds)}


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in seconds.items()}


def _summary(choice: Mapping[str, str], data: RunData, module: SegmentationModule) -> dict[str, str]:
    trainer = module.trainer
    return {
        "data set": f"{choice['dataset']}: {len(data.train.dataset)} training scenes, "  # type: ignore[arg-type]
        f"{len(data.val_dataset)} validation scenes, {len(data.taxonomy)} classes",
        "model": f"{choice['model']}, {sum(p.numel() for p in module.model.parameters()) / 1e6:.2f} M parameters",
        "regularizer": f"{choice['regularizer']}, weight {module.regularizer.weight:g}",
        "input": f"{', '.join(data.val_dataset.features)}; voxels of {100 * data.val_dataset.voxel_size:g} cm",
        "training": f"{trainer.max_epochs} epochs, {trainer.global_step} steps of {data.sampler.batch_size} scenes, "
        f"seed {data.sampler.seed}",
        "machine": f"{trainer.strategy.root_device.type}, precision {trainer.precision}, "
        f"processes: {trainer.world_size}",
    }


def _refit_line(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Return the row of the report that says what the other classifier scores, where it was fitted again."""
    for key, words in (
        ("before_refit", "fitted again when training was done; before:"),
        ("rejected_refit", "as it was trained; fitted again it is worse:"),
    ):
        if key in metrics:
            scores = ", ".join(f"{name} {score_text(value, 2)}" for name, value in metrics[key].items())
            return {"classifier": f"{words} {scores}"}
    return {}


def _views(module: SegmentationModule, data: RunData) -> list[SceneView]:
    """Predict the first validation scenes once more, for their pictures, as validation did."""
    # Lightning has moved the module off the device when validation ended.
    device = module.trainer.strategy.root_device
    module.eval().to(device)
    views = []
    for number in range(min(PICTURES, len(data.val_dataset))):
        batch = collate([data.val_dataset[(0, number)]]).to(device)
        with torch.no_grad(), module.trainer.precision_plugin.forward_context():
            labels = label_points(module.model(batch).logits, batch)[0]
        views.append(SceneView(scene=data.val_dataset.scene(number), prediction=labels.cpu().numpy()))
    return views


def _print(folder: Path, scores: Scores, metrics: dict[str, Any], histogram: Any) -> None:
    from rich.console import Console

    console = Console()
    console.print(scores_table(scores, histogram))
    seconds = ", ".join(f"{name} {value:.0f} s" for name, value in metrics["seconds"].items())
    console.print(
        f"mIoU {score_text(scores.miou, 2)} ({scores.convention} convention, every point of every scene); "
        f"predicting the most frequent class everywhere gives {score_text(metrics['majority_miou'], 2)}\n{seconds}"
    )
    for line in _refit_line(metrics).values():
        console.print(f"classifier {line}", soft_wrap=True)
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True)
