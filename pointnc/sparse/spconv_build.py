"""Which build of spconv is installed, and what it can compute on."""

from __future__ import annotations

import functools
import gc
import logging
import re
from importlib.metadata import distributions
from typing import Any

import torch

from pointnc.errors import UserError


@functools.cache
def load_spconv() -> Any:
    """Import spconv's layers for torch: seconds, so it happens when the first convolution runs on CUDA."""
    # The import makes a million small objects that live on: without the collector it takes a third less time.
    # And it asks torch.fx a question that recent versions answer with a warning.
    collecting, logger = gc.isenabled(), logging.getLogger("torch.fx._symbolic_trace")
    level = logger.level
    gc.disable()
    logger.setLevel(logging.ERROR)
    try:
        import spconv.pytorch
    finally:
        logger.setLevel(level)
        if collecting:
            gc.enable()
    return spconv.pytorch


def spconv_fault(kind: str, index: int | None = None) -> str | None:
    """Return why spconv cannot compute on a device, None where it can.

    Args:
        kind: of device, such as "cuda".
        index: its number; None: the current one.

    Raises:
        UserError: two builds of spconv are installed, of which each has overwritten parts of the other.
    """
    if kind != "cuda":
        return f"spconv computes on CUDA, not on {kind}"
    if torch.version.hip is not None:
        return "spconv knows no ROCm"
    builds = installed_builds()
    if len(builds) > 1:
        raise UserError(
            f"{' and '.join(builds)} are both installed and overwrite one another: pip uninstall -y "
            f"{' '.join(builds)}, then pip install {builds[0]}",
            code="installation",
        )
    if not builds:
        return "it is not installed (pip install spconv-cu118)"
    return _fault_of_build(torch.cuda.get_device_capability(index))


def installed_builds() -> list[str]:
    """Return the distributions of spconv that are installed: "spconv" (no CUDA), "spconv-cu118" and so on."""
    names = {str(found.metadata["Name"]).lower().replace("_", "-") for found in distributions()}
    return sorted(name for name in names if re.fullmatch(r"spconv(-cu\d+)?", name))


def _fault_of_build(capability: tuple[int, int]) -> str | None:
    """Return why the installed build cannot compute on CUDA devices of this capability, None where it can."""
    try:
        load_spconv()
        from spconv.core_cc.cumm.common import CompileInfo
        from spconv.cppconstants import CPU_ONLY_BUILD
    except Exception as error:  # whatever a broken build raises is the reason
        return f"it cannot be imported ({' '.join(str(error).split())[:200]})"
    if CPU_ONLY_BUILD:
        return "the installed build of spconv has no CUDA (pip uninstall -y spconv cumm; pip install spconv-cu118)"
    if code_for(capability, CompileInfo) == "none":
        return f"the installed build holds no code for capability {capability[0]}.{capability[1]}"
    return None


def code_for(capability: tuple[int, ...], build: Any) -> str:
    """Return how spconv's kernels reach a device: "machine code", "PTX", "NVRTC", or "none".

    Its matrix kernels and its index kernels are compiled for different lists of architectures. For a device that is
    only in the second list it compiles the former by NVRTC, in every process again.

    Args:
        capability: of the device, (major, minor).
        build: ``spconv.core_cc.cumm.common.CompileInfo``.
    """
    if build.arch_is_compiled_gemm(capability):
        return "machine code"
    if build.arch_is_compatible_gemm(capability):
        return "PTX"
    return "NVRTC" if build.arch_is_compiled(capability) else "none"
