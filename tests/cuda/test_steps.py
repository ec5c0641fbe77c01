"""How often the host waits for the device in a training step."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pytorch_lightning.callbacks import Callback

from pointnc.training.run import train
from tests.cuda.conftest import ON_DEVICE
from tests.cuda.waits import Waits
from tests.training.test_run import configure

RECIPE = (
    "dataset=scannet200", "model=minkunet_tiny", "batch_size=1", "trainer.check_val_every_n_epoch=9", "sampling=uniform",
    "augmentation.transforms.steps.crop.max_points=1500", "trainer.max_epochs=1", "trainer.accelerator=auto",
)  # fmt: skip
BOUND = 2


class StepWaits(Callback):
    """Keeps what is counted from the beginning of a step to the beginning of the next one."""

    waits: ClassVar[Waits]
    steps: ClassVar[list[Waits]]

    def on_train_batch_start(self, *_: Any) -> None:
        step = Waits()
        step.places.update(self.waits.places)
        self.steps.append(step)
        self.waits.reset()


@pytest.mark.parametrize(
    "settings",
    [
        ("loss=cross_entropy", "regularizer=ceco"),
        ("loss=logit_adjustment", "regularizer=none"),
        ("loss=cross_entropy", "regularizer=ceco", "device_transforms=true"),
    ],
    ids=" ".join,
)
def test_a_step_waits_twice_at_most(settings: tuple[str, ...], store: Path, tmp_path: Path, waits: Waits) -> None:
    StepWaits.waits, StepWaits.steps = waits, []
    count = "+callbacks.count={_target_:tests.cuda.test_steps.StepWaits}"
    train(configure(store, tmp_path / "run", *ON_DEVICE, *RECIPE, *settings, count))
    step = StepWaits.steps[-1]  # from the last but one batch to the last: nothing is done for the first time
    for (kind, place), times in sorted(step.places.items()):
        print(f"{times} {kind} at {place}")
    own = step.own.total()
    assert own <= BOUND, f"{own} waits of the project's own in a step: {dict(step.own)}"
