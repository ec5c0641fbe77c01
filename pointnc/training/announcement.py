"""What a run says before it trains."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from omegaconf import DictConfig

from pointnc.runtime import distributed
from pointnc.training import splits
from pointnc.training.data import RunData
from pointnc.training.module import SegmentationModule


def announce(
    choice: DictConfig,
    dataset: DictConfig,
    folder: Path,
    data: RunData,
    module: SegmentationModule,
    resume: Path | None,
    length: str,
    remarks: Iterable[str] = (),
) -> None:
    """Print scenes, classes, network, length and folder, and what there is to remark on them; on the first rank.

    Args:
        choice: names of data set, model and regularizer, of the configuration's ``choice``.
        dataset: its settings, those of ``conf/dataset``.
        folder: of the run.
        data: of the run.
        module: its network and regularizer.
        resume: the checkpoint that it goes on from.
        length: of the training, for people.
        remarks: on the settings.
    """
    if distributed.rank() != 0:
        return
    parameters = sum(p.numel() for p in module.model.parameters())
    print(
        f"{choice.dataset}: {len(data.train.dataset)} training and {len(data.val_dataset)} validation scenes, "  # type: ignore[arg-type]
        f"{len(data.taxonomy)} classes; {choice.model}: {parameters / 1e6:.2f} M parameters; "
        f"regularizer {choice.regularizer}\n{length}\nrun folder {folder}"
        + (f", resumed from {resume}" if resume else ""),
        flush=True,
    )
    of_backbone: list[str] = getattr(module.model.backbone, "remarks", list)()
    for remark in [
        *remarks,
        *splits.remarks(data.store, dataset, data.taxonomy),
        *module.regularizer.remarks(),
        *of_backbone,
    ]:
        print(remark, flush=True)
