"""Builds of torch: what they hold code for, which driver they need, and the command that installs one that fits.

The table repeats torch's own support matrix (RELEASE.md; pytorch/pytorch issue 172352 and pull request 182849), the
releases of the driver NVIDIA's guide to CUDA compatibility.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Version = tuple[int, int]
Code = Literal["machine code", "PTX", ""]


@dataclass(frozen=True)
class Build:
    """A line of torch's wheels.

    Attributes:
        index: its name at download.pytorch.org/whl.
        cuda: version of CUDA that it was built for.
        oldest: capability of the oldest devices that it holds code for.
        newest: capability of the newest.
    """

    index: str
    cuda: Version
    oldest: Version
    newest: Version


TORCH_BUILDS = (
    Build("cu130", (13, 0), (7, 5), (12, 9)),  # torch 2.9 and newer
    Build("cu126", (12, 6), (5, 0), (9, 0)),  # to torch 2.14
    Build("cu128", (12, 8), (7, 5), (12, 9)),  # torch 2.7 to 2.11
    Build("cu118", (11, 8), (5, 0), (9, 0)),  # to torch 2.7
)
"""The preferred one first."""

DRIVER_RELEASES = {11: 450, 12: 525, 13: 580}
"""Major version of CUDA to the first release of the driver that runs what was built for it."""


def install_torch(driver: Version | None = None, capability: Sequence[int] | None = None) -> str:
    """Return the command that installs a torch for a machine.

    Args:
        driver: newest CUDA version that the driver knows; None without a driver.
        capability: of the device, (major, minor); None: unknown.
    """
    command = "pip install --force-reinstall torch"
    for build in TORCH_BUILDS:
        if driver is None or build.cuda[0] > driver[0]:
            continue
        if capability is None or build.oldest <= tuple(capability) <= build.newest:
            return f"{command} --index-url https://download.pytorch.org/whl/{build.index}"
    return command


def code_for(capability: Sequence[int], archs: Sequence[str]) -> Code:
    """Return what a build holds for a device: machine code, PTX that the driver compiles at first use, or nothing.

    Machine code runs on devices of the same major version that are not older; PTX on all that are not older.

    Args:
        capability: of the device, (major, minor).
        archs: as ``torch.cuda.get_arch_list()`` names them: sm_86, sm_90a, compute_120.
    """
    best: Code = ""
    for arch in archs:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", arch)
        if match is None:
            continue
        made = (int(match[2]), int(match[3]))
        fits = made == tuple(capability) if match[4] == "a" else made <= tuple(capability)
        same_major = made[0] == capability[0]
        if fits and match[1] == "sm" and same_major:
            return "machine code"
        if fits and match[1] == "compute" and (same_major or not match[4]):
            best = "PTX"
    return best


def capabilities(archs: Sequence[str]) -> str:
    """Return the architectures of a build as text: "7.5, 8.0, 9.0 and PTX for 12.0"."""
    found: dict[str, list[str]] = {"sm": [], "compute": []}
    for arch in archs:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d[af]?)", arch)
        if match is not None:
            found[match[1]].append(f"{match[2]}.{match[3]}")
    ptx = f"PTX for {', '.join(found['compute'])}" if found["compute"] else ""
    return " and ".join(filter(None, (", ".join(found["sm"]), ptx)))


def version_of(text: str | None) -> Version | None:
    """Return "12.6" as (12, 6); None for None."""
    if text is None:
        return None
    major, minor, *_ = [*text.split("."), "0"]
    return int(major), int(minor)


def dotted(version: Sequence[int]) -> str:
    """Return (12, 6) as "12.6"."""
    return ".".join(map(str, version))
