"""Which device a command computes on, in which precision, and the line that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointnc.errors import UserError
from pointnc.runtime.driver import driver_version

if TYPE_CHECKING:
    import torch

ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "mps")
"""What ``accelerator=`` may be; "gpu" is another word for "cuda", which on ROCm means AMD's devices."""


def device_of(accelerator: str) -> torch.device:
    """Return the device that an accelerator's name means; "auto": CUDA where torch can use it, else the CPU.

    Raises:
        UserError: the name is unknown, or torch sees no such device.
    """
    import torch

    if accelerator not in ACCELERATORS:
        raise UserError(f"accelerator={accelerator} is unknown; choose one of {', '.join(ACCELERATORS)}", code="option")
    if accelerator == "mps":
        if not torch.backends.mps.is_available():
            raise UserError("accelerator=mps, but torch sees no Metal device; use accelerator=cpu", code="no-device")
        return torch.device("mps")
    available = torch.cuda.is_available()
    if accelerator in ("cuda", "gpu") and not available:
        raise UserError(
            f"accelerator={accelerator}, but torch sees no CUDA device; python -m pointnc.doctor says why, "
            "accelerator=cpu does without",
            code="no-device",
        )
    return torch.device("cuda" if available and accelerator != "cpu" else "cpu")


def idle_driver() -> str | None:
    """Return what is wrong where an NVIDIA driver is installed and torch can use no device; None where nothing is."""
    import torch

    if torch.cuda.is_available():
        return None
    driver = driver_version()
    if driver is None:
        return None
    build = f"is built for CUDA {torch.version.cuda}" if torch.version.cuda else "is a build without CUDA"
    return (
        f"an NVIDIA driver for CUDA {driver[0]}.{driver[1]} is installed, but torch {torch.__version__} {build} and "
        "sees no device: this runs on the CPU, which may take days; python -m pointnc.doctor says what to install"
    )


def describe(device: torch.device, half: torch.dtype | None, engine: str | None, processes: int = 1) -> str:
    """Return a line with the device, how many there are of it, the precision, and who computes the convolutions.

    Args:
        device: of this process.
        half: dtype of autocast, None for float32.
        engine: name of the engine of sparse convolutions; None where there are none.
        processes: that compute together, a device each.
    """
    import torch

    name = {"cpu": f"CPU, {torch.get_num_threads()} threads", "mps": "Apple GPU (mps)"}.get(device.type)
    if name is None:
        name = f"{torch.cuda.get_device_name(device)} ({device.type})"
    count = f"{processes} processes, each on " if processes > 1 else ""
    precision = "float32" if half is None else f"{str(half).removeprefix('torch.')} (mixed)"
    by = "" if engine is None else f"; sparse convolutions by {_ENGINES[engine]}"
    return f"device: {count}{name}; {precision}{by}"


_ENGINES = {"cpu": "the CPU engine", "spconv": "spconv", "torch": "plain torch"}
