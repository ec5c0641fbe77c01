"""What happens in a step: forward, loss, center regularizer; validation at full resolution."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.profiler import record_function

from pointnc.collapse.nearest import NearestCenter
from pointnc.collapse.observer import CenterObserver
from pointnc.data.batch import VoxelBatch
from pointnc.errors import UserError
from pointnc.inference.labeler import label_points
from pointnc.runtime import distributed
from pointnc.scenes.taxonomy import SCORES, Taxonomy
from pointnc.scoring.metric import ConfusionMatrix
from pointnc.scoring.tables import Scores, score
from pointnc.training.changed_settings import renew_optimizer
from pointnc.training.collapse_meter import CollapseMeter, scalars
from pointnc.training.distillation import Distillation
from pointnc.training.force_meter import ForceMeter
from pointnc.training.later import Later
from pointnc.training.parameter_groups import parameter_groups
from pointnc.weights import checkpoint


class SegmentationModule(pl.LightningModule):
    """A Segmentor in training.

    Args:
        model: the network; its output has ``features`` (V, D) and ``logits`` (V, K).
        loss: per-voxel loss of (logits, labels).
        regularizer: center regularizer of (features, labels) with a ``weight``.
        taxonomy: the K classes.
        optimizer: makes an optimizer of parameters.
        schedule: makes a schedule of (optimizer, total_steps).
        config: the resolved configuration, kept in every checkpoint.
        measure_collapse: whether each validation measures neural collapse too, and the training every so many steps
            how the regularizer's forces on the centers go with the loss's.
        distillation: a teacher whose labels are learned beside one's own.

    Attributes:
        scores: of the latest validation.
        collapse: what the latest validation measured of neural collapse, for a json file; None where nothing was.
        forces: what the latest training batch measured of forces on the centers, curve to value; empty for most.
        terms: losses of the latest training batch, detached.
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
        measure_collapse: bool = True,
        distillation: Distillation | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.regularizer = regularizer
        self.distillation = distillation
        self.taxonomy = taxonomy
        self.make_optimizer = optimizer
        self.make_schedule = schedule
        self.contract = checkpoint.contract(config, taxonomy)
        self.confusion = ConfusionMatrix(len(taxonomy))
        self.scores: Scores | None = None
        self.measure_collapse = measure_collapse
        self.meter: CollapseMeter | None = None
        self.collapse: dict[str, Any] | None = None
        self.force_meter = ForceMeter(taxonomy) if measure_collapse else None
        self.forces: dict[str, float] = {}
        self.terms: dict[str, Tensor] = {}
        self._loss: tuple[Later, VoxelBatch] | None = None

    def training_step(self, batch: VoxelBatch, batch_index: int) -> Tensor:
        """Return the loss of a batch."""
        assert batch.segment is not None  # training scenes have labels
        with record_function("forward"):
            output = self.model(batch)
        with record_function("loss"):
            loss = self.loss(output.logits, batch.segment)
        terms = {"loss/segmentation": loss.detach()}
        if self.distillation is not None:
            with record_function("distillation"):
                distilled = self.distillation(output.features, batch, self.loss)
            terms["loss/distilled"] = distilled.detach()
            loss = (1 - self.distillation.weight) * loss + self.distillation.weight * distilled
        with record_function("regularizer"):
            penalty = self.regularizer(output.features, batch.segment, offsets=batch.offsets)
        if self.regularizer.weight:
            terms["loss/centers"] = penalty.detach()
            weight = self.regularizer.strength(loss, penalty, output.features, batch.segment)
            pull = weight * penalty
            meter = self.force_meter
            if meter is not None and meter.due(self.global_step):
                meter.measure(self.global_step, loss, pull, output.features, batch.segment)
            loss = loss + pull
        terms["loss/total"] = loss.detach()
        self._loss = Later(loss), batch
        self.terms = terms
        self.log_dict({f"{name}_step": value for name, value in terms.items()}, batch_size=batch.batch_size)
        return loss

    def on_after_backward(self) -> None:
        """Look at the loss: now that the backward pass is queued, a GPU goes on computing meanwhile."""
        if self._loss is not None:
            (loss, batch), self._loss = self._loss, None
            if not torch.isfinite(loss.read()):
                self._refuse_non_finite(batch)
        self.forces = {} if self.force_meter is None else self.force_meter.read()
        if self.forces and self.logger is not None:
            self.logger.log_metrics(self.forces, self.global_step)

    def _refuse_non_finite(self, batch: VoxelBatch) -> None:
        """Run the batch once more and name the first module that gave NaN or infinity."""
        culprit: list[str] = []

        def look(name: str) -> Callable[..., None]:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                tensor = output if isinstance(output, Tensor) else getattr(output, "features", None)
                if not culprit and isinstance(tensor, Tensor) and not torch.isfinite(tensor).all():
                    culprit.append(name)

            return hook

        for module in self.model.modules():
            if isinstance(module, nn.SyncBatchNorm):
                module.eval()  # the other ranks, whose loss may be finite, would not answer
        hooks = [module.register_forward_hook(look(name)) for name, module in self.named_modules() if name]
        with torch.no_grad(), self.trainer.precision_plugin.forward_context():
            self.model(batch)
        for hook in hooks:
            hook.remove()
        where = f"first in {culprit[0]}" if culprit else "in the loss"
        half = str(self.trainer.precision).startswith("16")
        remedy = (
            "float16 has overflowed: resume=RUN trainer.precision=32-true goes on from its last checkpoint; or lower "
            if half
            else "lower "
        )
        raise UserError(
            f"the loss is not finite at step {self.global_step} ({where}; scenes {', '.join(batch.names)}): {remedy}"
            "optimizer.lr, set trainer.gradient_clip_val, or raise model.batch_norm_eps (with a + before it)",
            code="diverged",
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
            raise UserError(
                f"scene {batch.names[0]} has no labels to score; prepare the split with labels", code="no-labels"
            )
        output = self.model(batch)
        labels = label_points(output.logits, batch)
        self.confusion.update(torch.cat(labels), batch.point_segment)
        if self.meter is not None:
            with record_function("collapse measures"):
                self.meter.update(output, batch)

    def on_validation_epoch_end(self) -> None:
        """Score the split under the official convention; counts are summed over ranks."""
        self.scores = score(self.confusion.compute().cpu().numpy(), self.taxonomy)
        names = (*SCORES, "overall_accuracy", "mean_accuracy")
        values = {f"val/{name}": torch.tensor(getattr(self.scores, name)) for name in names}
        # Equal on all ranks already: the confusion is synchronized.
        if self.meter is not None:
            self.meter.all_reduce()
            measures = self.meter.compute(self.model)
            self.collapse = {**measures, **self.meter.left_out()}
            values.update({f"val/{name}": torch.tensor(value) for name, value in scalars(measures).items()})
            self.meter = None  # what it gathered is on the device, which the trainer leaves before the report
        self.log_dict({name: value.float() for name, value in values.items() if not value.isnan()})

    def configure_optimizers(self) -> Any:
        """Build optimizer and schedule; the schedule advances once an optimizer step."""
        total = int(self.trainer.estimated_stepping_batches)
        batches = int(self.trainer.num_training_batches) * int(self.trainer.max_epochs or 1)
        # The last step of an epoch may gather fewer batches than the others.
        if self.trainer.max_steps > 0:
            batches = min(batches, self.trainer.max_steps * self.trainer.accumulate_grad_batches)
        self.regularizer.set_length(batches)
        optimizer = self.build_optimizer()
        schedule = self.make_schedule(optimizer, total_steps=total)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Build the optimizer of all that learns, with the rates of its groups."""
        config = self.contract["config"]
        parameters = parameter_groups(self._learning(), config.get("learning_rates") or {}, config["optimizer"]["lr"])
        return self.make_optimizer(parameters, **_in_one_call(self.make_optimizer, self.device))

    def _learning(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, parameter) for name, parameter in self.named_parameters() if parameter.requires_grad]

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Take up a state but for what settings and training split tell loss and regularizer: it may have changed."""
        told = {f"{name}.{buffer}" for name, part in self.named_modules() for buffer in getattr(part, "told", ())}
        own = {name: value for name, value in self.state_dict().items() if name in told}
        others = {name: value for name, value in state_dict.items() if name not in told}
        return super().load_state_dict({**others, **own}, strict, assign)

    def on_load_checkpoint(self, data: dict[str, Any]) -> None:
        """Let the settings of the optimizer win over those that its state repeats."""
        renew_optimizer(data, self.contract["config"], self._learning())

    def on_save_checkpoint(self, data: dict[str, Any]) -> None:
        """Write the contract into the checkpoint."""
        data[checkpoint.KEY] = {**self.contract, "precision": str(self.trainer.precision)}


def _in_one_call(make_optimizer: Callable[..., torch.optim.Optimizer], device: torch.device) -> dict[str, bool]:
    """Return what makes an optimizer update all parameters in one call, where that is not its default.

    On CUDA it nearly is, and Lightning refuses to clip the gradients of a fused optimizer under fp16. What the
    configuration says counts.
    """
    known = inspect.signature(make_optimizer).parameters
    unsaid = all(name in known and known[name].default is None for name in ("fused", "foreach"))
    return {"fused": True} if device.type == "cpu" and unsaid else {}
