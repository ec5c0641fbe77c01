"""What a training run computes with: device, precision and engine, settled before anything is built."""

from __future__ import annotations

import sys
from typing import NamedTuple

import torch

from pointnc.checks import check_option
from pointnc.errors import UserError
from pointnc.runtime import distributed
from pointnc.runtime.devices import describe, device_of, idle_driver
from pointnc.sparse.engines import HALF_PRECISION, HALVES, Engine, choose_engine

SHORT = {"32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}
"""Lightning's other names of the precisions that there are."""


class Machine(NamedTuple):
    """What a run computes with.

    Attributes:
        device: of this process.
        precision: as Lightning names it.
        engine: of the sparse convolutions.
    """

    device: torch.device
    precision: str
    engine: Engine

    @property
    def half(self) -> torch.dtype | None:
        """The dtype of autocast, None without."""
        return HALVES.get(self.precision)

    def announce(self) -> None:
        """Print the device, the precision and the engine, and what should be known of them; on rank 0."""
        if distributed.rank() != 0:
            return
        warning = idle_driver() if self.device.type == "cpu" else None
        if warning:
            print(f"WARNING: {warning}", file=sys.stderr, flush=True)
        engine = self.engine.name if self.engine.convolves else None
        print(describe(self.device, self.half, engine, distributed.world_size()))
        for remark in filter(None, (self.engine.remark, self._remark())):
            print(f"  {remark}")

    def _remark(self) -> str:
        if self.half is None or self.half in HALF_PRECISION[self.engine.name]:
            return ""
        return (
            f"{self.engine.name} knows no {str(self.half).removeprefix('torch.')}: it computes sparse convolutions in "
            "float32, which is slow; trainer.precision=16-mixed (on CUDA) or model.engine=torch follow it"
        )


def machine_of(accelerator: str, precision: str, engine: str | None) -> Machine:
    """Return what a run's settings and this machine make of one another.

    Args:
        accelerator: ``trainer.accelerator``.
        precision: ``trainer.precision``.
        engine: of the sparse convolutions, see :func:`~pointnc.sparse.engines.choose_engine`.

    Raises:
        UserError: an unknown or missing device, an engine that cannot compute there, or a precision that it lacks.
    """
    device = device_of(accelerator)
    chosen = choose_engine(engine, device)
    precision = SHORT.get(precision, precision)
    check_option("trainer.precision", precision, "auto", "32-true", *HALVES)
    if precision == "auto":
        precision = "16-mixed" if device.type == "cuda" else "32-true"
    if precision.startswith("16") and device.type == "cpu":
        raise UserError(f"trainer.precision={precision} needs a GPU; on a CPU use 32-true", code="no-device")
    return Machine(device, precision, chosen)
