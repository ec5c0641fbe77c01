"""Who computes sparse convolutions: the CPU engine, spconv on CUDA, or plain torch on any device.

A network asks for an engine by name; which one serves is decided by the device of the batch, so that a model that was
built on a CPU may move. What an engine can do with half precision is said here too.
"""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple, get_args

import torch

from pointnc.errors import UserError
from pointnc.sparse.spconv_build import spconv_fault

EngineName = Literal["cpu", "spconv", "torch"]

HALVES = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}
"""Lightning's name of a precision to the dtype of its autocast."""

HALF_PRECISION: dict[str, tuple[torch.dtype, ...]] = {
    "cpu": (),
    "spconv": (torch.float16,),
    "torch": (torch.float16, torch.bfloat16),
}
"""Engine to the dtypes that it follows autocast to; under any other one it computes in the dtype of the weights."""


class Engine(NamedTuple):
    """What computes.

    Attributes:
        name: "cpu": compiled loops (numba); "spconv": its CUDA kernels; "torch": gather, product and index_add.
        remark: what a user should know of the choice; "" where it is the best one for the device.
        convolves: whether there is anything for it to do: a transformer has no sparse convolutions.
    """

    name: EngineName
    remark: str = ""
    convolves: bool = True


def choose_engine(wanted: str | None, device: torch.device) -> Engine:
    """Return the engine for batches on ``device``.

    Args:
        wanted: "auto", or the name of an engine; None for a network without sparse convolutions.
        device: where the features are.

    Raises:
        UserError: the name is unknown, or the engine cannot compute on the device; or two builds of spconv are
            installed where one is needed.
    """
    if wanted is None:
        return Engine("torch", convolves=False)
    return _choose(wanted, device.type, device.index)


@functools.cache
def _choose(wanted: str, kind: str, index: int | None) -> Engine:
    names = get_args(EngineName)
    if wanted not in ("auto", *names):
        raise UserError(f"model.engine={wanted}: choose one of auto, {', '.join(names)}", code="option")
    if wanted == "torch":
        return Engine("torch")
    if wanted == "cpu":
        if kind != "cpu":
            raise UserError(
                f"model.engine=cpu cannot compute on {kind}: choose a CPU as accelerator, or engine=auto",
                code="no-device",
            )
        return Engine("cpu")
    if wanted == "auto" and kind == "cpu":
        return Engine("cpu")
    fault = spconv_fault(kind, index)
    if fault is None:
        return Engine("spconv")
    if wanted == "spconv":
        raise UserError(f"model.engine=spconv: {fault}; engine=auto takes what this device has", code="installation")
    return Engine(
        "torch", f"sparse convolutions are computed by plain torch, several times slower than spconv: {fault}"
    )


def compute_dtype(engine: EngineName, device: torch.device, weight: torch.dtype) -> torch.dtype:
    """Return what an engine computes in: autocast's dtype where it knows that one, else the dtype of the weight."""
    kind = device.type
    if HALF_PRECISION[engine] and torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        wanted = torch.get_autocast_dtype(kind)
        if wanted in HALF_PRECISION[engine]:
            return wanted
    return weight
