"""The last step of a run that asks for it: the classifier fitted again, scored, and saved where it scores better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor

from pointnc.models.heads import LinearHead
from pointnc.runtime import distributed
from pointnc.scenes.taxonomy import SCORES
from pointnc.scoring.tables import Scores
from pointnc.training.checkpoint_io import AtomicCheckpointIO
from pointnc.training.data import RunData
from pointnc.training.module import SegmentationModule
from pointnc.training.refit import ClassifierRefit
from pointnc.training.run_folder import LAST
from pointnc.weights.checkpoint import KEY, Checkpoint


class Outcome(NamedTuple):
    """What became of a refit.

    Attributes:
        checkpoint: that the run's result is read from, as it is now.
        rejected: the scores of the new classifier where it was not kept.
    """

    checkpoint: Checkpoint
    rejected: dict[str, float | None] | None = None


def refit_classifier(
    refit: ClassifierRefit, module: SegmentationModule, data: RunData, best: Checkpoint, workers: int
) -> Outcome:
    """Fit the classifier of a network again that was just validated; validate it, and save it unless it scores worse.

    The checkpoint keeps its place and all else that it holds. A head that is not linear stays, and so does a classifier
    whose mIoU the new one does not reach, as the epoch does whose mIoU a later one does not reach; the run says so.
    Without a best epoch there is nothing to save it to: the last checkpoint is the one that a run goes on from.

    Args:
        refit: how.
        module: with the weights of ``best``.
        data: of the run.
        best: the checkpoint that the run's result is read from.
        workers: loader processes.

    """
    head = module.model.head
    if not isinstance(head, LinearHead) or best.path.name == LAST.name:
        why = "no epoch has a validation score" if isinstance(head, LinearHead) else f"this is a {type(head).__name__}"
        if distributed.rank() == 0:
            print(f"refit: the classifier stays as it was trained, since {why}", flush=True)
        return Outcome(best)
    scores, collapse = module.scores, module.collapse
    assert scores is not None
    before = _numbers(scores)
    trained = {name: value.detach().cpu().clone() for name, value in head.state_dict().items()}
    trainer = module.trainer
    module.eval().to(trainer.strategy.root_device)  # Lightning has moved it off the device
    if distributed.rank() == 0:
        scenes = len(data.store.scenes(data.split))
        print(f"refit: one more pass over {scenes} training scenes, for a classifier of finished features", flush=True)
        refit(head, _features(module, data, workers), module.contract["config"]["seed"])
    distributed.broadcast_parameters(head)
    weights = {name: value.detach().cpu().clone() for name, value in head.state_dict().items()}
    trainer.validate(module, datamodule=data, verbose=False)
    assert module.scores is not None
    if module.scores.miou < scores.miou:
        after = _numbers(module.scores)
        head.load_state_dict(trained)
        module.scores, module.collapse = scores, collapse
        return Outcome(best, after)
    state = {**best.data["state_dict"], **{f"model.head.{name}": value for name, value in weights.items()}}
    content = {**best.data, "state_dict": state, KEY: {**best.data[KEY], "before_refit": before}}
    if distributed.rank() == 0:
        AtomicCheckpointIO().save_checkpoint(content, best.path)
    return Outcome(replace(best, data=content, before_refit=before))


def _features(module: SegmentationModule, data: RunData, workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield features and labels of the voxels of each training scene."""
    trainer: pl.Trainer = module.trainer
    for batch in data.unaugmented(workers):
        moved = batch.to(trainer.strategy.root_device)
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            features = module.model(moved).features
        yield features, moved.segment


def _numbers(scores: Scores) -> dict[str, float | None]:
    """Return the scores of the table in percent, None for NaN."""
    found = scores.to_dict()
    return {name: found[name] for name in SCORES}
