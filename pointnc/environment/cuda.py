"""Driver, devices, and whether the installed builds were made for them."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

from pointnc.environment.finding import Finding

Version = tuple[int, int]


def driver_version() -> Version | None:
    """Return the newest CUDA version that the installed driver knows, None without a driver."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
        version = ctypes.c_int()
        if library.cuDriverGetVersion(ctypes.byref(version)) != 0:
            return None
    except (OSError, AttributeError):
        return None
    return version.value // 1000, version.value % 1000 // 10


def check_cuda(driver: Version | None, torch_cuda: str | None, spconv_cuda: Version | None) -> list[Finding]:
    """Compare the driver with what torch and spconv were built for.

    Args:
        driver: newest CUDA version that the driver knows.
        torch_cuda: CUDA version that torch was built for, such as "12.6"; None for a CPU build.
        spconv_cuda: CUDA version that spconv was built for.
    """
    if driver is None:
        return [Finding("CUDA driver", "none: everything runs on the CPU")]
    findings = [Finding("CUDA driver", f"up to CUDA {_text(driver)}")]
    if torch_cuda is None:
        findings.append(
            Finding(
                "torch",
                "built without CUDA, although there is a driver",
                "remark",
                "pip install --force-reinstall torch",
            )
        )
    for name, built, remedy in (
        ("torch", _version(torch_cuda), "update the NVIDIA driver, or pip install a torch for an older CUDA"),
        ("spconv", spconv_cuda, "update the NVIDIA driver, or pip install spconv-cu118"),
    ):
        if built is not None and built[0] > driver[0]:
            text = f"built for CUDA {_text(built)}, the driver knows only {_text(driver)}"
            findings.append(Finding(name, text, "problem", remedy))
    return findings


def check_devices(
    devices: Sequence[Mapping[str, Any]], compiled: Sequence[Version], build: str = "spconv-cu118"
) -> list[Finding]:
    """Compare each device with the architectures that spconv was compiled for.

    Args:
        devices: with ``name``, ``capability`` (major, minor) and ``memory`` in bytes.
        compiled: capabilities that the installed spconv holds code for.
        build: the installed distribution of spconv.
    """
    findings = []
    for number, device in enumerate(devices):
        capability = tuple(device["capability"])
        text = f"{device['name']}, capability {_text(capability)}, {device['memory'] / 2**30:.0f} GiB"
        same_major = [version for version in compiled if version[0] == capability[0] and version <= capability]
        if same_major or not compiled:
            findings.append(Finding(f"device {number}", text))
        else:
            text += f": spconv holds code for {', '.join(_text(version) for version in sorted(compiled))} only"
            newest, cumm = "spconv-cu126", build.replace("spconv", "cumm")
            remedy = f"pip uninstall -y {build} {cumm} && pip install {newest}"
            if build == newest or capability < min(compiled):  # no build has more
                remedy = "accelerator=cpu, meanwhile"
            findings.append(Finding(f"device {number}", text, "problem", remedy))
    return findings


def _version(text: str | None) -> Version | None:
    if text is None:
        return None
    major, minor, *_ = [*text.split("."), "0"]
    return int(major), int(minor)


def _text(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
