"""How often the host waits for the device in a training step."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pytorch_lightning.callbacks import Callback

from pointnc.training.run import train
from tests.cuda.conftest import ON_DEVICE
from tests.cuda.waits import Waits
from tests.training.test_run import configure

RECIPE = (
    *ON_DEVICE, "dataset=scannet200", "model=minkunet_tiny", "augmentation.transforms.steps.crop.max_points=1500",
    "+callbacks.count={_target_:tests.cuda.test_steps.WholeStep}",
)  # fmt: skip


class Enough(Exception):  # noqa: N818
    """The step was looked at."""


class WholeStep(Callback):
    """Counts from the beginning of the second step to that of the third, when nothing is done for the first time."""

    waits: ClassVar[Waits]
    step: ClassVar[Waits]

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, number: int) -> None:
        if number == 1:
            self.waits.reset()
        elif number == 2:
            WholeStep.step = deepcopy(self.waits)
            raise Enough


@pytest.mark.parametrize(
    ("settings", "bound"),
    [
        (("loss=cross_entropy", "regularizer=ceco"), 2),
        (("loss=logit_adjustment", "regularizer=none"), 2),
        # How large elastic distortion's noise is (twice), where scenes end, how many voxels there are.
        (("loss=cross_entropy", "regularizer=ceco", "device_transforms=true"), 2 + 4),
    ],
)
def test_a_step_hardly_waits(settings: tuple[str, ...], bound: int, store: Path, tmp_path: Path, waits: Waits) -> None:
    WholeStep.waits = waits
    with pytest.raises(Enough):
        train(configure(store, tmp_path / "run", *RECIPE, *settings))
    step = WholeStep.step
    for (kind, place), times in sorted(step.places.items()):
        print(f"{times} × {kind} at {place}")
    assert step.own.total() <= bound
    assert any("precision/amp" in place for _, place in step.places), "GradScaler looks at the gradients in each step"


def test_forces_on_the_centers_are_read_when_they_have_arrived(
    store: Path, tmp_path: Path, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step that measures them reads a second number, behind the loss; and every other step reads one."""
    settings = ("loss=cross_entropy", "regularizer=ceco", "model.neck=200")
    totals = []
    for every in (1, 1000):
        monkeypatch.setattr("pointnc.training.force_meter.EVERY", every)
        WholeStep.waits = waits
        with pytest.raises(Enough):
            train(configure(store, tmp_path / str(every), *RECIPE, *settings))
        totals.append(WholeStep.step.own.total())
        assert all("force" not in place for _, place in WholeStep.step.places)
    assert totals[0] == totals[1] + 1
