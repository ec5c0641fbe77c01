"""What happens in a step: forward, loss, centre regulariser; validation at full resolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.profiler import record_function

from pointnc.collapse.nearest import NearestCenter
from pointnc.collapse.observer import CenterObserver
from pointnc.data.batch import VoxelBatch
from pointnc.data.device import RawBatch
from pointnc.errors import UserError
from pointnc.inference.labeler import label_points
from pointnc.scenes.taxonomy import GROUPS, Taxonomy
from pointnc.scoring.confusion import ConfusionMatrix
from pointnc.scoring.tables import Scores, score
from pointnc.training import checkpoint, distributed
from pointnc.training.collapse_meter import CollapseMeter, scalars


class SegmentationModule(pl.LightningModule):
    """A Segmentor in training.

    Args:
        model: the network; its output has ``features`` (V, D) and ``logits`` (V, K).
        loss: per-voxel loss of (logits, labels).
        regularizer: centre regulariser of (features, labels) with a ``weight``.
        taxonomy: the K classes.
        optimizer: makes an optimizer of parameters.
        schedule: makes a schedule of (optimizer, total_steps).
        config: the resolved configuration, kept in every checkpoint.
        prepare: transforms and voxelises a batch of points on the device, where that is not the loader's work.
        measure_collapse: whether each validation measures neural collapse too.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module,
        regularizer: CenterObserver,
        taxonomy: Taxonomy,
        optimizer: Callable[..., torch.optim.Optimizer],
        schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler],
        config: Mapping[str, Any],
        prepare: Callable[[RawBatch], VoxelBatch] | None = None,
        measure_collapse: bool = True,
    ) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.regularizer = regularizer
        self.taxonomy = taxonomy
        self.make_optimizer = optimizer
        self.make_schedule = schedule
        self.prepare = prepare
        self.contract = checkpoint.contract(config, taxonomy)
        self.confusion = ConfusionMatrix(len(taxonomy))
        self.scores: Scores | None = None
        self.measure_collapse = measure_collapse
        self.meter: CollapseMeter | None = None

    def training_step(self, batch: VoxelBatch, batch_index: int) -> Tensor:
        """Return the loss of a batch."""
        with record_function("forward"):
            output = self.model(batch)
        with record_function("loss"):
            loss = self.loss(output.logits, batch.segment)
        terms = {"loss/segmentation": loss.detach()}
        with record_function("regularizer"):
            penalty = self.regularizer(output.features, batch.segment, offsets=batch.offsets)
        if self.regularizer.weight:
            terms["loss/centers"] = penalty.detach()
            loss = loss + self.regularizer.weight * penalty
        terms["loss/total"] = loss.detach()
        if not torch.isfinite(loss):
            self._refuse_non_finite(batch)
        self.log_dict(terms, batch_size=batch.batch_size, on_step=True, on_epoch=True)
        return loss

    def _refuse_non_finite(self, batch: VoxelBatch) -> None:
        """Run the batch once more and name the first module that gave NaN or infinity."""
        culprit: list[str] = []

        def look(name: str) -> Callable[..., None]:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                tensor = output if isinstance(output, Tensor) else getattr(output, "features", None)
                if not culprit and isinstance(tensor, Tensor) and not torch.isfinite(tensor).all():
                    culprit.append(name)

            return hook

        hooks = [module.register_forward_hook(look(name)) for name, module in self.named_modules() if name]
        with torch.no_grad():
            self.model(batch)
        for hook in hooks:
            hook.remove()
        where = f"first in {culprit[0]}" if culprit else "in the loss"
        raise UserError(
            f"the loss is not finite at step {self.global_step} ({where}; scenes {', '.join(batch.names)}): lower "
            "optimizer.lr, set trainer.gradient_clip_val, or use trainer.precision=32-true"
        )

    def on_validation_epoch_start(self) -> None:
        """Start counting; every rank looks through the same batch-norm statistics."""
        self.confusion.reset()
        distributed.broadcast_buffers(self.model)
        if self.measure_collapse:
            centers, seen = self.regularizer.centers()
            self.meter = CollapseMeter(self.taxonomy, NearestCenter(centers, seen) if seen.any() else None)

    def validation_step(self, batch: VoxelBatch, batch_index: int) -> None:
        """Count the labels of every point of the original scenes."""
        if batch.point_segment is None:
            raise UserError(f"scene {batch.names[0]} has no labels to score; prepare the split with labels")
        output = self.model(batch)
        labels = label_points(output.logits, batch)
        self.confusion.update(torch.cat(labels), batch.point_segment)
        if self.meter is not None:
            with record_function("collapse measures"):
                self.meter.update(output, batch)

    def on_validation_epoch_end(self) -> None:
        """Score the split under the official convention; counts are summed over ranks."""
        self.scores = score(self.confusion.compute().cpu().numpy(), self.taxonomy)
        names = ("miou", *GROUPS, "overall_accuracy", "mean_accuracy")
        values = {f"val/{name}": torch.tensor(getattr(self.scores, name)) for name in names}
        # Equal on all ranks already: the confusion is synchronised.
        if self.meter is not None:
            self.meter.all_reduce()
            measures = scalars(self.meter.compute(self.model))
            values.update({f"val/{name}": torch.tensor(value) for name, value in measures.items()})
        self.log_dict({name: value.float() for name, value in values.items() if not value.isnan()})

    def configure_optimizers(self) -> Any:
        """Build optimizer and schedule; the schedule advances once an optimizer step."""
        optimizer = self.make_optimizer([p for p in self.parameters() if p.requires_grad])
        schedule = self.make_schedule(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move a batch; raw points are moved without waiting, since what follows is the device's work too."""
        return batch.to(device, non_blocking=isinstance(batch, RawBatch))

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Transform and voxelise raw points, on the device."""
        if not isinstance(batch, RawBatch):
            return batch
        assert self.prepare is not None
        with record_function("device transforms"):
            return self.prepare(batch)

    def on_save_checkpoint(self, data: dict[str, Any]) -> None:
        """Write the contract into the checkpoint."""
        data[checkpoint.KEY] = self.contract
